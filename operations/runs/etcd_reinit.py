"""One member's data of etcd, damaged or lost: put aside, and its membership ended, so that it joins anew."""

from __future__ import annotations

from datetime import UTC, datetime
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.etcd import UNIT, etcd_data_directory
from cluster.declared.model import Cluster
from cluster.plans.etcd_reinit import is_well, lost_memberships, refuse_reinit, reinit_lines
from cluster.verdicts.removal_notes import remaining
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.runs.remove_node.etcd_membership import remove_membership
from operations.util.console import print_lines
from operations.util.hosts import acts_here, coordinator
from operations.util.planning import dry_run
from operations.util.reading import read_all

# Disabled, for with a vote and without its log no boot may start it: it would deny what it has acknowledged.
_ASIDE = "systemctl disable --now --quiet {unit} && {{ [ ! -e {data} ] || mv -T {data} {aside}; }}"


@operation()
def set_data_aside(cluster: Cluster, member: str) -> Commands:
    """
    Stop etcd on one host, keep its data beside, and end its membership; ``etcd.quorum``, which has to follow, lets it
    join anew. Another host acts. Refuses what ``refuse_reinit`` refuses. Does nothing to a member that is well; goes on
    with what was cut off.

    + member: name of the host
    """
    node, rest = cluster.node(member), remaining(cluster, {member})
    if not acts_here(rest.etcd or cluster.etcd):
        return
    endpoints = cluster.etcd_endpoints
    seen = host.get_fact(EtcdCluster, endpoints=endpoints, prefix=cluster.scope_key, if_open=True)
    refuse_reinit(cluster, seen, node)
    if is_well(cluster, seen, node):
        host.noop(f"etcd on {member} is healthy: nothing is put aside")
        return
    if lost := lost_memberships(cluster, seen, node):
        data = etcd_data_directory(cluster)
        aside = f"{data}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}"
        read_all([node], HostComponent, paths=[data], units={})  # refuses a host that cannot be reached
        print_lines(reinit_lines(node, lost, aside))
        yield Act(node, StringCommand(_ASIDE.format(unit=UNIT, data=quote(data), aside=quote(aside))))
        for one in lost:
            yield Act(coordinator(rest.etcd), remove_membership(rest, one))
    elif not dry_run():
        host.noop(f"{member} is on its way into etcd")
