"""
Who may have a virtual IP address now: one rule, for the modes leader and bgp. What is known goes in, a verdict comes
out.

A member may have an address only while its own Patroni says so, and has reached etcd lately. What Patroni says holds
until the leader's key in etcd can have expired; each renewal of the address is shorter than what is left of that.
Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WRITE, READ = "write", "read"
LEADER, BGP = "leader", "bgp"
PRIMARY = ("primary", "master")  # Patroni says master before its version 4

# In mode bgp nobody can be asked whether he has the address still. A former leader asks its Patroni twice a second, and
# has let go by then.
SETTLE_SECONDS = 1.0
# In mode leader the members take the one address for reading in their order, each with time to be seen by the next.
RANK_SECONDS = 1.5


@dataclass(frozen=True)
class Rules:
    """
    What is declared.

    + mode: ``leader`` or ``bgp``
    + rank: of this member among all, from 0 on
    + fallback: whether the primary has the address for reading while no replica fits
    """

    mode: str
    rank: int
    fallback: bool


@dataclass(frozen=True)
class Seen:
    """
    What the local Patroni answered just now.

    + leads: it has the leader's key, and PostgreSQL runs as primary
    + fits: it is a replica for readers, and lags no more than declared
    + replicas: of a leader: whether members stream from it that are for readers
    + contact_age: seconds since Patroni's last contact with etcd, at most; + contact_limit: how many they may be
    + failsafe: etcd is lost, and leader and members have heard of each other without it
    + listens: by address, whether PostgreSQL would take connections to it
    + pooled: whether PgBouncer's pool for readers answers, where there is one
    """

    leads: bool
    fits: bool
    replicas: bool
    contact_age: float
    contact_limit: float
    failsafe: bool
    listens: bool
    pooled: bool = True


def objection(use: str, rules: Rules, seen: Seen | None) -> str:
    """Why this member may not have an address; "": it may. + seen: None: Patroni did not answer"""
    if seen is None:
        return "Patroni does not answer"
    if not seen.listens:
        return "PostgreSQL does not listen on it; a restart of PostgreSQL is pending"
    if seen.contact_age > seen.contact_limit and not seen.failsafe:
        return "Patroni has not reached etcd lately"
    return _of_writing(seen) if use == WRITE else _of_reading(rules, seen)


def _of_writing(seen: Seen) -> str:
    return "" if seen.leads else "not the leader"


def _of_reading(rules: Rules, seen: Seen) -> str:
    if seen.fits:
        return "" if seen.pooled else "PgBouncer's pool for readers does not answer"
    if not seen.leads:
        return "not a replica that serves readers"
    if not rules.fallback:
        return "the leader, which is to serve no readers"
    return "replicas serve readers" if seen.replicas else ""


def patience(use: str, rules: Rules) -> float:
    """For how many seconds nothing may have spoken against it before this member takes an address."""
    if use == WRITE:
        return SETTLE_SECONDS if rules.mode == BGP else 0.0
    return 0.0 if rules.mode == BGP else rules.rank * RANK_SECONDS


class Contact:
    """
    How long ago Patroni reached etcd, at most. Patroni says it by the clock of the wall, which may jump: only that the
    value changes counts, and it changed after the answer before.
    """

    def __init__(self) -> None:
        self.value: int | None = None
        self.since = -math.inf
        self.asked: float | None = None

    def age(self, value: int | None, asked: float, wall: float) -> float:
        """
        Seconds, by the monotonic clock.

        + value: what Patroni said, None: nothing
        + asked: when it was asked, by the monotonic clock; + wall: the same by the clock of the wall
        """
        if value is not None and value != self.value:
            self.since = self._first(value, asked, wall) if self.asked is None else self.asked
        self.value, self.asked = value, asked
        return math.inf if value is None else asked - self.since

    def _first(self, value: int, asked: float, wall: float) -> float:
        # Nothing to compare with yet. Patroni cuts seconds off; a moment to come is a clock that cannot be trusted.
        return asked - (wall - value) if wall >= value else -math.inf
