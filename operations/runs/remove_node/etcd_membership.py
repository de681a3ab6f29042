"""A host leaves etcd: only while the others have the quorum without it, and not as etcd's leader where that can be."""

from __future__ import annotations

from collections.abc import Collection

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.etcd import etcdctl
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd
from cluster.plans.remove_node import quorum_loss
from cluster.verdicts.etcd_members import etcd_members_of, serving
from cluster.verdicts.removal_notes import remaining
from facts.etcd import EtcdCluster, EtcdStatus
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.util.hosts import acts_here, coordinator, in_this_run
from operations.util.planning import dry_run

# etcd refuses while its members have not all been connected for 5 s, which one that was just restarted has not.
REMOVE_SECONDS = 60


@operation()
def leave_etcd(cluster: Cluster, leaving: str) -> Commands:
    """
    Take a host's membership out of etcd. Refuses when the others would have no quorum.

    + leaving: the node's name
    """
    node, rest = cluster.node(leaving), remaining(cluster, {leaving})
    if not acts_here(rest.etcd):
        return
    seen = host.get_fact(EtcdCluster, endpoints=rest.etcd_endpoints, prefix=cluster.scope_key, if_open=dry_run())
    refuse_quorum_loss(cluster, seen, node)
    memberships = etcd_members_of(cluster, node, seen["members"] or ())
    if not memberships:
        host.noop(f"{leaving} is no member of etcd")
        return
    if in_this_run((node,)):
        yield from move_etcd_leader(cluster, rest, seen, [one["id"] for one in memberships])
    for one in memberships:
        yield Act(coordinator(rest.etcd), remove_membership(rest, one["id"]))


def refuse_quorum_loss(cluster: Cluster, seen: SeenEtcd, node: Node) -> None:
    """Refuse to take a host out of etcd that it cannot do without. + seen: ``EtcdCluster``, live"""
    if loss := quorum_loss(cluster, seen, node):
        raise UnsafeError(f"{node.name} stays in etcd: {loss}\nHINT: fix the other members first; nothing was removed.")


def remove_membership(cluster: Cluster, member_id: str) -> StringCommand:
    """Take a membership out; one that is out already is well. + cluster: the hosts to ask; + member_id: as hex"""
    ctl = etcdctl(cluster.etcd_endpoints)
    # The list is asked for first: an error of the list is not an absence.
    gone = f'listed=$({ctl} member list) && ! printf %s "$listed" | grep -q "^{member_id},"'
    attempt = f"{gone} || {ctl} member remove {member_id} >/dev/null"
    return StringCommand(f"timeout {REMOVE_SECONDS} sh -c 'until {attempt}; do sleep 0.5; done'")


def move_etcd_leader(cluster: Cluster, rest: Cluster, seen: SeenEtcd, leaving: Collection[str]) -> Commands:
    """
    Else etcd would have no leader for the time of an election, and Patroni's could not renew its lock.

    + rest: the cluster without the host that leaves; + leaving: the ids of its memberships
    """
    status = host.get_fact(EtcdStatus, endpoints=cluster.etcd_endpoints)
    leader = next((url for url, one in status.items() if one["leads"]), None)
    if leader is None or status[leader]["id"] not in leaving:
        return
    urls = {node.address.url(cluster.settings.etcd_client_port) for node in serving(rest, seen["members"])}
    heir = next((one["id"] for url, one in status.items() if url in urls and not one["learner"]), None)
    if heir is not None:
        move = f"{etcdctl([leader])} move-leader {heir} >/dev/null"
        yield Act(coordinator(rest.etcd), StringCommand(move))
