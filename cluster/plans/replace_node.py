"""Whether a fresh host may take the place of one that is lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cluster.components.etcd import etcd_data_directory, peer_url
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.finding_types.finding_type import RUN
from cluster.inventory.clusters import slot_name
from cluster.obstacles import Obstacle, refuse
from cluster.plans.etcd_reinit import reinit_command
from cluster.plans.reinit_node import streams_well
from cluster.plans.remove_node import Traces, quorum_obstacles, traces_of
from cluster.plans.restart_pending.activation import activated
from cluster.verdicts.etcd_members import etcd_members_of
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import cluster_obstacles
from cluster.verdicts.removal_notes import Replacement


@dataclass(frozen=True)
class Newcomer:
    """
    What is known of the host that shall take the place.

    + data: paths of a cluster's data on it
    + answering: address and port of the lost host at which somebody answers
    """

    data: Collection[str] = ()
    answering: Collection[tuple[str, int]] = ()


def refuse_irreplaceable(cluster: Cluster, node: Node) -> None:
    """Refuse a host without which nothing is left to join. + node: that is lost"""
    names = {"postgres": "PostgreSQL", "etcd": "etcd"}
    if last := [name for role, name in names.items() if cluster.having(role) == (node,)]:
        raise ConfigError(
            f"{node.name} is the only host of {cluster.name} with {' and '.join(last)}: nothing is left to join\n"
            "HINT: deploys/restore.py builds the cluster again from its backups."
        )


def is_in_place(cluster: Cluster, live: Live, node: Node) -> bool:
    """Whether the host is what it shall be, so that nothing has to make way. + live: the picture of the others"""
    mine = etcd_members_of(cluster, node, live.etcd_members)
    votes = [peer_url(cluster, node) in one["peer_urls"] and one["started"] and not one["learner"] for one in mine]
    member_well = "postgres" not in node.roles or live.leader == node.name or streams_well(live, node.name)
    return member_well and ("etcd" not in node.roles or votes == [True])


def is_stale(note: Replacement, traces: Traces, newcomer: Newcomer) -> bool:
    """
    Whether a note is about an earlier loss: its host came, joined etcd, and is lost again by now.

    + traces: what the others know of the host now
    """
    joined = [one for one in traces.voters if one["started"] and not one["learner"] and one["id"] not in note.etcd]
    return bool(joined) and not newcomer.data


def former_addresses(cluster: Cluster, live: Live, node: Node) -> list[str]:
    """Where the lost host was, as etcd knows; not where the fresh one is. + live: the picture of the others"""
    urls = [url for one in traces_of(cluster, live, node).voters for url in one["peer_urls"]]
    known = [str(urlsplit(url).hostname) for url in urls]
    return [address for address in dict.fromkeys(known) if address != str(node.address)]


def refuse_replacement(cluster: Cluster, live: Live, node: Node, newcomer: Newcomer) -> None:
    """
    Refuse, with all reasons, to put a fresh host in the place of a lost one.

    + live: the picture of the others
    """
    found = [*cluster_obstacles(cluster, live, leaving=[node.name]), *_obstacles(cluster, live, node, newcomer)]
    refuse(f"{node.name} is not replaced now", found)


def _obstacles(cluster: Cluster, live: Live, node: Node, newcomer: Newcomer) -> Iterator[Obstacle]:
    """What says that the host is not lost for good, or that the other one is not fresh."""
    ttl = cluster.settings.patroni_ttl
    if traces_of(cluster, live, node).listed:
        yield Obstacle(
            f"its Patroni is known to etcd, so it runs, or died less than {ttl} s ago",
            f"wait {ttl} s if it is lost for good; only such a host is replaced",
        )
    for address, port in newcomer.answering:
        yield Obstacle(
            f"the old host still answers at {address}, port {port}", "switch it off; only a lost host is replaced"
        )
    if newcomer.data:
        yield Obstacle(f"the host is not fresh: it has {', '.join(newcomer.data)}", _anew(cluster, node, newcomer))
    yield from quorum_obstacles(cluster, live, node)


def _anew(cluster: Cluster, node: Node, newcomer: Newcomer) -> str:
    """Which run makes its data anew, PostgreSQL's and etcd's."""
    etcd = [path for path in newcomer.data if path.startswith(etcd_data_directory(cluster))]
    ways = [f"{reinit_command(node.name)} rebuilds etcd's"] if etcd else []
    if len(etcd) < len(newcomer.data):
        ways.append(f"`{RUN}/reinit_node.py --data node={node.name}` rebuilds PostgreSQL's")
    return ", ".join(ways)


def unusable_slots(live: Live, node: Node) -> list[str]:
    """Members whose slot for the host is lost: nobody can stream from it, and Patroni 3 never makes it again."""
    slot = slot_name(node.name)
    return [
        name
        for name, seen in live.postgres.items()
        if seen and any(one["name"] == slot and one["status"] == "lost" for one in seen["slots"])
    ]


def replacement_lines(cluster: Cluster, live: Live, node: Node) -> list[str]:
    """What the operator should know before it happens. + live: the picture of the others"""
    found = traces_of(cluster, live, node)
    return [
        f"A fresh {node.name} at {node.address} takes the place of the lost one in {cluster.name}",
        *(f"  then   the lost one's membership of etcd, {one['id']}, is taken out" for one in found.voters),
        "  then   it is built up, as by deploys/cluster.py, and gets its data from the others",
        *(f"  note   {line}" for line in activated(live, [node.name])),
    ]
