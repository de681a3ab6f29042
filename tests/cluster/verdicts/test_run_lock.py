"""Whose a lock is, and what is said of a run that has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.observed.run_lock import UNKNOWN, SeenHolder, SeenLocks, SeenRunLock, read_holder, written
from cluster.verdicts.run_lock import (
    LEASE_SECONDS,
    NO_CLIENT,
    RENEW_SECONDS,
    STALE_SECONDS,
    in_order,
    is_over,
    lock_key,
    lock_words,
    loss,
    others,
    refused_text,
    settled,
    taken_over_line,
)
from tests.world.hosts import fake_cluster

CLUSTER = fake_cluster()
HOLDER: SeenHolder = {
    "run": "1a2b",
    "who": "alice@control1",
    "what": "inventory.py deploys/switchover.py",
    "since": "2026-11-26T10:00:00Z",
    "machine": "boot/pid:[1]",
    "pid": 4711,
    "started": "99",
}


def place(word: str, text: str = "") -> SeenRunLock:
    holder = HOLDER if word == "other" else None
    return {"word": word, "holder": holder, "renewed_seconds": 3, "lease": "", "text": text}


def locks(host: str, etcd: str | None = None, boot: str = "first", text: str = "") -> SeenLocks:
    return {"boot": boot, "host": place(host), "etcd": None if etcd is None else place(etcd, text)}


def test_a_holder_is_read_as_it_was_written_and_is_one_word() -> None:
    assert read_holder(written(HOLDER)) == HOLDER
    assert set(written(HOLDER)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


@given(st.text())
def test_what_cannot_be_read_is_a_run_all_the_same(text: str) -> None:
    assert read_holder(text) == UNKNOWN


def test_the_refusal_says_who_what_since_when_and_what_to_do() -> None:
    assert refused_text(CLUSTER, place("other"), "h1") == (
        "main is locked by another run: inventory.py deploys/switchover.py by alice@control1 (process 4711) since "
        "2026-11-26T10:00:00Z, run 1a2b (seen in h1, renewed 3 s ago)\n"
        "HINT: wait until it has ended; when it is dead, its lock ends within 45 s. --data break_lock=true takes the "
        "lock from it, and it stops before its next step."
    )
    assert "(seen in etcd)\n" in refused_text(CLUSTER, place("other"), "etcd")


def test_what_is_broken_is_named_and_so_is_what_is_taken_over() -> None:
    assert taken_over_line(CLUSTER, HOLDER, broken=True).startswith("main: breaks the lock of inventory.py deploys/")
    assert taken_over_line(CLUSTER, HOLDER, broken=False).endswith("run 1a2b, whose process is gone")


def test_only_a_process_of_this_very_machine_is_known_to_be_gone() -> None:
    assert is_over(HOLDER, "boot/pid:[1]", lambda pid, started: (pid, started) == (4711, "99"))
    assert not is_over(HOLDER, "boot/pid:[1]", lambda pid, started: False)
    assert not is_over(HOLDER, "boot/pid:[2]", lambda pid, started: True)
    assert not is_over({**HOLDER, "machine": ""}, "", lambda pid, started: True)
    assert not is_over(UNKNOWN, "boot/pid:[1]", lambda pid, started: True)


def test_a_lock_is_renewed_often_enough_and_a_dead_run_s_ends_within_a_minute() -> None:
    assert 3 * RENEW_SECONDS <= STALE_SECONDS < LEASE_SECONDS < 60


def test_the_lock_is_not_among_patroni_s_keys() -> None:
    assert lock_key(CLUSTER) == "/pyinfra-patroni/main/run"
    assert not lock_key(CLUSTER).startswith(CLUSTER.scope_key)


def test_the_hosts_of_etcd_come_first_and_else_the_inventory_s_order_holds() -> None:
    assert [node.name for node in in_order(CLUSTER)] == ["h1", "h2", "h3"]


def test_every_place_of_another_run_counts() -> None:
    seen = [None, locks("mine", "other"), locks("other"), locks("mine", "silent")]
    assert [one["word"] for one in others(seen)] == ["other", "other"]


def test_a_host_without_a_client_of_etcd_has_not_asked_it() -> None:
    assert not settled(None) and not settled(locks("mine")) and not settled(locks("mine", "silent", text=NO_CLIENT))
    assert settled(locks("mine", "silent", text="nothing listens")) and settled(locks("mine", "mine"))


@pytest.mark.parametrize(
    ("seen", "had_etcd", "lost"),
    [
        (None, True, False),
        (locks("mine", "mine"), True, False),
        (locks("mine", "silent"), True, False),
        (locks("mine", "other"), False, False),
        (locks("mine", "other"), True, True),
        (locks("other"), False, True),
        (locks("none"), False, True),
        (locks("none", boot="second"), False, False),
        (locks("error"), True, False),
    ],
)
def test_what_ends_a_run_and_what_does_not(seen: SeenLocks | None, had_etcd: bool, lost: bool) -> None:
    assert (loss([seen], had_etcd, ["first"]) is not None) == lost


def test_the_status_has_a_line_only_while_a_run_acts() -> None:
    assert lock_words(None) == ""
    assert lock_words(place("other")).endswith("run 1a2b, renewed 3 s ago")
