"""The logs of all hosts as one: which lines matter and what they mean, whose clock is wrong, and who is missing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.options import LOG_COMPONENTS
from cluster.screens.journal import noted_runs
from cluster.screens.log_lines import COMPONENTS, LogLine, component_of, merged, of_host
from cluster.screens.log_patterns import PATTERNS, meaning_of
from cluster.screens.logs import LINES_OF_A_SOURCE, HostSaid, Span, log_data, log_screen, shown_lines
from tests.world.hosts import fake_cluster

AT = 1_795_800_000.0  # 2026-11-27 17:20:00 UTC
PATRONI, ETCD, HAPROXY = "patroni.service", "etcd.service", "haproxy.service"
POSTGRES = "/var/log/postgresql/postgresql-2026-11-27_171855.log"


def line(text: str, unit: str = PATRONI, after: float = 0, **more: Any) -> Any:
    return {"at": AT + after, "unit": unit, "text": text, **more}


def said(*lines: Any, ahead: float = 0, **more: Any) -> HostSaid:
    return HostSaid({"clock": AT, "lines": list(lines), "counts": {}, "unread": [], **more}, ahead)


def screen(hosts: dict[str, HostSaid], runs: Sequence[Any] = (), **asked: Any) -> list[str]:
    span = Span(AT - 60, AT + 600, **asked)
    return log_screen(fake_cluster(), span, hosts, shown_lines(span, hosts, noted_runs({"h1": {"entries": runs}})))


# Lines of real hosts, after a killed primary, a switchover, a cut etcd, and in quiet times.
MATTERS = [
    (PATRONI, "INFO: promoted self to leader by acquiring session lock", "it is the primary from here on"),
    (PATRONI, "INFO: Lock owner: None; I am pg2", "there is no leader"),
    (PATRONI, "INFO: demoted self because failed to update leader lock in DCS", "could not renew"),
    (PATRONI, "INFO: demoting self because DCS is not accessible and I was a leader", "cannot reach etcd"),
    (PATRONI, "INFO: running pg_rewind from pg2", "taken back"),
    (PATRONI, "ERROR: Request to server https://10.0.0.1:2379 failed: MaxRetryError", "an etcd does not answer"),
    (PATRONI, "patroni.service: Main process exited, code=killed, status=9/KILL", "was killed"),
    (POSTGRES, "UTC [2118] LOG:  database system is ready to accept connections", "as a primary"),
    (POSTGRES, "UTC [2118] LOG:  database system is ready to accept read-only connections", "as a standby"),
    (POSTGRES, "CET [21] LOG:  server process (PID 3) was terminated by signal 9: Killed", "out of memory"),
    (POSTGRES, 'UTC [9] PANIC:  could not write to file "x": No space left on device', "the disk is full"),
    (POSTGRES, "UTC [9] FATAL:  sorry, too many clients already", "max_connections"),
    (POSTGRES, "UTC [9] LOG:  selected new timeline ID: 2", "it becomes the primary"),
    (
        ETCD,
        '{"level":"warn","ts":"t","msg":"leader failed to send out heartbeat on time","to":"d5"}',
        "etcd's leader is overloaded",
    ),
    (ETCD, '{"level":"info","ts":"t","logger":"raft","msg":"3d became leader at term 2"}', "a quorum"),
    (HAPROXY, "[WARNING]  (1) : Server primary/pg1 is DOWN, reason: Layer4 timeout", "not led there any more"),
    (HAPROXY, "[ALERT]    (1) : proxy 'primary' has no server available!", "no connection at this port"),
    (HAPROXY, "10.0.0.9:1 [27/Nov/2026:17:08:19.857] primary primary/<NOSRV> -1/-1/0 0 SC 1/1/0/0/0 0/0", "no server"),
    ("keepalived.service", "(write) Entering MASTER STATE", "has the address"),
    ("kernel", "Out of memory: Killed process 2118 (postgres)", ""),
    ("pgbackrest-backup-full.service", "P00  ERROR: [103]: unable to find a valid repository", ""),
]
NOISE = [
    (PATRONI, "INFO: no action. I am (pg1), the leader with the lock"),
    (PATRONI, "INFO: no action. I am (pg2), a secondary, and following a leader (pg1)"),
    (PATRONI, "Starting patroni.service - Runners to orchestrate..."),
    (POSTGRES, "UTC [2118] LOG:  checkpoint starting: time"),
    (POSTGRES, "UTC [3] admin@postgres 10.0.0.1 psql LOG:  disconnection: session time: 0:00:00.109 user=admin"),
    (POSTGRES, "UTC [3] admin@postgres 10.0.0.1 psql STATEMENT:  select 'ERROR'"),
    (POSTGRES, "UTC [3] LOG:  some line that nobody has thought of"),
    (ETCD, '{"level":"info","ts":"t","msg":"finished scheduled compaction","compact-revision":9}'),
    (ETCD, '{"level":"warn","ts":"t","msg":"rejected connection on client endpoint","error":"EOF"}'),
    (HAPROXY, "10.0.0.9:45562 [27/Nov/2026:17:18:00.368] replicas replicas/pg2 1/3/349 2735 CD 13/5/4/1/0 0/0"),
    ("pgbackrest.service", "P00   INFO: archive-push:async command end: completed successfully (315ms)"),
    ("somebody.service", "ERROR: of no concern"),
]


@pytest.mark.parametrize(("unit", "text", "meaning"), MATTERS, ids=lambda one: one[:40])
def test_a_line_that_matters_is_shown_with_what_it_means(unit: str, text: str, meaning: str) -> None:
    (found,) = of_host("pg1", [line(text, unit)], 0, everything=False)
    assert meaning in found.meaning


@pytest.mark.parametrize(("unit", "text"), NOISE, ids=lambda one: one[:40])
def test_noise_is_not_shown_unless_all_is_asked_for(unit: str, text: str) -> None:
    assert list(of_host("pg1", [line(text, unit)], 0, everything=False)) == []
    assert len(list(of_host("pg1", [line(text, unit)], 0, everything=True))) == (unit != "somebody.service")


@pytest.mark.parametrize("unit", [PATRONI, POSTGRES, ETCD, HAPROXY, "pgbouncer@write.service"])
def test_what_nobody_has_thought_of_is_shown_when_it_is_grave(unit: str) -> None:
    text = '{"level":"error","msg":"never seen"}' if unit == ETCD else "ERROR:  never seen before"
    assert len(list(of_host("pg1", [line(text, unit)], 0, everything=False))) == 1


def test_the_table_is_one() -> None:
    assert set(LOG_COMPONENTS) == set(COMPONENTS)
    assert set(PATTERNS) <= set(COMPONENTS)
    for patterns in PATTERNS.values():
        for one in patterns:
            re.compile(one.text)
            assert one.meaning is None or not one.meaning or one.meaning[-1] not in ".!"
    assert component_of("pgbouncer@write-1.service") == "pgbouncer" and component_of("ssh.service") == ""


def test_hosts_are_one_view_in_the_order_of_time() -> None:
    hosts = {
        "pg1": said(line("INFO: demoting self because DCS is not accessible and I was a leader", after=1)),
        "pg2": said(
            line("INFO: promoted self to leader by acquiring session lock", after=3),
            line("UTC [2] LOG:  selected new timeline ID: 2", POSTGRES, after=2.5),
        ),
        "pg3": HostSaid(None),
    }
    assert screen(hosts) == [
        "main: the logs of 2 of 3 hosts, 2026-11-27 17:19:00 to 2026-11-27 17:30:00 UTC",
        "  pg3 does not answer: what only it has logged is missing",
        "",
        "  2026-11-27",
        "  17:20:01.000  pg1  patroni   INFO: demoting self because DCS is not accessible and I was a leader",
        "                               = it cannot reach etcd's quorum",
        "  17:20:02.500  pg2  postgres  LOG:  selected new timeline ID: 2",
        "                               = it becomes the primary",
        "  17:20:03.000  pg2  patroni   INFO: promoted self to leader by acquiring session lock",
        "                               = this member takes over: it is the primary from here on",
    ]


def test_a_clock_that_is_wrong_is_said_and_its_lines_are_moved() -> None:
    hosts = {
        "pg1": said(line("UTC [2] LOG:  received fast shutdown request", POSTGRES, after=10)),
        "pg2": said(line("UTC [2] LOG:  received promote request", POSTGRES, after=42), ahead=31.0),
    }
    shown = screen(hosts)
    assert shown[1] == "  pg2: its clock is 31.0 s ahead; its lines are moved by that"
    assert [row.split()[1] for row in shown if "LOG" in row] == ["pg1", "pg2"]
    assert any(row.startswith("  17:20:11.000  pg2") for row in shown)


def test_a_source_that_is_cut_or_unread_is_named() -> None:
    shown = screen({"pg1": said(counts={"journal": LINES_OF_A_SOURCE, "kernel": 3}, unread=["/var/log/x.log"])})
    assert shown[1:3] == [
        f"  pg1: only the newest {LINES_OF_A_SOURCE} lines of journal; ask for a shorter span",
        "  pg1: /var/log/x.log could not be read",
    ]
    assert shown[-1] == "  nothing that matters was logged; all=true shows the rest"


def test_lines_that_repeat_are_one_with_a_count() -> None:
    lines = [line(f"UTC [{n}] FATAL:  sorry, too many clients already", POSTGRES, after=n) for n in range(30)]
    rows = [row for row in screen({"pg1": said(*lines)}) if "FATAL" in row]
    assert len(rows) == 1 and rows[0].endswith("FATAL:  sorry, too many clients already  (30 times until 17:20:29)")


def test_what_haproxy_and_etcd_say_twice_is_one_line() -> None:
    down = "Server primary/pg1 is DOWN, reason: Layer4 timeout"
    lost = '{"level":"warn","msg":"lost TCP streaming connection with remote peer","stream-reader-type":"%s"}'
    lines = [line(f"[WARNING]  (2200) : {down}", HAPROXY), line(down, HAPROXY, after=0.001)]
    lines += [line(lost % stream, ETCD, after=1) for stream in ("stream Message", "stream MsgApp v2")]
    rows = [row for row in screen({"pg1": said(*lines)}) if "times" in row]
    assert len(rows) == 2 and f"haproxy  {down}  (2 times until" in rows[0]


def test_host_component_and_span_narrow_it() -> None:
    hosts = {
        "pg1": said(line("WARNING: a"), line("WARNING: late", after=700)),
        "pg2": said(line("[ALERT] (1) : b", HAPROXY)),
    }
    assert len([row for row in screen(hosts, host="pg2") if "17:20" in row and "logs of" not in row]) == 1
    assert "WARNING: a" in "\n".join(screen(hosts, component="patroni"))
    assert "late" not in "\n".join(screen(hosts)) and ": b" not in "\n".join(screen(hosts, component="patroni"))


def test_what_runs_did_stands_between() -> None:
    runs = [
        {"event": "begin", "run": "ab", "at": "2026-11-27T17:20:01Z", "what": "deploys/switchover.py"},
        {"event": "act", "run": "ab", "n": 1, "at": "2026-11-27T17:20:02Z", "operation": "Switchover"},
        {"event": "done", "run": "ab", "n": 1, "exit": 0, "seconds": 2},
        {"event": "end", "run": "ab", "at": "2026-11-27T17:20:05Z", "exit": 0, "acts": 1},
    ]
    rows = "\n".join(screen({"pg1": said(line("WARNING: x", after=3))}, runs))
    order = ["deploys/switchover.py begins, run ab", "Switchover: 2 s", "WARNING: x", "run ab ended well"]
    assert [text for text in order if text in rows] == order
    assert sorted(order, key=rows.index) == order


def test_a_line_cannot_play_with_the_terminal() -> None:
    rows = "\n".join(screen({"pg1": said(line("WARNING: \x1b[2J\r\ngone " + "x" * 5000))}))
    assert "\x1b" not in rows and "\r" not in rows and max(map(len, rows.splitlines())) < 320


def test_machines_get_the_same() -> None:
    span, hosts = Span(AT - 60, AT + 60), {"pg1": said(line("WARNING: x"), ahead=2.0), "pg2": HostSaid(None)}
    found = log_data(span, hosts, shown_lines(span, hosts, []))
    assert found["hosts"]["pg2"] == {"answers": False, "clock_ahead_seconds": 0.0}
    assert [one["text"] for one in found["lines"]] == ["WARNING: x"] and len(found["remarks"]) == 2


texts = st.sampled_from(["a 1", "a 2", "b", "c 0x1f"])
lines = st.lists(st.builds(LogLine, st.floats(0, 300), st.sampled_from(["h1", "h2"]), st.just("patroni"), texts))


@given(lines)
def test_no_line_is_lost_and_the_order_is_that_of_time(listed: list[LogLine]) -> None:
    found = merged(listed)
    assert sum(one.times for one in found) == len(listed)
    assert [one.at for one in found] == sorted(one.at for one in found)
    assert all(one.until == 0 or one.until >= one.at for one in found)


@given(st.sampled_from(COMPONENTS), st.text(max_size=200))
def test_no_text_breaks_the_filter(component: str, text: str) -> None:
    assert meaning_of(component, text, grave=True) is None or isinstance(meaning_of(component, text, grave=True), str)
