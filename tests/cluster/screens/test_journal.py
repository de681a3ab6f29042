"""The journals of several hosts, told as one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.errors import ConfigError
from cluster.observed.journal import SeenJournal
from cluster.screens.journal import journal_data, journal_lines, noted_runs, shown_runs, since_moment
from facts.runs.journal import RunJournal
from tests.world.hosts import fake_cluster

CLUSTER = fake_cluster()


def entry(event: str, run: str, **words: Any) -> dict[str, Any]:
    return {"event": event, "run": run, **words}


def begin(run: str, at: str) -> dict[str, Any]:
    return entry("begin", run, at=at, who="alice@c1", what="deploys/cluster.py", version="0.2.0", cluster="main")


def journal(*entries: dict[str, Any]) -> SeenJournal:
    """As a host prints it and the fact reads it."""
    return RunJournal().process([json.dumps(one) for one in entries]) if entries else RunJournal.default()


END = {"at": "2026-11-26T10:00:09Z", "exit": 0, "acts": 2, "seconds": 9}
ACT = {"n": 1, "at": "2026-11-26T10:00:01Z", "operation": "etcd | Configure", "what": "writes /etc/default/etcd"}
FIRST = begin("aa", "2026-11-26T10:00:00Z")
HOSTS: dict[str, SeenJournal | None] = {
    "h1": journal(
        FIRST,
        entry("act", "aa", **ACT),
        entry("done", "aa", n=1, exit=0, seconds=3),
        entry("end", "aa", **END),
    ),
    "h2": journal(
        FIRST,
        entry("act", "aa", n=2, operation="Switchover", before="h1", after="h2"),
        entry("done", "aa", n=2, exit=7, seconds=1),
        entry("end", "aa", **END),
        begin("bb", "2026-11-26T11:00:00Z"),
        entry("act", "bb", n=1, operation="Restart"),
    ),
    "h3": None,
}


def test_all_hosts_are_merged_in_the_order_of_runs_and_acts_and_the_silent_one_is_named() -> None:
    assert journal_lines(CLUSTER, HOSTS, noted_runs(HOSTS)) == [
        "main: the journals of 2 of 3 hosts",
        "  h3 does not answer: what only it has noted is missing",
        "",
        "  2026-11-26 10:00:00 UTC  deploys/cluster.py by alice@c1, run aa, version 0.2.0",
        "    h1  etcd | Configure, writes /etc/default/etcd: 3 s",
        "    h2  Switchover (h1 -> h2): FAILED with exit code 7 after 1 s",
        "    ended well after 9 s, 2 acts",
        "",
        "  2026-11-26 11:00:00 UTC  deploys/cluster.py by alice@c1, run bb, version 0.2.0",
        "    h2  Restart: no end was noted",
        "    NO END: it was killed, or goes on",
    ]


def test_of_several_values_each_is_shown() -> None:
    act = entry("act", "aa", n=1, operation="Apply", before={"ttl": 30, "x": None}, after={"ttl": 20, "x": 1})
    seen: dict[str, SeenJournal | None] = {"h1": journal(FIRST, act)}
    assert "    h1  Apply (ttl 30 -> 20, x (unset) -> 1): no end was noted" in journal_lines(
        CLUSTER, seen, noted_runs(seen)
    )


def test_a_run_that_failed_says_why_and_one_without_acts_that_nothing_was_to_be_done() -> None:
    failed = entry("end", "aa", exit=1, acts=0, seconds=1, why="h1 is locked")
    seen: dict[str, SeenJournal | None] = {"h1": journal(FIRST, failed)}
    assert (
        journal_lines(CLUSTER, seen, noted_runs(seen))[-1]
        == "    FAILED: h1 is locked after 1 s, nothing was to be done"
    )


def test_a_line_that_was_cut_off_takes_none_with_it() -> None:
    whole = json.dumps(FIRST)
    seen = RunJournal().process([whole[:30] + whole, whole[:-5], "noise", json.dumps(entry("end", "aa", **END))])
    assert ([one["event"] for one in seen["entries"]], seen["unread"]) == (["begin", "end"], 3)
    assert "  h1: 3 lines cannot be read" in journal_lines(CLUSTER, {"h1": seen}, [])


def test_a_run_whose_beginning_is_in_no_file_any_more_is_shown_as_far_as_it_is_known() -> None:
    seen: dict[str, SeenJournal | None] = {"h1": journal(entry("act", "aa", **ACT), entry("end", "aa", **END))}
    lines = journal_lines(CLUSTER, seen, noted_runs(seen))
    assert "  2026-11-26 10:00:01 UTC  a run by unknown, run aa" in lines


def test_no_journal_at_all() -> None:
    assert journal_lines(CLUSTER, {"h1": journal()}, [])[-1] == "  no run was noted"


def test_what_machines_read_has_the_same_runs() -> None:
    told = journal_data(CLUSTER, HOSTS, noted_runs(HOSTS))
    assert (told["hosts"], [run["run"] for run in told["runs"]]) == (
        {"h1": True, "h2": True, "h3": False},
        ["aa", "bb"],
    )
    assert [act["host"] for act in told["runs"][0]["acts"]] == ["h1", "h2"]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("word", "since"),
    [
        ("", ""),
        ("90m", "2026-11-26T10:30:00Z"),
        ("12h", "2026-11-26T00:00:00Z"),
        ("7d", "2026-11-19T12:00:00Z"),
        ("2026-11-26", "2026-11-26T00:00:00Z"),
        ("2026-11-26T10:00", "2026-11-26T10:00:00Z"),
        ("2026-11-26T10:00+02:00", "2026-11-26T08:00:00Z"),
    ],
)
def test_a_moment_since_which_runs_are_shown(word: str, since: str) -> None:
    assert since_moment(word, datetime(2026, 11, 26, 12, tzinfo=UTC)) == since


@pytest.mark.parametrize("word", ["yesterday", "7w", "d", "-1h", "2026-13-01"])
def test_what_is_no_moment_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match=f"since: {word} is no moment\nHINT: --data since=12h"):
        since_moment(word, datetime(2026, 11, 26, tzinfo=UTC))


def test_the_newest_runs_since_a_moment() -> None:
    runs = noted_runs(HOSTS)
    assert [run.run for run in shown_runs(runs, "", 1)] == ["bb"]
    assert [run.run for run in shown_runs(runs, "2026-11-26T10:00:00Z", 10)] == ["aa", "bb"]
    assert [run.run for run in shown_runs(runs, "2026-11-26T10:00:01Z", 10)] == ["bb"]
