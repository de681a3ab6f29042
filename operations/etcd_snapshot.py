"""Snapshots of etcd: the timer that takes them on every host that keeps some, and one now."""

from __future__ import annotations

from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.component import Component
from cluster.errors import UnsafeError
from cluster.model import Cluster, Node
from cluster.plan_etcd_snapshot import snapshot_lines
from cluster.render_etcd_snapshot import PROGRAM, SERVICE, SNAPSHOTS, keepers, snapshot_component
from facts.etcd_snapshots import EtcdSnapshots
from facts.host import HostComponent
from operations.etcd_look import look_at_etcd
from operations.util.act import Act
from operations.util.commands import or_journal
from operations.util.component import Commands
from operations.util.console import print_lines
from operations.util.remote import acts_for, in_this_run, read_all
from operations.util.stage import planning

_TEXT = (Path(__file__).parent / "util" / "on_host" / "etcd_snapshot.sh").read_text()


def etcd_snapshots(cluster: Cluster, node: Node) -> Component:
    """Program, units and directory of the snapshots on one host."""
    return snapshot_component(cluster, node, _TEXT)


@operation()
def taken(cluster: Cluster) -> Commands:
    """
    Take a snapshot of etcd now, on every host of this run that keeps some, by the unit that its timer starts. Refuses
    while etcd has no quorum, and on hosts that have not been set up for it.
    """
    if not acts_for(cluster.etcd):
        host.noop("another host does it")
        return
    nodes = in_this_run(keepers(cluster))
    _refuse_unready(nodes)
    if look_at_etcd(cluster) is None:
        raise UnsafeError(
            f"etcd of {cluster.name} has no quorum, and without one nobody knows what it last decided\n"
            "HINT: start etcd where it is down; deploys/etcd_restore.py rebuilds one whose data are lost."
        )
    for node in nodes:
        yield Act(node, StringCommand(f"systemctl start {SERVICE} {or_journal(SERVICE)}"))
    if not planning():
        print_lines(snapshot_lines(cluster, read_all(nodes, EtcdSnapshots, directory=SNAPSHOTS)))


def _refuse_unready(nodes: tuple[Node, ...]) -> None:
    seen = read_all(nodes, HostComponent, paths=[PROGRAM], units={})
    if unready := [name for name, one in seen.items() if one["paths"][PROGRAM] is None]:
        raise UnsafeError(
            f"{', '.join(unready)} is not set up for snapshots of etcd\nHINT: run deploys/cluster.py, which does that."
        )
