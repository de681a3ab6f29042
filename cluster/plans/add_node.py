"""Hosts that join a running cluster: who they are, and what is in their way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember
from cluster.obstacles import Obstacle, refuse
from cluster.verdicts.etcd_members import joining, moved_members, unfinished
from cluster.verdicts.health import has_begun
from cluster.verdicts.live import Live
from cluster.verdicts.members import member_addresses, twins
from cluster.verdicts.obstacles import LEADER, PATRONI, RESTORE, cluster_obstacles

# A copy takes what the leader has, and the WAL that comes up meanwhile.
ROOM_PART = 1.2


@dataclass(frozen=True)
class Room:
    """What a host has for its copy. + free_mib: None when the host has data already, and needs no more room"""

    free_mib: int | None
    leader_mib: int


def newcomers(cluster: Cluster, seen: SeenEtcd) -> dict[str, list[str]]:
    """
    The declared hosts that the cluster does not have, each with what it gets. A member whose Patroni is dead is not
    known to etcd either, and is listed too.

    + seen: ``EtcdCluster``, live
    """
    members, keys = seen["members"] or [], seen["keys"] or {}
    voters = (*joining(cluster, members), *(node for node, _ in unfinished(cluster, members)))
    absent = [node for node in cluster.members if cluster.key("members", node.name) not in keys]
    words = {node.name: [*_word("etcd", node in voters), *_word("PostgreSQL", node in absent)] for node in cluster}
    return {name: found for name, found in words.items() if found}


def _word(word: str, applies: bool) -> list[str]:
    return [word] if applies else []


def refuse_addition(cluster: Cluster, seen: SeenEtcd | None, rooms: Mapping[str, Room], live: Live | None) -> None:
    """
    Refuse, with all reasons, to let the declared hosts join.

    + seen: ``EtcdCluster``, live; None when no host of etcd can be reached
    + rooms: of those that are to get a copy, by name
    + live: the members; None when nobody joins
    """
    if seen is None or seen["members"] is None or seen["keys"] is None:
        raise UnsafeError("etcd does not say who its members are\nHINT: look at 'journalctl -u etcd' on its hosts.")
    if not has_begun(cluster, seen["keys"]):
        raise UnsafeError(
            f"there is no cluster {cluster.name} yet that a host could join\nHINT: deploys/cluster.py builds it."
        )
    reasons = [*_taken(cluster, seen["members"], seen["keys"]), *_lacks(rooms)]
    found = [Obstacle(reason, "fix that, or correct the inventory") for reason in reasons]
    refuse(f"no host joins {cluster.name} now", [*found, *_of_the_cluster(cluster, newcomers(cluster, seen), live)])


def _of_the_cluster(cluster: Cluster, found: Mapping[str, Sequence[str]], live: Live | None) -> list[Obstacle]:
    if live is None:
        return []
    # A member of etcd alone needs nothing of PostgreSQL.
    without = () if copying(cluster, found) else (PATRONI, LEADER, RESTORE)
    return cluster_obstacles(cluster, live, without, leaving=found)


def _taken(cluster: Cluster, members: Sequence[SeenEtcdMember], keys: Mapping[str, str]) -> Iterator[str]:
    """Names and addresses that somebody else has."""
    yield from moved_members(cluster, members)
    yield from _etcd_addresses(cluster, members)
    where = member_addresses(cluster, keys)
    for node in cluster.members:
        address, own = str(node.address), where.get(node.name)
        if own not in (None, address):
            ways = "a living host is for deploys/move_node.py, a lost one for deploys/replace_node.py"
            yield f"{node.name} is a member at {own}, declared is {address}; {ways}"
    yield from twins(cluster, keys)


def _etcd_addresses(cluster: Cluster, members: Sequence[SeenEtcdMember]) -> Iterator[str]:
    names = {peer_url(cluster, node): node.name for node in cluster.etcd}
    for member in members:
        for name in (names[url] for url in member["peer_urls"] if url in names):
            if member["started"] and member["name"] != name:
                yield f"the address of {name} is that of {member['name']} in etcd"


def _lacks(rooms: Mapping[str, Room]) -> Iterator[str]:
    for name, room in rooms.items():
        needed = int(room.leader_mib * ROOM_PART)
        if room.free_mib is not None and room.free_mib < needed:
            yield f"{name} has {room.free_mib} MiB for data that take {room.leader_mib} MiB and some WAL: {needed} MiB"


def addition_lines(cluster: Cluster, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Who joins what. + found: as ``newcomers`` has them"""
    return [f"Join {cluster.name}:", *(f"  {name}   {' and '.join(words)}" for name, words in found.items())]


def copying(cluster: Cluster, found: Mapping[str, Sequence[str]]) -> list[Node]:
    """Those that are to get a copy of the data. + found: as ``newcomers`` has them"""
    return [cluster.node(name) for name, words in found.items() if "PostgreSQL" in words]
