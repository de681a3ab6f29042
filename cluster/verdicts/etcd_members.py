"""What etcd's members have to do next, judged from what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster, Node
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember


def formed(pictures: Mapping[str, SeenEtcd | None]) -> SeenEtcd | None:
    """The first picture by a member that belongs to a formed cluster. + pictures: ``EtcdCluster`` by host"""
    return next((seen for seen in pictures.values() if seen is not None and seen["members"]), None)


def quorum_obstacle(seen: SeenEtcd) -> str | None:
    """
    Why no member may be touched now: stopping or adding one member of an unhealthy cluster can cost the quorum.

    + seen: ``EtcdCluster``, live
    """
    if seen["members"] is None:
        return f"etcd does not answer: {_first_line(seen['errors'].get('members', ''))}"
    if seen["unhealthy"]:
        endpoint, reason = next(iter(seen["unhealthy"].items()))
        return f"etcd is not healthy: {endpoint}: {reason}"
    if seen["alarms"]:
        return f"etcd has an alarm: {', '.join(seen['alarms'])}"
    unstarted = [url for member in seen["members"] if not member["started"] for url in member["peer_urls"]]
    if unstarted:
        return f"an etcd member was added and has never started: {', '.join(unstarted)}"
    return None


def outage(seen: SeenEtcd | None) -> str | None:
    """
    Why etcd cannot carry a change of the leader. One dead member of several is none: the quorum holds.

    + seen: ``EtcdCluster``, live
    """
    if seen is None or seen["members"] is None or seen["keys"] is None:
        return "etcd has no quorum: it does not answer"
    return f"etcd has an alarm: {', '.join(seen['alarms'])}" if seen["alarms"] else None


def etcd_members_of(cluster: Cluster, node: Node, members: Iterable[SeenEtcdMember]) -> tuple[SeenEtcdMember, ...]:
    """Those of etcd's members that are this host, by name or by address. + members: as etcd lists them"""
    url = peer_url(cluster, node)
    return tuple(one for one in members if one["name"] == node.name or url in one["peer_urls"])


def unwell(cluster: Cluster, seen: SeenEtcd) -> tuple[Node, ...]:
    """The etcd nodes whose last lines may say why etcd is not well. + seen: ``EtcdCluster``"""
    port = cluster.settings.etcd_client_port
    named = tuple(node for node in cluster.etcd if node.address.url(port) in seen["unhealthy"])
    return named or cluster.etcd[:1]


def serving(cluster: Cluster, members: Sequence[SeenEtcdMember] | None) -> tuple[Node, ...]:
    """
    The declared nodes that have a vote and must be healthy: not those that have yet to join.

    + members: as etcd lists them; None while it does not say, and then all are meant, for they form it together
    """
    voting = {url for member in members or () if not member["learner"] for url in member["peer_urls"]}
    return tuple(node for node in cluster.etcd if peer_url(cluster, node) in voting) or cluster.etcd


def joining(cluster: Cluster, members: Sequence[SeenEtcdMember]) -> tuple[Node, ...]:
    """The declared etcd nodes that are not members yet. + members: as etcd lists them"""
    known = {url for member in members for url in member["peer_urls"]}
    return tuple(node for node in cluster.etcd if peer_url(cluster, node) not in known)


def voter_urls(members: Sequence[SeenEtcdMember]) -> dict[str, tuple[str, ...]]:
    """Under which URLs each name has a vote; a name has two when a host came anew. + members: as etcd lists them"""
    urls: dict[str, tuple[str, ...]] = {}
    for member in members:
        if member["started"] and not member["learner"]:
            urls[member["name"]] = (*urls.get(member["name"], ()), *member["peer_urls"])
    return urls


def moved_members(cluster: Cluster, members: Sequence[SeenEtcdMember]) -> list[str]:
    """Declared nodes that are members under another URL. They would seem to be new and would join a second time."""
    urls = voter_urls(members)
    return [
        f"{node.name} is an etcd member at {urls[node.name][0]}, declared is {peer_url(cluster, node)}"
        for node in cluster.etcd
        if node.name in urls and peer_url(cluster, node) not in urls[node.name]
    ]


def stray_learners(cluster: Cluster, members: Sequence[SeenEtcdMember]) -> tuple[SeenEtcdMember, ...]:
    """
    Learners that a run added under an address which is not declared any more, so that nobody goes on with them. They
    have no vote: to take them out costs no quorum.

    + members: as etcd lists them; one that never started has no name
    """
    declared, names = {peer_url(cluster, node) for node in cluster.etcd}, {"", *(node.name for node in cluster.etcd)}
    learners = (member for member in members if member["learner"] and member["name"] in names)
    return tuple(member for member in learners if declared.isdisjoint(member["peer_urls"]))


def unfinished(cluster: Cluster, members: Sequence[SeenEtcdMember]) -> tuple[tuple[Node, SeenEtcdMember], ...]:
    """Declared nodes that are members but only learners, or were added and never started, with their membership."""
    by_url = {url: member for member in members for url in member["peer_urls"]}
    listed = ((node, by_url.get(peer_url(cluster, node))) for node in cluster.etcd)
    return tuple((node, seen) for node, seen in listed if seen and (seen["learner"] or not seen["started"]))


def peers_with(cluster: Cluster, node: Node, members: Sequence[SeenEtcdMember]) -> dict[str, str]:
    """
    The ``initial-cluster`` of a member that joins: exactly the members there are, and itself.

    An unstarted member has no name in etcd's list; its declared one is taken.
    """
    declared = {peer_url(cluster, other): other.name for other in cluster.etcd}
    listed = {member["name"] or declared.get(url, ""): url for member in members for url in member["peer_urls"][:1]}
    return {**listed, node.name: peer_url(cluster, node)}


def _first_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"
