"""Whether a member may move to another address, and the steps."""

from __future__ import annotations

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.etcd import SeenEtcd
from cluster.obstacles import refuse
from cluster.plans.remove_node import quorum_obstacles
from cluster.verdicts.etcd_members import etcd_members_of
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles, cluster_obstacles


def refuse_immovable(cluster: Cluster, node: Node) -> None:
    """
    Refuse a host for which nobody can stand in meanwhile, and one that would be alone with its kind of address: to the
    others it would speak from one of theirs, by which they do not know it. + node: that shall move
    """
    names = {"postgres": "PostgreSQL", "etcd": "etcd"}
    if last := [name for role, name in names.items() if cluster.having(role) == (node,)]:
        raise _outage(cluster, f"{node.name} is the only host of {cluster.name} with {' and '.join(last)}")
    speaking = [one for one in cluster if one is not node and one.roles & {"postgres", "haproxy"}]
    other = next((one for one in speaking if one.address.ip.version != node.address.ip.version), None)
    if other is not None and node.roles & {"postgres", "haproxy"}:
        ours, theirs = (f"{one.name} IPv{one.address.ip.version}" for one in (node, other))
        raise _outage(
            cluster, f"{ours} and {theirs} do not know each other by the addresses that they would speak from"
        )


def _outage(cluster: Cluster, reason: str) -> ConfigError:
    return ConfigError(
        f"{reason}\nHINT: that takes an outage: deploys/destroy.py --data confirm={cluster.name} keeps the data, and "
        "deploys/cluster.py --data adopt=true begins with them at the new addresses; see docs/runs/move-node.md."
    )


def former_memberships(cluster: Cluster, node: Node, seen: SeenEtcd) -> list[str]:
    """Ids of a host's memberships of etcd at other addresses than the declared one. + seen: ``EtcdCluster``, live"""
    mine = etcd_members_of(cluster, node, seen["members"] or ())
    return [one["id"] for one in mine if peer_url(cluster, node) not in one["peer_urls"]]


def needs_etcd_anew(cluster: Cluster, node: Node, seen: SeenEtcd) -> bool:
    """Whether what etcd has on a host is of a membership that is gone. + seen: ``EtcdCluster``, live"""
    url = peer_url(cluster, node)
    return not any(one["started"] and url in one["peer_urls"] for one in seen["members"] or ())


def refuse_move(cluster: Cluster, live: Live, node: Node, *, force: bool = False) -> None:
    """
    Refuse, with all reasons, to let a host move now.

    + live: the picture of all members
    + force: also while a backup is under way that reads from it, which breaks off
    """
    found = [*cluster_obstacles(cluster, live), *quorum_obstacles(cluster, live, node)]
    refuse(f"{node.name} does not move now", [*found, *backup_obstacles(live, [node.name], force=force)])


def move_lines(cluster: Cluster, live: Live, node: Node) -> list[str]:
    """What the operator should know before it happens. + live: the picture of all members"""
    leads = ["another member leads first"] if live.leader == node.name else []
    member = ["its Patroni and PostgreSQL stop, and start at the new address with their data"]
    voter = ["it leaves etcd, and joins it again at the new address, with the quorum among the others meanwhile"]
    steps = [*leads, *(member if "postgres" in node.roles else []), *(voter if "etcd" in node.roles else [])]
    return [f"{node.name} of {cluster.name} moves to {node.address}", *(f"  then   {step}" for step in steps)]
