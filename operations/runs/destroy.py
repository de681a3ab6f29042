"""A whole cluster destroyed: stopped, and all that this project put on its hosts removed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.all import emptied_directories, enabled_units, foreign_paths, own_units
from cluster.components.etcd import etcd_data_directory
from cluster.components.patroni_unit import UNIT as PATRONI
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.member_data import SeenData
from cluster.plans.destroy import backups_on, data_on, destroyed_lines, destruction_lines, refuse_foreign, traces_on
from cluster.verdicts.data_positions import is_running
from facts.host import HostComponent
from facts.member_data import ClustersNamed, MemberData
from operations.acts.commands import remove_paths
from operations.acts.component import Commands
from operations.acts.tablespaces import removal_of_tablespaces
from operations.live.member_data import data_question, members_data
from operations.packages import release_holds
from operations.runs.services import within_run
from operations.runs.stop import await_the_last_record, stop_member, stop_primary
from operations.util.console import print_lines
from operations.util.hosts import acts_for, acts_here, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read

# Begun by a timer, by a run or by hand; none of them is enabled.
_JOBS = "systemctl stop 'pgbackrest-backup@*.service' pgbackrest-drill.service pgbackrest-restore.service 2>/dev/null"

# A member whose restore was begun.
_UNMASK = f"systemctl unmask --quiet {PATRONI} 2>/dev/null"


@operation()
def announce(cluster: Cluster, *, confirmed: bool, wipe: bool, backups: bool, secrets: str) -> Commands:
    """
    Say what goes and what stays. Refuses hosts of another cluster, and whatever nobody has confirmed; nothing that is
    broken.

    + confirmed: the operator has named the cluster
    + wipe: PostgreSQL's data go, too; + backups: and the backups
    + secrets: where the control machine has them
    """
    if not acts_here(cluster.nodes):
        return
    nodes = in_this_run(cluster)
    above = str(PurePosixPath(etcd_data_directory(cluster)).parent)
    named = read(nodes, ClustersNamed, etcd_above=above)
    refuse_foreign(cluster, {name: found or [] for name, found in named.items()})
    absent = [node.name for node in cluster if node not in nodes]
    print_lines(destruction_lines(cluster, absent, wipe=wipe, backups=backups, secrets=secrets))
    if dry_run():
        yield from decide_later("what there is to destroy")
        return
    if not confirmed:
        raise UnsafeError(f"nothing was touched\nHINT: add --data confirm={cluster.name} to destroy it.")
    host.noop("confirmed")


@operation()
def sync_last_record(cluster: Cluster) -> Commands:
    """Where there is one primary: let all others have its last record, so that whoever's data are kept, all are."""
    if not acts_here(cluster.members):
        return
    seen = _seen(within_run(cluster).members, cluster)
    primaries = [name for name, one in seen.items() if one["in_recovery"] is False]
    if dry_run() or len(primaries) != 1:
        host.noop("there is no single primary")
        return
    yield from stop_primary(cluster, cluster.node(primaries[0]), seen, stop_member(cluster, at_any_price=True))
    await_the_last_record(cluster, _seen(within_run(cluster).members, cluster))


def _seen(nodes: Sequence[Node], cluster: Cluster) -> dict[str, SeenData]:
    said = members_data(cluster, nodes)
    return {name: one for name, one in said.items() if one is not None}


@operation()
def stop_postgres(cluster: Cluster) -> Commands:
    """Stop PostgreSQL and Patroni on this host, whatever state they are in."""
    node = cluster.node(host.name)
    if "postgres" not in node.roles or not is_running(host.get_fact(MemberData, **data_question(cluster))):
        host.noop("no PostgreSQL runs here")
        return
    yield stop_member(cluster, at_any_price=True)


@operation()
def remove_files(cluster: Cluster, *, wipe: bool, backups: bool) -> Commands:
    """
    Remove all traces of the cluster from this host. Packages stay.

    + wipe: PostgreSQL's data, too; + backups: and the backups
    """
    node = cluster.node(host.name)
    paths = [
        *traces_on(cluster, node),
        *(data_on(cluster, node) if wipe else ()),
        *(backups_on(cluster, node) if backups else ()),
    ]
    seen = host.get_fact(HostComponent, paths=paths, units={unit: [] for unit in enabled_units(cluster, node)})
    own = own_units(cluster, node, seen["paths"])
    units = [name for name in own if _is_on(seen["units"][name]["active"], seen["units"][name]["enabled"])]
    foreign = foreign_paths(cluster, node, seen["paths"])
    there = [path for path in paths if seen["paths"][path] is not None and path not in foreign]
    if units:
        # Masked is a member whose restore was begun.
        yield StringCommand(
            f"systemctl unmask --quiet {PATRONI}; {_JOBS}; systemctl disable --now --quiet {_all(units)}"
        )
    if there:
        remove = remove_paths(there, emptied_directories())
        data = [path for path in there if path in data_on(cluster, node)]
        yield StringCommand("".join(map(removal_of_tablespaces, data)) + remove)
    yield from release_holds(cluster, node)
    if not units and not there:
        host.noop(f"nothing of {cluster.name} is here")


def _is_on(active: str, enabled: str) -> bool:
    return active not in ("inactive", "failed") or enabled in ("enabled", "masked")


def _all(words: Sequence[str]) -> str:
    return " ".join(map(quote, words))


@operation()
def report(cluster: Cluster, *, wipe: bool, secrets: str) -> Commands:
    """Say what is left to the operator. + wipe: no data were kept; + secrets: where the control machine has them"""
    if acts_for(cluster.nodes) and not dry_run():
        kept = {} if wipe else _seen(within_run(cluster).members, cluster)
        holding = [name for name, one in kept.items() if one["control"] is not None]
        print_lines(destroyed_lines(cluster, holding, secrets=secrets))
    host.noop("reported above")
    return
    yield
