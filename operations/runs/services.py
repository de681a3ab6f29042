"""The services around PostgreSQL, stopped and started together on all hosts of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.all import units_of
from cluster.components.component_type import Phase
from cluster.components.etcd import UNIT as ETCD
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.host import SeenUnit
from cluster.verdicts.etcd_members import outage, unwell
from cluster.verdicts.removal_notes import remaining
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from operations.acts.commands import or_journal
from operations.acts.component import Commands
from operations.acts.last_lines import show_last_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import decide_later, dry_run

QUORUM_SECONDS = 60


@operation()
def stop_services(cluster: Cluster, phase: Phase) -> Commands:
    """
    Stop services of this host, which stay enabled: a boot starts them again.

    + phase: which of them, see docs/runs/stop.md
    """
    running = [name for name, unit in _units(cluster, phase).items() if unit["active"] not in ("inactive", "failed")]
    if running:
        yield StringCommand(f"systemctl stop {' '.join(map(quote, running))}")
    else:
        host.noop("none of these units runs here")


@operation()
def start_services(cluster: Cluster, phase: Phase) -> Commands:
    """
    Start services of this host that a boot would start, too; what somebody has disabled stays down and is named.

    + phase: which of them, see docs/runs/stop.md
    """
    down = {name: unit for name, unit in _units(cluster, phase).items() if unit["active"] in ("inactive", "failed")}
    for name, unit in down.items():
        if unit["enabled"] == "enabled":
            yield _start(name)
        else:
            host.log(f"{name} is {unit['enabled'] or 'not installed'} here and stays down")
    if not down:
        host.noop("its units run")


def _start(unit: str) -> StringCommand:
    # etcd says that it is up when it has a quorum, for which the others have to be started.
    block = "--no-block " if unit == ETCD else ""
    reset = f"systemctl reset-failed {quote(unit)} 2>/dev/null"
    return StringCommand(f"{reset}; systemctl start {block}{quote(unit)} {or_journal(unit)}")


def _units(cluster: Cluster, phase: Phase) -> Mapping[str, SeenUnit]:
    names = units_of(cluster, cluster.node(host.name), phase)
    return host.get_fact(HostComponent, paths=[], units={name: [] for name in names})["units"] if names else {}


def within_run(cluster: Cluster) -> Cluster:
    """The cluster as far as this run reaches: without the hosts that ``--limit`` and ``--exclude`` leave out."""
    within = {node.name for node in in_this_run(cluster)}
    return remaining(cluster, {node.name for node in cluster} - within)


@operation()
def await_quorum(cluster: Cluster) -> Commands:
    """Wait until etcd has its quorum; a member that is dead is none's business. Refuses when it does not come."""
    if not acts_here(cluster.etcd):
        return
    question = {"endpoints": within_run(cluster).etcd_endpoints, "prefix": cluster.scope_key}
    seen = host.get_fact(EtcdCluster, **question, if_open=dry_run())
    if dry_run():
        yield from decide_later("whether etcd has its quorum") if outage(seen) else ()
        return
    if outage(seen):
        seen = host.get_fact(EtcdCluster, **question, wait_seconds=QUORUM_SECONDS)
    if obstacle := outage(seen):
        for node in unwell(within_run(cluster), seen):
            show_last_lines(node, ETCD)
        raise UnsafeError(
            f"{obstacle}\nHINT: more than half of etcd's hosts have to be up: start them and run again; when the data "
            "of so many are lost or damaged, deploys/etcd_restore.py rebuilds it."
        )
    host.noop("etcd has its quorum")
