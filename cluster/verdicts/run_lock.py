"""One run at a time: whose a lock is, and what to say of a run that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from cluster.declared.model import Cluster, Node
from cluster.observed.run_lock import UNKNOWN, SeenHolder, SeenLocks, SeenRunLock

# A dead run's lock ends by itself after this; a living one renews it three times within it.
LEASE_SECONDS = 45
RENEW_SECONDS = 10
# What was last renewed longer ago is renewed before the next step, or that is not taken.
STALE_SECONDS = 30

NO_CLIENT = "no etcd client here"


def lock_key(cluster: Cluster) -> str:
    """
    The lock's key in etcd. Not among Patroni's: ``patronictl remove`` deletes those, and a rebuilt etcd is judged by
    them.
    """
    return f"/pyinfra-patroni/{cluster.name}/run"


def in_order(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts in the order in which every run takes their locks: the first of them that both reach decides."""
    return tuple(sorted(cluster, key=lambda node: "etcd" not in node.roles))


def holder_of(place: SeenRunLock) -> SeenHolder:
    """The run that a place names."""
    return place["holder"] or UNKNOWN


def others(seen: Iterable[SeenLocks | None]) -> list[SeenRunLock]:
    """The places that are another run's. + seen: by what each host said; None: it did not answer"""
    places = (place for one in seen if one is not None for place in (one["host"], one["etcd"]) if place is not None)
    return [place for place in places if place["word"] == "other"]


def settled(seen: SeenLocks | None) -> bool:
    """Whether etcd was asked on a host: one without a client says nothing of it, and the next one may."""
    etcd = seen["etcd"] if seen is not None else None
    return etcd is not None and (etcd["word"], etcd["text"]) != ("silent", NO_CLIENT)


def is_over(holder: SeenHolder, machine: str, is_gone: Callable[[int, str], bool]) -> bool:
    """
    Whether the run of a lock is known to be dead: a process of this very machine that is not there any more. Of another
    machine nothing is known before its lock has ended by itself.

    + machine: where this run's process is; + is_gone: whether a process of that machine is gone
    """
    return bool(machine) and holder["machine"] == machine and is_gone(holder["pid"], holder["started"])


def holder_words(holder: SeenHolder) -> str:
    """The run in a sentence."""
    return f"{holder['what']} by {holder['who']} (process {holder['pid']}) since {holder['since']}, run {holder['run']}"


def lock_words(place: SeenRunLock | None) -> str:
    """Which run has the lock, as the status says it; "": none. + place: where it is noted"""
    if place is None:
        return ""
    return f"{holder_words(holder_of(place))}, renewed {place['renewed_seconds']} s ago"


def refused_text(cluster: Cluster, place: SeenRunLock, where: str) -> str:
    """Why a run must not act now. + place: that is another's; + where: etcd, or a host"""
    holder = holder_of(place)
    age = f", renewed {place['renewed_seconds']} s ago" if where != "etcd" else ""
    return (
        f"{cluster.name} is locked by another run: {holder_words(holder)} (seen in {where}{age})\n"
        f"HINT: wait until it has ended; when it is dead, its lock ends within {LEASE_SECONDS} s. "
        "--data break_lock=true takes the lock from it, and it stops before its next step."
    )


def taken_over_line(cluster: Cluster, holder: SeenHolder, *, broken: bool) -> str:
    """What is said when a lock is taken from a run. + broken: by the operator's word; else that run is dead"""
    if broken:
        return f"{cluster.name}: breaks the lock of {holder_words(holder)}; that run stops before its next step"
    return f"{cluster.name}: takes over the lock of {holder_words(holder)}, whose process is gone"


def loss(seen: Sequence[SeenLocks | None], had_etcd: bool, boots: Sequence[str | None]) -> str | None:
    """
    Why a run that had the lock has it no more; None: nothing says so.

    A place that does not answer says nothing. A host that was started again has forgotten the lock and may be asked
    once more. etcd that never was this run's says nothing either: it came up, or back, in the middle of it.

    + seen: what each host said to the renewal; + boots: of which kernel each host's lock was
    """
    for one, boot in zip(seen, boots, strict=True):
        if one is None:
            continue
        if one["host"]["word"] == "other":
            return f"it is held now by {holder_words(holder_of(one['host']))}"
        if one["host"]["word"] == "none" and one["boot"] == boot:
            return "it was removed from a host"
        if had_etcd and one["etcd"] is not None and one["etcd"]["word"] == "other":
            return f"it is held now by {holder_words(holder_of(one['etcd']))}"
    return None


def lost_text(why: str) -> str:
    """What is said before the step that is not taken. + why: as ``loss`` says it"""
    return (
        f"this run has lost its lock: {why}; it stops before its next step\n"
        "HINT: see deploys/status.py, then do the same once more: it continues with what is not done."
    )
