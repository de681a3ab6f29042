"""Data is thrown away only where that loses nothing, unless somebody insists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cluster.plans.reinit_node import is_being_copied, reinit_obstacles, reinit_remarks, source_text
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster


def obstacle(live: Live, name: str = "pg2", *, force: bool = False) -> str | None:
    found = reinit_obstacles(a_cluster(), live, name, force=force)
    return "\n".join(map(str, found)) or None


def lame(live: Live | None = None) -> Live:
    """pg2 does not stream."""
    return with_member(live or healthy(), "pg2", streaming=False, running=False, state="start failed")


def test_a_member_that_does_not_stream_may_be_made_anew() -> None:
    assert obstacle(lame()) is None


def test_a_healthy_one_only_for_somebody_who_insists() -> None:
    assert obstacle(healthy()) == (
        "pg2 streams from pg1 and needs no new copy\nHINT: --data force=true makes one all the same."
    )
    assert obstacle(healthy(), force=True) is None


def test_wal_that_only_this_member_has_is_not_thrown_away() -> None:
    ahead = with_postgres(lame(), "pg2", written=(1 << 30) + 5)
    assert obstacle(ahead) == (
        "pg2 has 5 bytes of WAL more than the leader pg1\n"
        "HINT: they may be writes that only it has; save its data directory, then --data force=true."
    )
    assert obstacle(ahead, force=True) is None


def test_one_that_is_late_on_purpose_needs_no_copy_to_be_late_with() -> None:
    late = with_postgres(lame(), "pg2", apply_delay_ms=3_600_000)
    assert obstacle(late) == (
        "pg2 replays 3600 s late on purpose (recovery_min_apply_delay) and streams again after that time\n"
        "HINT: wait for it; --data force=true makes a copy all the same."
    )
    assert obstacle(late, force=True) is None
    down = with_postgres(lame(), "pg2", apply_delay_ms=3_600_000, answers=False)
    assert obstacle(down) is None


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"paused": True}, "main is paused: no standby takes over"),
        ({"scheduled_switchover": {"at": "noon"}}, "a switchover is scheduled for noon"),
        ({"leader": None}, "there is no leader"),
        ({"answers": False, "error": "refused"}, "no Patroni answers: refused"),
    ],
)
def test_nobody_may_insist_where_the_cluster_is_in_no_state_for_it(
    other: dict[str, Any], words: str, force: bool
) -> None:
    assert (obstacle(with_patroni(lame(), **other), force=force) or "").startswith(f"{words}\nHINT: ")


def test_the_leader_is_never_made_anew() -> None:
    assert obstacle(healthy(), "pg1", force=True) == (
        "pg1 leads: its data is what all others are copied from\n"
        "HINT: let another member lead: `pyinfra inventory.py deploys/switchover.py`."
    )


def test_one_at_a_time() -> None:
    live = with_member(lame(), "pg3", state="creating replica", streaming=False)
    assert is_being_copied(live, "pg3") and not is_being_copied(live, "pg2")
    assert obstacle(live) == "pg3 is being copied already\nHINT: wait for it: one at a time."


def test_a_member_whose_patroni_is_silent_has_to_be_started() -> None:
    assert obstacle(replace(lame(), silent={"pg2": "refused"})) == (
        "Patroni of pg2 does not answer: refused\nHINT: `systemctl start patroni` on pg2; a lost host: "
        "`pyinfra inventory.py deploys/replace_node.py`."
    )
    assert "etcd does not know it" in (obstacle(healthy("pg1", "pg3")) or "")


def test_the_copy_has_to_find_room_and_etcd_its_quorum() -> None:
    taken = with_postgres(lame(), "pg1", replication=[{"state": "streaming"}] * 9)
    assert "9 of max_wal_senders 10 are taken on pg1" in (obstacle(taken) or "")
    copied = with_member(taken, "pg3", tags={"clonefrom": True})
    assert obstacle(copied) is None, "Patroni copies from pg3 then"
    full = with_postgres(copied, "pg3", replication=[{"state": "streaming"}] * 9)
    assert "9 of max_wal_senders 10 are taken on pg3" in (obstacle(full) or "")
    assert "etcd has no quorum" in (obstacle(replace(lame(), etcd=None)) or "")
    assert "the leader pg1 does not answer" in (obstacle(with_postgres(lame(), "pg1", answers=False)) or "")
    assert "left out by --limit" in (obstacle(replace(lame(), within=frozenset(("pg1",)))) or "")


def test_it_is_said_from_where_the_copy_comes() -> None:
    assert source_text(a_cluster(), healthy(), "pg2") == "pg1"
    tagged = with_member(healthy(), "pg3", tags={"clonefrom": True})
    assert source_text(a_cluster(), tagged, "pg2") == "pg3"
    assert source_text(a_cluster(), with_member(tagged, "pg3", running=False), "pg2") == "pg1"


def test_that_nobody_could_take_over_meanwhile_is_said_before() -> None:
    assert reinit_remarks(a_cluster(), healthy(), "pg2", 95) == ["95 MiB on pg2 are removed, and copied again"]
    alone = with_member(healthy(), "pg3", streaming=False)
    assert reinit_remarks(a_cluster(), alone, "pg2", 95)[1:] == ["until it streams, no standby can take over from pg1"]
