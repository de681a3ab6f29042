"""Who may have a virtual IP address now: the rule, and that it never leaves one on two hosts."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ON_HOST = Path(__file__).parents[3] / "cluster" / "components" / "on_host"
ADDRESS = "10.0.0.100"


@pytest.fixture(scope="module")
def vip() -> Iterator[Any]:
    """The program, as Python finds its parts on a host: beside it."""
    sys.path.insert(0, str(ON_HOST))
    try:
        yield importlib.import_module("vip")
    finally:
        sys.path.remove(str(ON_HOST))


@pytest.fixture(scope="module")
def rule(vip: Any) -> Any:
    return sys.modules["vip_rule"]


def leading(rule: Any, **other: Any) -> Any:
    known = {"contact_age": 1.0, "contact_limit": 9.0, "failsafe": False, "listens": True}
    return replace(rule.Seen(leads=True, fits=False, replicas=True, **known), **other)


def rules(rule: Any, **other: Any) -> Any:
    return rule.Rules(**{"mode": "leader", "rank": 0, "fallback": True, **other})


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"leads": False}, "not the leader"),
        ({"contact_age": 9.1}, "Patroni has not reached etcd lately"),
        ({"contact_age": 99.0, "failsafe": True}, ""),
        ({"contact_age": 99.0, "failsafe": True, "leads": False}, "not the leader"),
        ({"listens": False}, "PostgreSQL does not listen on it; a restart of PostgreSQL is pending"),
    ],
)
def test_the_address_for_writing(rule: Any, other: dict[str, Any], words: str) -> None:
    assert rule.objection("write", rules(rule), leading(rule, **other)) == words


def test_a_member_whose_pool_for_readers_is_silent_serves_no_readers_and_writers_all_the_same(rule: Any) -> None:
    replica = leading(rule, leads=False, fits=True, pooled=False)
    assert rule.objection("read", rules(rule), replica) == "PgBouncer's pool for readers does not answer"
    assert rule.objection("read", rules(rule), replace(replica, pooled=True)) == ""
    alone = leading(rule, replicas=False, pooled=False)
    assert rule.objection("write", rules(rule), alone) == "", "clients of PostgreSQL itself use it, and no other has it"
    assert rule.objection("read", rules(rule), alone) == "", "while no replica is there, it is the last that can"


def test_nothing_is_had_without_an_answer(rule: Any) -> None:
    assert {rule.objection(use, rules(rule), None) for use in ("write", "read")} == {"Patroni does not answer"}


@pytest.mark.parametrize(
    ("other", "fallback", "words"),
    [
        ({"leads": False, "fits": True}, True, ""),
        ({"leads": False}, True, "not a replica that serves readers"),
        ({}, True, "replicas serve readers"),
        ({"replicas": False}, True, ""),
        ({"replicas": False}, False, "the leader, which is to serve no readers"),
        ({"leads": False, "fits": True, "contact_age": 99.0}, True, "Patroni has not reached etcd lately"),
    ],
)
def test_the_address_for_reading(rule: Any, other: dict[str, Any], fallback: bool, words: str) -> None:
    assert rule.objection("read", rules(rule, fallback=fallback), leading(rule, **other)) == words


def test_members_take_the_one_address_for_reading_one_after_the_other(rule: Any) -> None:
    assert [rule.patience("read", rules(rule, rank=rank)) for rank in range(3)] == [0.0, 1.5, 3.0]
    assert {rule.patience("read", rules(rule, rank=rank, mode="bgp")) for rank in range(3)} == {0.0}


def test_a_new_leader_gives_the_old_one_time_where_nobody_can_be_asked(rule: Any) -> None:
    assert rule.patience("write", rules(rule, mode="bgp")) == rule.SETTLE_SECONDS
    assert rule.patience("write", rules(rule)) == 0.0


def test_the_age_of_a_contact_is_never_below_what_it_can_be(rule: Any) -> None:
    contact = rule.Contact()
    assert contact.age(1000, 50.0, 1003.9) == pytest.approx(3.9), "by the clock of the wall at first"
    assert contact.age(1000, 51.0, 0.0) == pytest.approx(4.9), "and never again"
    assert contact.age(1005, 52.0, 0.0) == 1.0, "it changed after the answer before"
    assert contact.age(1005, 99.0, 0.0) == 48.0, "also when the program stood still"
    assert contact.age(None, 100.0, 0.0) == math.inf
    assert rule.Contact().age(1000, 50.0, 900.0) == math.inf, "a contact to come is a clock that nobody can trust"


# --- The holder itself, in a time of its own ---

TTL, LOOP, RETRY, LEASE = 20.0, 5.0, 5.0, 4.0


@dataclass
class Time:
    """
    The clock of one host. What stands still does so between two looks at the clock, wherever that is.

    + stops: by the number of the look, for how long
    """

    now: float = 1000.0
    looks: int = 0
    stops: dict[int, float] = field(default_factory=dict)

    def monotonic(self) -> float:
        self.looks += 1
        self.now += 0.001 + self.stops.get(self.looks, 0.0)
        return self.now

    def time(self) -> float:
        return self.now


@dataclass
class OldLeader:
    """
    A member that leads, until something happens to it. Its Patroni goes on saying so until it notices.

    + ends: the moment from which etcd cannot be reached; + half: at the last contact the key was not renewed
    + hangs: from that moment on Patroni answers as if nothing had been, and notices nothing
    """

    clock: Time
    ends: float
    half: bool
    hangs: bool

    @property
    def contact(self) -> float:
        """The last one with etcd."""
        last = min(self.clock.now, self.ends)
        return last - (last % LOOP)

    @property
    def expiry(self) -> float:
        """When the key ends; from then on another member may lead."""
        final = self.ends - (self.ends % LOOP)
        return final - (LOOP if self.half else 0) + TTL

    def timing(self) -> tuple[float, float]:
        return TTL, LOOP

    def leading(self) -> Any:
        seen = sys.modules["vip_patroni"]
        notices = self.ends + LOOP + RETRY
        said = seen.Leading(self.hangs or self.clock.now < notices, False, int(self.contact))
        self.clock.monotonic()  # an answer is on its way while everything stands still
        return said


@dataclass
class Kernel:
    """What the kernel does with a lifetime."""

    clock: Time
    spans: list[list[float]] = field(default_factory=list)

    def renew(self, address: str, interface: str, seconds: int) -> None:
        if self.spans and self.spans[-1][1] >= self.clock.now:
            self.spans[-1][1] = self.clock.now + seconds
        else:
            self.spans.append([self.clock.now, self.clock.now + seconds])

    def drop(self, address: str, interface: str) -> bool:
        if self.spans:
            self.spans[-1][1] = min(self.spans[-1][1], self.clock.now)
        return True


@settings(max_examples=300, deadline=None)
@given(
    ends=st.floats(1010, 1060),
    half=st.booleans(),
    hangs=st.booleans(),
    stops=st.dictionaries(st.integers(20, 400), st.floats(0.1, 90), max_size=3),
    mode=st.sampled_from(["leader", "bgp"]),
)
def test_no_other_member_leads_while_the_old_leader_has_the_address(
    vip: Any, ends: float, half: bool, hangs: bool, stops: dict[int, float], mode: str
) -> None:
    clock = Time(stops=stops)
    patroni, kernel = OldLeader(clock, ends, half, hangs), Kernel(clock)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vip, "time", clock)
        for name in ("renew", "drop"):
            patched.setattr(vip.vip_kernel, name, getattr(kernel, name))
        patched.setattr(vip, "listens", lambda address, port: True)
        patched.setattr(vip.vip_frames, "answered", lambda address, interface: None)
        patched.setattr(vip.vip_frames, "announce", lambda address, interface: None)
        patched.setattr(vip.Holder, "_note", lambda holder: None)
        holder = vip.Holder(configuration(mode))
        while clock.now < patroni.expiry + 120:
            holder.step(patroni)
            clock.now += 0.5
    assert kernel.spans, "it had the address"
    assert kernel.spans[-1][1] <= patroni.expiry, (kernel.spans, patroni.expiry)


def configuration(mode: str) -> dict[str, Any]:
    return {
        "rank": 0,
        "readers": ["b"],
        "mode": mode,
        "write": [ADDRESS],
        "read": [],
        "fallback": True,
        "lease_seconds": LEASE,
        "margin_seconds": LEASE + 2,
        "interface": "eth0",
        "own": "10.0.0.1",
        "port": 5432,
    }


def test_another_configuration_keeps_what_it_leaves(vip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Time()
    kernel, dropped = Kernel(clock), []
    monkeypatch.setattr(vip.vip_kernel, "renew", kernel.renew)
    monkeypatch.setattr(vip.vip_kernel, "drop", lambda address, interface: dropped.append(address))
    holder = vip.Holder({**configuration("leader"), "write": [ADDRESS, "10.0.0.101"]})
    for one in holder.addresses.values():
        one.held = True
    holder.follow({**configuration("leader"), "write": [ADDRESS, "10.0.0.102"], "rank": 2})
    assert dropped == ["10.0.0.101"] and holder.rules.rank == 2
    assert {address: one.held for address, one in holder.addresses.items()} == {ADDRESS: True, "10.0.0.102": False}
    holder.follow({**configuration("leader"), "interface": "eth1"})
    assert dropped == ["10.0.0.101", ADDRESS], "it does not stay on the former interface"
    assert not holder.addresses[ADDRESS].held


def test_addresses_are_on_the_interface_of_the_clients_whatever_its_name_is(
    vip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, dropped = {"10.0.0.1": "eth0", "10.1.0.1": "eth1"}, []
    monkeypatch.setattr(vip.vip_kernel, "interface_of", there.get)
    monkeypatch.setattr(vip.vip_kernel, "drop", lambda address, interface: dropped.append((address, interface)))
    holder = vip.Holder({**configuration("leader"), "interface": None})
    assert holder._interface() == "eth0"
    holder.addresses[ADDRESS].held = True
    holder.follow({**configuration("leader"), "interface": None, "client_address": "10.1.0.1"})
    assert dropped == [(ADDRESS, "eth0")] and holder._interface() == "eth1"
    there["10.1.0.1"] = "eth3"
    monkeypatch.setattr(holder, "_act", gone)
    monkeypatch.setattr(holder, "_said", lambda patroni, now: None)
    monkeypatch.setattr(holder, "_note", lambda: None)
    holder.step(OldLeader(Time(), ends=2000, half=False, hangs=False))
    assert holder._interface() == "eth3"


def gone(*given: Any) -> None:
    raise OSError("No such device")


def test_a_shorter_ttl_counts_at_once_and_a_longer_one_a_contact_later(vip: Any) -> None:
    clock = Time()
    patroni = OldLeader(clock, ends=2000, half=False, hangs=False)
    holder = vip.Holder(configuration("leader"))
    limits = []
    for ttl in (20, 40, 40, 20, 20):
        patroni.timing = lambda ttl=ttl: (ttl, 5)  # type: ignore[method-assign]
        said = holder._said(patroni, clock.now)
        holder.contact.age(said.contact, clock.now, clock.now)
        limits.append(min(holder.limits))
        clock.now += LOOP
    assert limits == [9, 9, 29, 9, 9]
