"""Verdicts about the live cluster: whether it is healthy, and which member is not."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.components.patroni import JOINING, tags_of
from cluster.declared.model import Cluster, Node
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.standby_role import is_standby

# Patroni's own word for a member that copies the data directory; how long that takes depends on its size alone.
CLONING = "creating replica"

# Patroni's words for a member that makes the cluster right now.
BEGINNING = ("initializing new cluster", "running custom bootstrap script", "starting after custom bootstrap")


def scheduled_switchover(seen: SeenPatroni) -> str | None:
    """That another member will lead at a set time, in words: in the middle of a procedure, perhaps."""
    plan = seen["scheduled_switchover"]
    return f"a switchover is scheduled for {plan.get('at', 'later')}" if plan else None


def has_begun(cluster: Cluster, keys: Mapping[str, str]) -> bool:
    """
    Whether the cluster exists: Patroni writes ``config`` at the end of its bootstrap, roles and all, and never takes it
    away. ``initialize`` is there from the bootstrap's first moment on.

    + keys: what etcd holds below the cluster's prefix
    """
    return cluster.key("config") in keys


def was_cut_off(cluster: Cluster, seen: SeenPatroni, keys: Mapping[str, str]) -> bool:
    """
    Whether a bootstrap began and will never end, because its host died in the middle: there is no leader, no member is
    at work on it, and it was never complete, so nothing can have been stored. Patroni then waits for ever.

    + seen: ``PatroniCluster``
    + keys: what etcd holds below the cluster's prefix
    """
    begun = cluster.key("initialize") in keys and not has_begun(cluster, keys)
    led = cluster.key("leader") in keys
    # The first member of a standby cluster begins with a copy of its source.
    copies = _state(seen, cluster.members[0].name) == CLONING
    return begun and not led and not copies and not any(one["state"] in BEGINNING for one in seen["members"].values())


def _state(seen: SeenPatroni, name: str) -> str | None:
    found = seen["members"].get(name)
    return None if found is None else found["state"]


def holdup(cluster: Cluster, seen: SeenPatroni, asked: str) -> tuple[Node, str]:
    """
    The member that keeps the cluster from being settled, and what is the matter with it; one that is being cloned last.

    + seen: ``PatroniCluster``
    + asked: the member that was asked
    """
    if not seen["answers"]:
        return cluster.node(asked), f"runs no Patroni that answers: {seen['error']}"
    if seen["leader"] is None:
        first = cluster.members[0]
        copies = _state(seen, first.name) == CLONING
        return first, f"{CLONING} from another cluster" if copies else "does not lead, and no other member does"
    reasons = [(node, reason) for node in cluster.members if (reason := _reason(seen, node.name))]
    reasons.sort(key=lambda found: found[1].startswith(CLONING))
    return reasons[0] if reasons else (cluster.node(asked), "was well only at the last look")


def _reason(seen: SeenPatroni, name: str) -> str | None:
    found, timeline = seen["members"].get(name), leaders_timeline(seen)
    if found is None:
        return "has no Patroni that etcd knows of"
    if name == seen["leader"]:
        return None if found["running"] else f"leads and is {found['state']}"
    if found["streaming"] and found["timeline"] == timeline:
        return None
    return f"{found['state']}, on timeline {found['timeline']}; the leader is on {timeline}"


def leaders_timeline(seen: SeenPatroni) -> int | None:
    """The timeline that every member has to be on; None without a leader. + seen: ``PatroniCluster``"""
    return None if seen["leader"] is None else seen["members"][seen["leader"]]["timeline"]


def joined(cluster: Cluster, seen: SeenPatroni) -> tuple[Node, ...]:
    """Members that stream and are still marked as on their way to their data. + seen: ``PatroniCluster``, settled"""
    known = {name: member["tags"] for name, member in seen["members"].items()}
    marked = [node for node in cluster.members if JOINING.items() <= known.get(node.name, {}).items()]
    # What is declared to have the same tags for good is not on its way anywhere.
    return tuple(node for node in marked if not JOINING.items() <= tags_of(node).items())


def waiting_for_restart(cluster: Cluster, seen: SeenPatroni) -> list[str]:
    """The members on which a setting waits for a restart, with its names where Patroni tells them."""
    flagged = {node.name: seen["members"].get(node.name) for node in cluster.members}
    return [
        f"{name} ({', '.join(found['pending_reason'])})" if found["pending_reason"] else name
        for name, found in flagged.items()
        if found is not None and found["pending_restart"]
    ]


def upstream(seen: SeenPatroni, name: str) -> list[str]:
    """
    The standbys through which a member gets its WAL, the nearest first; none when it streams from the leader. Patroni
    lets it follow the leader while the one that its tag names is not there.

    + seen: ``PatroniCluster``
    """
    path: list[str] = []
    while (found := seen["members"].get(name)) and (name := found["tags"].get("replicatefrom", "")):
        if name == seen["leader"] or name not in seen["members"] or name in path:
            break
        path.append(name)
    return path


def is_synchronous(seen: SeenPatroni) -> bool:
    """Whether commits wait for a standby, in either mode; there are none in a standby cluster. + seen: its picture"""
    config = seen["config"] or {}
    return config.get("synchronous_mode") not in (None, False, "off", "false") and not is_standby(config)


def synchronous_standbys(seen: SeenPatroni) -> list[str]:
    """The standbys that Patroni counts as synchronous now. + seen: ``PatroniCluster``"""
    return sorted(name for name, member in seen["members"].items() if member["synchronous"])
