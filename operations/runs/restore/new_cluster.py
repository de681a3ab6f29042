"""Bootstrap a new cluster from a backup: restore the data of its first member, before Patroni starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.files import Directory, File
from cluster.components.patroni import REPLICATION_USER, REWIND_USER, SUPERUSER
from cluster.components.pgbackrest import CONFIGURATION, USER
from cluster.components.pgbackrest_source import SOURCE, SOURCE_CONFIGURATION, source_configuration
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd
from cluster.observed.restore import SeenRestore
from cluster.pki.certificates import PGBACKREST
from cluster.pki.issuers import leaf_sources
from cluster.plans.restore.in_place import Restore, turns_in
from cluster.plans.restore.new_cluster import new_lines, new_plan
from cluster.plans.restore.target import Target
from cluster.secrets.secrets import Secret, scram_verifier
from cluster.verdicts.databases import identifier, literal, script
from cluster.verdicts.health import has_begun
from cluster.verdicts.tablespaces import source_obstacle
from facts.etcd import EtcdCluster
from facts.pgbackrest_restore import STATE, RestoreState
from facts.postgres.tablespaces import TablespacePlaces
from operations.acts.component import Commands, written
from operations.acts.restore_member import await_restore, begin_restore, record_job
from operations.live.repository import known_tablespaces, refuse_another_life, repository_to_read
from operations.util.console import print_lines
from operations.util.hosts import current_node
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read_first


@operation()
def restore_from_source(
    cluster: Cluster,
    source: Cluster,
    target: Target,
    secrets: Mapping[str, Secret],
    source_secrets: Path,
    repository: int = 0,
) -> Commands:
    """
    Restore the first member's data from another cluster's backup, or from the cluster's own after its hosts were lost.
    The source is only read. Changes nothing when a run before has done it; refuses when the cluster exists, and when it
    has backups of another life: restored data would go on with their WAL.

    + source: may be the cluster itself
    + secrets: of the new cluster, whose passwords the roles get
    + source_secrets: ``.secrets/<source>``, with the CA that its repository host trusts
    + repository: pgBackRest's number of the source's repository to read; 0: the first that has backups
    """
    first = cluster.members[0]
    if first.name != current_node():
        host.noop(f"{first.name} bootstraps the cluster")
        return
    if dry_run():
        yield from decide_later(f"whether {cluster.name} can begin with a backup of {source.name}")
        return
    seen = host.get_fact(RestoreState, data=cluster.data_directory, room=True)
    if _has_begun(cluster, seen):
        host.noop("the data are restored, and the cluster runs with them")
        return
    if source is not cluster:
        refuse_another_life(cluster)
    plan, known = _planned(cluster, source, target, repository, seen)
    print_lines(new_lines(cluster, source, plan))
    if seen["result"] is not None and seen["order"] == plan.order:
        host.noop("the data are restored")
        return
    if not seen["running"]:
        roles = _roles(secrets)
        yield from _unit_begun(cluster, source, source_secrets, plan, tablespaces=known, roles=roles)
    result = await_restore(cluster, first)
    print_lines([f"restored to {result['lsn']}; last transaction of {result['time'] or 'an unknown time'}"])


def _unit_begun(
    cluster: Cluster, source: Cluster, source_secrets: Path, plan: Restore, *, tablespaces: Sequence[str], roles: str
) -> Commands:
    """Note the restore on the first member, give it access to the source's repository, and begin the unit."""
    first, configuration = cluster.members[0], CONFIGURATION
    yield record_job(first, plan.order)
    if source is not cluster:
        yield from written(_source_files(cluster, source, source_secrets))
        configuration = SOURCE_CONFIGURATION
    where = {"stanza": source.name, "configuration": configuration, "roles": roles}
    yield from begin_restore(cluster, first, plan.target, plan.order, tablespaces=tablespaces, **where)


@operation()
def report(cluster: Cluster) -> Commands:
    """Forget the restore when the cluster runs with its data, and take the access to the source away."""
    first = cluster.members[0]
    if first.name != current_node():
        host.noop("nothing was restored here")
        return
    seen = host.get_fact(RestoreState, data=cluster.data_directory)
    if dry_run():
        yield from decide_later("the end of the restore")
    elif seen["order"] is None:
        host.noop("nothing was restored here")
    else:
        yield StringCommand(f"rm -rf {SOURCE} {STATE}")


def _places(cluster: Cluster, locations: Sequence[str]) -> dict[str, str]:
    """What there is on the first member where the backup has tablespaces."""
    question = {"locations": locations, "version": cluster.settings.postgres_version}
    return host.get_fact(TablespacePlaces, **question) if locations else {}


def _has_begun(cluster: Cluster, seen: SeenRestore) -> bool:
    """Whether a run before has done it all. Refuses a cluster that began otherwise."""
    keys = _keys(cluster)
    if keys is None:
        raise UnsafeError(
            f"etcd does not say whether {cluster.name} exists\nHINT: look at 'journalctl -u etcd' on its hosts."
        )
    exists = has_begun(cluster, keys)
    if exists and seen["order"] is None:
        raise UnsafeError(f"the cluster {cluster.name} exists\nHINT: without --data source it is taken back in place.")
    return exists


def _planned(
    cluster: Cluster, source: Cluster, target: Target, repository: int, seen: SeenRestore
) -> tuple[Restore, Sequence[str]]:
    """What is restored, and the directories of the backup's tablespaces. Refuses those that are somebody else's."""
    keys = _keys(source)  # the source may be gone for good; then only its backups speak
    turns = turns_in(source, keys) if keys else None
    plan = new_plan(cluster, source, repository_to_read(source, repository), seen, turns, target, keys)
    known = known_tablespaces(source, plan)
    if not seen["begun"] and (obstacle := source_obstacle(cluster, source, _places(cluster, known))):
        raise UnsafeError(obstacle)
    return plan, known


def _keys(cluster: Cluster) -> Mapping[str, str] | None:
    question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    seen: SeenEtcd | None = read_first(cluster.etcd, EtcdCluster, **question)
    return None if seen is None else seen["keys"]


def _source_files(cluster: Cluster, source: Cluster, secrets: Path) -> list[Directory | File]:
    """Access to the source's repository: its host lets the source's members in, and this one comes as one of them."""
    leaves = leaf_sources(source, secrets, plans=dry_run())[PGBACKREST.issuer]
    leaf = leaves.leaf(source.members[0], PGBACKREST)
    contents = {"ca.crt": leaves.trust_pem, "client.crt": leaf.certificate_pem, "client.key": leaf.key_pem}
    files = [File(f"{SOURCE}/{name}", content, USER, USER, "600") for name, content in contents.items()]
    return [Directory(SOURCE, USER, USER, "700"), *files, source_configuration(source, cluster.data_directory)]


def _roles(secrets: Mapping[str, Secret]) -> Secret:
    """The passwords that Patroni here has; the backup brings those of the source."""
    names = {SUPERUSER: "SUPERUSER", REPLICATION_USER: "REPLICATION", REWIND_USER: "REWIND"}
    return script(
        [
            f"alter role {identifier(role)} password {literal(scram_verifier(secrets[f'PATRONI_{name}_PASSWORD']))}"
            for role, name in names.items()
        ]
    )
