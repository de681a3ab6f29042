"""Snapshots of etcd: the timer that takes them on every host that keeps some, and one now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from pyinfra.api import StringCommand, operation

from cluster.components.component import Component
from cluster.components.etcd_snapshot import (
    PROGRAM,
    SERVICE,
    SERVICE_PATH,
    SNAPSHOTS,
    TIMER,
    TIMER_PATH,
    copyists,
    snapshot_hosts,
)
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenSnapshots
from cluster.plans.etcd_snapshot import snapshot_lines
from facts.etcd_snapshots import EtcdSnapshots
from facts.host import STAMP_DIRECTORY, HostComponent
from operations.acts.act import Act
from operations.acts.brought import brought
from operations.acts.commands import or_journal
from operations.acts.component import Commands, apply_component
from operations.live.etcd import look_at_etcd
from operations.util.console import print_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import dry_run
from operations.util.reading import read_all
from operations.util.said import said

_PRUNE = "find {place} -maxdepth 1 -name '*.db' | sort -r | tail -n +{beyond} | xargs -r -d '\\n' rm -f --"
# What earlier versions laid on the repository host, too.
_OF_TAKERS = (PROGRAM, SERVICE_PATH, TIMER_PATH)


def keep_copies(component: Component) -> Commands:
    """
    A host that keeps copies alone has no unit that takes snapshots: etcd would not let it in.

    + component: of the snapshots, on that host
    """
    seen = said(HostComponent, **component.question_with(*_OF_TAKERS))
    yield from apply_component(component, seen)
    if there := [path for path in _OF_TAKERS if seen["paths"][path] is not None]:
        stop = f"systemctl disable --now --quiet {TIMER} 2>/dev/null; systemctl stop {SERVICE} 2>/dev/null"
        yield StringCommand(f"{stop}; rm -f {' '.join(there)} {STAMP_DIRECTORY}/{TIMER} && systemctl daemon-reload")


@operation()
def take_snapshot(cluster: Cluster) -> Commands:
    """
    Take a snapshot of etcd now, on every host of etcd in this run, by the unit that its timer starts, and bring the
    newest one to the repository host. Refuses while etcd has no quorum, and on hosts that have not been set up for it.
    """
    if not acts_here(cluster.etcd):
        return
    nodes = in_this_run(cluster.etcd)
    _refuse_unready(nodes)
    if look_at_etcd(cluster) is None:
        raise UnsafeError(
            f"etcd of {cluster.name} has no quorum, and without one it is unknown what it last decided\n"
            "HINT: start etcd where it is down; deploys/etcd_restore.py rebuilds one whose data are lost."
        )
    for node in nodes:
        yield Act(node, StringCommand(f"systemctl start {SERVICE} {or_journal(SERVICE)}"))
    if not dry_run():
        yield from _copied(cluster, read_all(nodes, EtcdSnapshots, directory=SNAPSHOTS))
        kept = read_all(in_this_run(snapshot_hosts(cluster)), EtcdSnapshots, directory=SNAPSHOTS)
        print_lines(snapshot_lines(cluster, kept))


def _copied(cluster: Cluster, seen: Mapping[str, SeenSnapshots]) -> Commands:
    """The newest snapshot, brought to each host that keeps copies. + seen: ``EtcdSnapshots`` by host of etcd"""
    there = [(one["newest"], name) for name, one in seen.items() if one["newest"] is not None]
    if not there:
        return
    newest, name = max(there, key=lambda one: (one[0]["revision"], one[0]["at"]))
    for node in in_this_run(copyists(cluster)):
        yield from brought(
            cluster.node(name), newest["path"], node, f"{SNAPSHOTS}/{PurePosixPath(newest['path']).name}"
        )
        yield Act(node, StringCommand(_PRUNE.format(place=SNAPSHOTS, beyond=cluster.settings.etcd_snapshots_kept + 1)))


def _refuse_unready(nodes: tuple[Node, ...]) -> None:
    seen = read_all(nodes, HostComponent, paths=[PROGRAM], units={})
    if unready := [name for name, one in seen.items() if one["paths"][PROGRAM] is None]:
        raise UnsafeError(
            f"{', '.join(unready)} is not set up for snapshots of etcd\nHINT: run deploys/cluster.py, which does that."
        )
