"""What is wrong between the declared modes of replication and the members' tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.declared.model import Cluster, Node
from cluster.findings import Finding
from cluster.tags import SINCE, may_be_synchronous

TAGS, MODE, COUNT = "patroni_tags", "patroni_synchronous_mode", "patroni_synchronous_node_count"

# With any of these a commit does not wait for what the mode promises.
# https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
LOSSY = ("off", "local", "false", "no", "0")

# Before, Patroni takes the word for off.
QUORUM_SINCE = (4, 0)


def replication_findings(cluster: Cluster) -> list[Finding]:
    """Cascades that lead nowhere, and modes that the members cannot fulfil."""
    found = [*_cascades(cluster)]
    return found if cluster.settings.patroni_synchronous_mode == "off" else [*found, *_synchronous(cluster)]


def _cascades(cluster: Cluster) -> Iterable[Finding]:
    sources = {node.name: str(node.settings.patroni_tags.get("replicatefrom", "")) for node in cluster.members}
    listed = ", ".join(sources)
    for name, source in sources.items():
        if source == name:
            problem = f"replicatefrom of {name} names itself"
        elif source and source not in sources:
            problem = f"replicatefrom of {name} names {source}, which is no member"
        elif name in _upstream(sources, name):
            problem = f"replicatefrom of {name} leads in a circle: {' -> '.join([name, *_upstream(sources, name)])}"
        else:
            continue
        yield Finding("inventory.py", TAGS, problem, f"Name a member that streams from the leader; there are {listed}.")


def _upstream(sources: Mapping[str, str], name: str) -> list[str]:
    """The members that one gets its WAL through, the nearest first, up to the first that comes twice."""
    path: list[str] = []
    while (name := sources.get(name, "")) and name not in path:
        path.append(name)
    return path


def may_become_synchronous(cluster: Cluster) -> list[str]:
    """The members that may be synchronous by their declared tags; one of them leads, most of the time."""
    return [node.name for node in cluster.members if may_be_synchronous(node.settings.patroni_tags)]


def _synchronous(cluster: Cluster) -> Iterable[Finding]:
    settings = cluster.settings
    able = may_become_synchronous(cluster)
    if len(able) <= settings.patroni_synchronous_node_count:
        who = f"only {', '.join(able)} may" if able else "no member may"
        problem = f"{settings.patroni_synchronous_node_count} synchronous standbys beside the leader, and {who} be one"
        hint = f"Lower {COUNT}, add members, or take nosync, sync_priority 0 and replicatefrom from some."
        yield Finding("group_data/all.py", COUNT, problem, hint)
    commit = settings.postgres_parameters.get("synchronous_commit")
    if commit is not None and (commit is False or str(commit).lower() in LOSSY):
        problem = (
            f"synchronous_commit {commit!r} waits for no standby, and {MODE} is {settings.patroni_synchronous_mode!r}"
        )
        hint = "Take it out; a session that may lose its commits sets it for itself."
        yield Finding("group_data/all.py", "postgres_parameters", problem, hint)
    if settings.patroni_synchronous_mode == "quorum":
        yield from _priorities(cluster)


def _priorities(cluster: Cluster) -> Iterable[Finding]:
    for node in cluster.members:
        for name in ("failover_priority", "sync_priority"):
            if node.settings.patroni_tags.get(name, 0):
                problem = f"{name} of {node.name} has no effect with {MODE} 'quorum'"
                hint = f"Patroni takes the standby with the most WAL then; take {name} out, or set {MODE} = 'on'."
                yield Finding("inventory.py", TAGS, problem, hint)


def patroni_findings(cluster: Cluster, node: Node, version: tuple[int, ...], hint: str) -> Iterable[Finding]:
    """
    What the Patroni of a member is too old for, and would not complain about.

    + version: the one that is installed, or will be
    + hint: how to come by a newer one
    """
    wanted = {f"the tag {name}": SINCE[name] for name in node.settings.patroni_tags if name in SINCE}
    if cluster.settings.patroni_synchronous_mode == "quorum":
        wanted[f"{MODE} 'quorum'"] = QUORUM_SINCE
    for what, since in wanted.items():
        if version < since:
            has, needs = (".".join(map(str, one)) for one in (version, since))
            yield Finding(node.name, "patroni", f"{what} needs Patroni {needs}, the host's is {has}", hint)
