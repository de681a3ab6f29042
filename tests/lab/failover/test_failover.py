"""The primary goes away under a load of writes: another one takes over, clients go on, and the old one comes back."""

import json
import time
from collections.abc import Iterable

from facts.haproxy import HaproxyServers
from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Attempt, Load, Outcome, Value, Verdict
from tests.lab.vocabulary.runs import (
    SMALL,
    Built,
    another_leader,
    assert_changes_nothing,
    dsn,
    etcdctl,
    leader,
    members,
    replicas,
    start_times,
    system_identifier,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

TTL = SMALL["patroni_ttl"]
# The lock runs out, a standby sees it at its next look, is promoted, and HAProxy finds it.
GAP_SECONDS = 45
FROZEN_SECONDS = TTL + 12
WARM_UP_WRITES = 200
AFTERWARDS_WRITES = 200
# Replication is asynchronous: what the primary acknowledged in its last moments may not have left it.
LAST_MOMENTS_SECONDS = 1.0


def test_the_primary_is_killed(built: Built) -> None:
    lab, old = built.lab, leader(built.lab)
    via = replicas(lab)[0].short_name
    timeline, identifier = _timeline(built, via), system_identifier(lab, via)
    with Load(_dsn(built, via)) as load:
        _warm_up(load)
        killed_at = time.monotonic()
        faults.kill(old.container)
        new = another_leader(lab, old, via)
        took_seconds = time.monotonic() - killed_at
        load.wait_for_writes(AFTERWARDS_WRITES, after=time.monotonic(), seconds=GAP_SECONDS)
    _judge("killed", load, load.verdict(), until=killed_at, took_seconds=took_seconds)

    started_at = time.monotonic()
    faults.start(old.container)
    wait_until_ready(old)
    wait_until_settled(lab)
    print(f"started again, it streamed from the new primary after {_since(started_at):.1f} s")
    assert leader(lab) == new
    assert _timeline(built, via) > timeline
    assert system_identifier(lab, old.short_name) == identifier
    _judge("the old primary streams", load, load.verdict(), until=killed_at, took_seconds=took_seconds)
    _assert_nothing_to_do(built)


def test_the_port_for_any_member_follows_what_the_other_ports_have_asked(built: Built) -> None:
    leading, standbys = leader(built.lab).container, [host.container for host in replicas(built.lab)]
    every = sorted([f"{leading}-primary", *(f"{name}-replicas" for name in standbys)])
    wait_until("every member is led to", lambda: _led_to(leading) == every, seconds=GAP_SECONDS)
    frozen = f"{standbys[0]}-replicas"
    faults.freeze(standbys[0])
    try:
        wait_until("the frozen one is not", lambda: _led_to(leading) == [x for x in every if x != frozen], seconds=60)
    finally:
        faults.thaw(standbys[0])
    wait_until("it is again", lambda: _led_to(leading) == every, seconds=60)
    wait_until_settled(built.lab)


def test_the_primary_is_frozen_until_another_leads_and_thaws_as_if_nothing_had_been(built: Built) -> None:
    lab, old = built.lab, leader(built.lab)
    via = replicas(lab)[0].short_name
    timeline = _timeline(built, via)
    _let_another_host_lead_etcd(built, old)
    with Load(_dsn(built, via)) as load:
        _warm_up(load)
        frozen_at = time.monotonic()
        faults.freeze(old.container)
        try:
            new = another_leader(lab, old, via)
            took_seconds, led_at = _since(frozen_at), time.monotonic()
            load.wait_for_writes(AFTERWARDS_WRITES, after=led_at, seconds=GAP_SECONDS)
            wait_until("it was frozen for long", lambda: _since(frozen_at) > FROZEN_SECONDS, seconds=60)
        finally:
            faults.thaw(old.container)
        thawed_at = time.monotonic()
        wait_until_settled(lab)
        print(f"\nthawed, it streamed from the new primary after {_since(thawed_at):.1f} s")
        load.wait_for_writes(AFTERWARDS_WRITES, after=time.monotonic(), seconds=GAP_SECONDS)
    verdict = load.verdict()
    _judge("frozen", load, verdict, until=frozen_at, took_seconds=took_seconds)
    assert not {one.value for one in _acknowledged(load.attempts) if one.started > led_at} & verdict.lost
    assert leader(lab) == new
    assert _timeline(built, via) > timeline
    _assert_nothing_to_do(built)


def _let_another_host_lead_etcd(built: Built, old: Host) -> None:
    """
    A frozen leader of etcd that thaws may, in about one of twenty cases, still revoke the others' leases, and with
    them the new primary's lock (https://github.com/etcd-io/etcd/issues/15247). That is etcd's to fix; a test of
    Patroni that fails for it now and then would be worth nothing.
    """
    seen = [one["Status"] for one in json.loads(etcdctl(old, "endpoint status --cluster -w json"))]
    own = json.loads(etcdctl(old, "endpoint status -w json"))[0]["Status"]["header"]["member_id"]
    if seen[0]["leader"] == own:
        other = next(one["header"]["member_id"] for one in seen if one["header"]["member_id"] != own)
        etcdctl(old, f"move-leader {other:x}")


def _dsn(built: Built, via: str) -> str:
    return dsn(built.lab, 5000, via, connect_timeout=2)


def _warm_up(load: Load) -> None:
    wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=20)


def _acknowledged(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [one for one in attempts if one.outcome is Outcome.ACKNOWLEDGED]


def _judge(what: str, load: Load, verdict: Verdict, *, until: float, took_seconds: float) -> None:
    """
    Print what it cost and demand that it cost no more than asynchronous replication may.

    + until: when the fault began; nothing that was acknowledged after it may be lost
    """
    seen = load.report()
    lost_seconds = [until - ended for ended in _ended(load, verdict.lost)]
    print(
        f"\n{what}: another leader after {took_seconds:.1f} s, longest gap {seen.longest_gap_seconds:.1f} s, "
        f"acknowledged {seen.acknowledged}, refused {seen.refused}, unknown {seen.unknown}, "
        f"lost {len(verdict.lost)}, duplicated {len(verdict.duplicated)}, resurrected {len(verdict.resurrected)}, "
        f"reasons {seen.reasons}"
    )
    assert seen.longest_gap_seconds < GAP_SECONDS
    assert not verdict.duplicated
    assert not verdict.resurrected
    assert all(0 <= seconds <= LAST_MOMENTS_SECONDS for seconds in lost_seconds), sorted(lost_seconds)


def _ended(load: Load, values: Iterable[Value]) -> list[float]:
    wanted = set(values)
    return [one.ended for one in load.attempts if one.value in wanted]


def _timeline(built: Built, via: str) -> int:
    return max(one["timeline"] for one in members(built.lab, via).values() if one["role"] == "leader")


def _since(moment: float) -> float:
    return time.monotonic() - moment


def _assert_nothing_to_do(built: Built) -> None:
    before = start_times(built.lab)
    assert_changes_nothing(built.inventory)
    assert start_times(built.lab) == before


def _led_to(balancer: str) -> list[str]:
    """The servers that a balancer's port 5004 leads to."""
    said = run_in(balancer, HaproxyServers().command()).splitlines()
    servers = HaproxyServers().parsed(said)["any"]
    return sorted(name for name, server in servers.items() if server["status"] == "UP")
