"""Whether etcd's data on one host may be moved aside and rebuilt from the others."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.finding_types.finding_type import RUN
from cluster.observed.etcd import SeenEtcd
from cluster.plans.remove_node import quorum_loss
from cluster.verdicts.etcd_members import etcd_members_of, outage
from cluster.verdicts.removal_notes import remaining

UNTOUCHED = "Nothing was touched"


def reinit_command(name: str) -> str:
    """The run that does it, as a hint names it. + name: of the host"""
    return f"`{RUN}/etcd_reinit.py --data node={name}`"


def fixing(cluster: Cluster, seen: SeenEtcd, lame: Sequence[Node]) -> str:
    """How a member of etcd is fixed that is not healthy. + lame: those whose last lines were shown"""
    if seen["members"] is None or not seen["unhealthy"] or len(cluster.etcd) == 1:
        return "fix that member first"
    return (
        f"fix what the last lines of {lame[0].name} name; where they complain of its data, "
        f"{reinit_command(lame[0].name)} puts these aside and lets it join again"
    )


def is_well(cluster: Cluster, seen: SeenEtcd, node: Node) -> bool:
    """Whether a host is a member of etcd that needs nothing anew. + seen: ``EtcdCluster``, live"""
    mine = [one for one in seen["members"] or () if peer_url(cluster, node) in one["peer_urls"]]
    votes = any(one["started"] and not one["learner"] for one in mine)
    return votes and node.address.url(cluster.settings.etcd_client_port) not in seen["unhealthy"]


def refuse_reinit(cluster: Cluster, seen: SeenEtcd, node: Node) -> None:
    """
    Refuse to put aside what may be the only data, or what the others need for their quorum.

    + seen: ``EtcdCluster``, live, as another host sees it
    """
    if "etcd" not in node.roles:
        raise UnsafeError(f"{node.name} is no host of etcd\nHINT: the group etcd has those that are.")
    obstacle = outage(seen) or quorum_loss(cluster, seen, node)
    if not remaining(cluster, {node.name}).etcd:
        obstacle = f"{node.name} is etcd's only host"
    if obstacle:
        raise UnsafeError(
            f"etcd's data on {node.name} are not put aside: {obstacle}\n"
            f"HINT: with no quorum among the others there is nothing to join: start etcd on them, or rebuild it with "
            f"`{RUN}/etcd_restore.py`. {UNTOUCHED}."
        )


def lost_memberships(cluster: Cluster, seen: SeenEtcd, node: Node) -> tuple[str, ...]:
    """The memberships with a vote that end; one of a join that was cut off goes on. + seen: ``EtcdCluster``, live"""
    mine = etcd_members_of(cluster, node, seen["members"] or ())
    return tuple(one["id"] for one in mine if one["started"] and not one["learner"])


def reinit_lines(node: Node, lost: tuple[str, ...], aside: str) -> list[str]:
    """What the operator should know before it happens. + aside: where the data are kept"""
    return [
        f"etcd on {node.name} starts again, with the data of the others",
        f"  kept   what is stored there now, in {aside}",
        *(f"  then   its membership {one} ends, and it joins as a learner until it has the data" for one in lost),
        "  costs  nothing: PostgreSQL and the other members of etcd go on",
    ]
