"""What the operator reads before a lost etcd is rebuilt: what is left of it, and what would be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.declared.model import Cluster
from cluster.measures import age_text
from cluster.observed.etcd import SeenEtcdRecovery
from cluster.plans.etcd_restore.order import Order
from cluster.verdicts.data_positions import DataPosition, furthest

Remains = Mapping[str, SeenEtcdRecovery | None]


def restore_lines(cluster: Cluster, remains: Remains, standing: Sequence[DataPosition], order: Order) -> list[str]:
    """
    What was found, and the plan.

    + remains: ``EtcdRecovery`` by host
    + standing: the members that have data
    + order: as it would be begun, or was
    """
    joining = [node.name for node in cluster.etcd if node.name != order.home]
    first = furthest(standing, order.primary)
    width = max(len(node.name) for node in cluster)
    found = [("etcd", name, _etcd(seen)) for name, seen in remains.items() if name in _names(cluster)]
    found += [("snapshots", name, _snapshots(seen)) for name, seen in remains.items()]
    found += [("PostgreSQL", one.name, one.text) for one in standing]
    begun = f"The rebuilding of the etcd of {cluster.name} was started, and is resumed"
    return [
        begun if order.leads else f"The etcd of {cluster.name} is lost: it has no quorum",
        *(f"  {what:11}{name:{width}}  {text}" for what, name, text in found),
        f"  {'from':11}{order.source}",
        f"  {'first':11}{order.home} begins etcd again; {', '.join(joining) or 'nobody'} to join it",
        f"  {'leads':11}{order.leads or first.name}: its data go furthest{_again(order)}",
        f"  {'costs':11}no writes and no reads from the stop until it leads; every connection ends",
        f"  {'kept':11}the etcd data that are stored there now, in {order.aside(cluster)}",
    ]


def _names(cluster: Cluster) -> set[str]:
    return {node.name for node in cluster.etcd}


def _again(order: Order) -> str:
    return "" if order.leads else "; compared once more when all are stopped"


def _etcd(seen: SeenEtcdRecovery | None) -> str:
    if seen is None:
        return "cannot be read"
    data = max((one["revision"] for one in seen["kept"]), default=None)
    state = "answers" if seen["quorum"] else "runs, without a quorum" if seen["active"] else "is down"
    return f"{state}; " + (f"its data at revision {data}" if data is not None else "no data that can be read")


def _snapshots(seen: SeenEtcdRecovery | None) -> str:
    if seen is None:
        return "cannot be read"
    damaged = f"; damaged: {', '.join(seen['damaged'])}" if seen["damaged"] else ""
    if not seen["snapshots"]:
        return f"none{damaged}"
    newest = max(seen["snapshots"], key=lambda one: one["revision"])
    return f"revision {newest['revision']}, {age_text(seen['now'] - newest['at'])} old{damaged}"


def outcome_lines(cluster: Cluster, order: Order, leader: str, seconds: float) -> list[str]:
    """What was reached. + leader: who leads; + seconds: that the last part took"""
    return [
        f"etcd of {cluster.name} is rebuilt from {order.source}; {leader} leads, all members stream",
        f"  the last part took {seconds:.1f} s; etcd's old data are in {order.aside(cluster)} until you remove them",
    ]
