"""Whether a lost etcd is to be rebuilt, from what, and which member of PostgreSQL leads afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from cluster.components.etcd import etcd_data_directory
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcdRecovery
from cluster.observed.member_data import SeenData
from cluster.plans.etcd_reinit import reinit_command
from cluster.plans.etcd_restore.order import DATA, SNAPSHOT, Order, Source
from cluster.plans.restore.in_place import turns_in
from cluster.verdicts.data_positions import PRIMARY, DataPosition, refuse_other_clusters
from cluster.verdicts.lives import parted

Remains = Mapping[str, SeenEtcdRecovery | None]

UNTOUCHED = "nothing was touched"


def sources(remains: Remains) -> list[Source]:
    """What etcd can be rebuilt from, the best one first. + remains: ``EtcdRecovery`` by host"""
    found = [
        Source(name, kind, one["path"], one["revision"], one["at"])
        for name, seen in remains.items()
        if seen is not None
        for kind, listed in ((DATA, seen["kept"]), (SNAPSHOT, seen["snapshots"]))
        for one in listed
    ]
    # All are of one history, in which the revision grows with every write: what a member has committed to its database
    # is as good as a snapshot, and newer than any that a timer took. Data that an earlier rebuilding put aside come
    # last: they are what it was begun for.
    return sorted(found, key=lambda one: (".before-" in one.path, -one.revision, one.kind != DATA))


def chosen_source(cluster: Cluster, remains: Remains, wanted: str | None) -> Source:
    """The source to rebuild from. Refuses when there is none. + wanted: the host that the operator named"""
    found = [one for one in sources(remains) if wanted in (None, one.host)]
    if not found:
        where = wanted or "any host"
        raise UnsafeError(
            f"neither data of a member of etcd nor a snapshot is on {where}\n"
            f"HINT: put a snapshot into /var/lib/pyinfra-patroni/etcd-snapshots of a host of {cluster.name}; "
            f"docs/runs/etcd-restore.md says what is left without one. {UNTOUCHED}."
        )
    return found[0]


def home_of(cluster: Cluster, source: Source) -> Node:
    """Where etcd begins again: where the source is, else on its first host. + source: as chosen"""
    return next((node for node in cluster.etcd if node.name == source.host), cluster.etcd[0])


def answering(cluster: Cluster, remains: Remains) -> list[str]:
    """The hosts whose etcd answers what takes the quorum. + remains: ``EtcdRecovery`` by host"""
    return [node.name for node in cluster.etcd if (seen := remains[node.name]) and seen["quorum"]]


def refuse_needless(cluster: Cluster, remains: Remains) -> None:
    """Refuse while etcd has its quorum, and while enough of its data are there for one. + remains: by host"""
    if named := answering(cluster, remains):
        raise UnsafeError(
            f"etcd of {cluster.name} has its quorum: asked on {', '.join(named)}\n"
            f"HINT: {UNTOUCHED}; a host whose data of etcd are damaged or lost gets new ones by "
            f"{_reinit(cluster, remains)}; a host that is lost is replaced by deploys/replace_node.py, or taken out by "
            "deploys/remove_node.py."
        )
    data = etcd_data_directory(cluster)
    there = [node.name for node in cluster.etcd if (seen := remains[node.name]) and seen["data"]]
    if len(there) > len(cluster.etcd) // 2 and not all(_runs(remains, name) for name in there):
        raise UnsafeError(
            f"etcd's data are there on {', '.join(there)}, which is a quorum\n"
            "HINT: `systemctl start etcd` on each of them first; where it cannot start, "
            f"`mv {data} {data}.damaged` there, and run this again. {UNTOUCHED}."
        )


def _reinit(cluster: Cluster, remains: Remains) -> str:
    """The run for the one member that is lame, or for whichever it is."""
    lame = [node.name for node in cluster.etcd if node.name not in answering(cluster, remains)]
    return reinit_command(lame[0] if len(lame) == 1 else "NAME")


def _runs(remains: Remains, name: str) -> bool:
    seen = remains[name]
    return seen is not None and seen["active"]


def refuse_unread(cluster: Cluster, silent: Collection[str], absent: Collection[str]) -> None:
    """
    Refuse while hosts are not to be read, or not to be acted on.

    + silent: hosts that gave no answer
    + absent: hosts that this run may not touch
    """
    needed = {node.name for node in (*cluster.etcd, *cluster.members)}
    if named := [node.name for node in cluster if node.name in needed and node.name in silent]:
        raise UnsafeError(
            f"{', '.join(named)} cannot be read: it may be the most advanced, or have etcd's quorum with others\n"
            "HINT: bring it back; if it is gone for good and switched off, add "
            f"--data without={','.join(named)} --exclude {','.join(named)}. {UNTOUCHED}."
        )
    if named := [node.name for node in cluster if node.name in needed and node.name in absent]:
        raise UnsafeError(
            f"{', '.join(named)} is not in this run, and would continue with what it has\n"
            f"HINT: run without --limit and --exclude. {UNTOUCHED}."
        )


def refuse_divided(cluster: Cluster, standing: Sequence[DataPosition]) -> None:
    """Refuse when the data are of two clusters, or two members are primaries, or there are no data at all."""
    if not standing:
        raise UnsafeError(
            f"no member of {cluster.name} has data, so there is nothing that could lead\n"
            "HINT: deploys/restore.py --data source=CLUSTER builds the cluster again from its backups."
        )
    refuse_other_clusters(cluster, standing)
    for one, other in combinations(standing, 2):
        if (turn := parted(one.turns, other.turns)) is not None:
            raise UnsafeError(
                f"the data of {one.name} and {other.name} are of two lives of {cluster.name}: they left timeline "
                f"{turn} at different positions, as a copy and its original\n"
                f"HINT: move away those that are not of this cluster, on their host. {UNTOUCHED}."
            )
    if len(primaries := [one.name for one in standing if one.state == PRIMARY]) > 1:
        raise UnsafeError(
            f"{' and '.join(primaries)} are primaries at the same time\n"
            "HINT: compare their data by hand; stop Patroni on the one whose data are to be given up, and run again. "
            f"{UNTOUCHED}."
        )


def refuse_running(seen: Mapping[str, SeenData]) -> None:
    """Refuse when PostgreSQL runs on although Patroni was stopped, as it does in a pause. + seen: ``MemberData``"""
    if running := [name for name, one in seen.items() if one["server"]]:
        raise UnsafeError(
            f"PostgreSQL still runs on {', '.join(running)} without Patroni: the cluster was paused\n"
            "HINT: stop it there with `pg_ctlcluster` or `pg_ctl stop -m fast`, and run this again; it goes on."
        )


def refuse_foreign(
    cluster: Cluster, order: Order, keys: Mapping[str, str] | None, identifier: str, turns: Mapping[int, int]
) -> None:
    """
    Refuse to let members meet an etcd that does not know their cluster: they would not start, or begin another one.

    + keys: what the rebuilt etcd holds below the cluster's prefix
    + identifier: of the members' data; + turns: where these left their earlier timelines
    """
    known = (keys or {}).get(cluster.key("initialize"))
    turn = parted(turns, turns_in(cluster, keys or {}))
    if known == identifier and cluster.key("config") in (keys or {}) and turn is None:
        return
    what = f"knows {cluster.name} as {known}, the data are {identifier}" if known else f"does not know {cluster.name}"
    if known == identifier and turn is not None:
        what = f"is of another life of {cluster.name}, which left timeline {turn} elsewhere than the data"
    raise UnsafeError(
        f"the etcd from {order.source} {what}\n"
        "HINT: run again with --data from=HOST for another source; no Patroni was started, and all data are kept."
    )
