"""The two facts that wait for PostgreSQL: their scripts are run by a shell, with stand-ins for what they ask."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.postgres import HbaAwaited, SettingsAwaited, hba_digest
from facts.postgres.state import ReplayAwaited

# Counts its calls in a file, so that an answer may come only after some of them.
STAND_IN = """#!/bin/sh
echo "$@" >> {calls}
[ "$(wc -l < {calls})" -ge {after} ] && exec cat {late}
{early}
"""


def shell(tmp_path: Path, command: str, early: str, late: str = "", after: int = 10**6) -> tuple[int, list[str], int]:
    """
    Run a fact's command with a fake ``runuser`` before all others on PATH.

    + early: what it does as a line of shell
    + late: what it prints from its so many-th call on
    Returns exit code, lines and number of calls.
    """
    calls, text, stand_in = tmp_path / "calls", tmp_path / "late", tmp_path / "runuser"
    text.write_text(late)
    stand_in.write_text(STAND_IN.format(calls=calls, after=after, late=text, early=early))
    stand_in.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=20
    )
    return done.returncode, done.stdout.splitlines(), len(calls.read_text().splitlines())


# --- SettingsAwaited ---

SETTINGS: dict[str, Any] = {"port": 5432, "wanted": {"work_mem": 7168.0}}


def test_settings_that_are_there_are_not_waited_for(tmp_path: Path) -> None:
    begun = time.monotonic()
    code, lines, calls = shell(tmp_path, SettingsAwaited().command(**SETTINGS, wait_seconds=15), "true")
    assert (code, calls) == (0, 1)
    assert SettingsAwaited().process(lines) == []
    assert lines == [""]  # a line at least: pyinfra reads no line at all as "cannot be reached"
    assert time.monotonic() - begun < 10


def test_settings_that_come_are_waited_for(tmp_path: Path) -> None:
    command = SettingsAwaited().command(**SETTINGS, wait_seconds=15)
    code, lines, calls = shell(tmp_path, command, "echo work_mem", after=3)
    assert (code, SettingsAwaited().process(lines), calls) == (0, [], 3)


def test_settings_that_do_not_come_are_named_at_the_end(tmp_path: Path) -> None:
    code, lines, _ = shell(tmp_path, SettingsAwaited().command(**SETTINGS), "printf 'log_statement\\nwork_mem\\n'")
    assert (code, SettingsAwaited().process(lines)) == (0, ["log_statement", "work_mem"])


def test_a_postgresql_that_does_not_answer_is_a_failure_and_no_empty_list(tmp_path: Path) -> None:
    code, lines, calls = shell(tmp_path, SettingsAwaited().command(**SETTINGS, wait_seconds=15), "exit 2")
    assert (code, lines, calls) == (1, [], 1)


# Text is what it is, but for words and time zones.
OTHER_TEXT = (
    "setting <> {0} and ((vartype = 'string' and name not in ('TimeZone', 'log_timezone')) or "
    "lower(setting) <> lower({0}))"
)


@pytest.mark.parametrize(
    ("name", "value", "condition"),
    [
        ("work_mem", 7168.0, "lower(name) = 'work_mem' then setting::float8 <> 7168.0"),
        ("Work_Mem", -1.0, "lower(name) = 'work_mem' then setting::float8 <> -1.0"),
        ("wal_level", "REPLICA", "lower(name) = 'wal_level' then " + OTHER_TEXT.format("'REPLICA'")),
        ("TimeZone", "utc", "lower(name) = 'timezone' then " + OTHER_TEXT.format("'utc'")),
        ("x.y", "it's", "lower(name) = 'x.y' then " + OTHER_TEXT.format("'it''s'")),
    ],
)
def test_numbers_are_compared_as_numbers_and_text_as_text(
    tmp_path: Path, name: str, value: str | float, condition: str
) -> None:
    """What psql is given in the end, through all the quoting."""
    shell(tmp_path, SettingsAwaited().command(port=6000, wanted={name: value}), "true")
    asked = (tmp_path / "calls").read_text()
    assert "psql -XAtq" in asked
    asked_for = f"select name from pg_settings where case when {condition} else false end order by name"
    assert f"-p 6000 -d postgres -c {asked_for}\n" in asked


def test_all_settings_are_asked_for_in_one_query(tmp_path: Path) -> None:
    shell(tmp_path, SettingsAwaited().command(port=5432, wanted={"a": "x", "b": 1.0}), "true")
    asked = (tmp_path / "calls").read_text()
    assert asked.count("case when") == 2
    assert "end or case" in asked


# --- ReplayAwaited ---

CONTROL = """pg_control version number:            1700
max_connections setting:              {connections}
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           {prepared}
max_locks_per_xact setting:           64
"""
CONFIG = """restapi:
  listen: 10.0.0.1:8008
postgresql:
  listen: 10.0.0.1:5433
  bin_dir: /usr/lib/postgresql/17/bin
  data_dir: '/var/lib/postgresql/17/main'
"""


def asked(tmp_path: Path, most: dict[str, int], early: str, wait: int = 0, **later: Any) -> tuple[int, list[str], int]:
    """Ask on a member with this configuration of Patroni. + early: what pg_controldata does, as a line of shell"""
    config = tmp_path / "config.yml"
    config.write_text(CONFIG)
    command = ReplayAwaited().command(most=most, wait_seconds=wait)
    assert "c=/etc/patroni/config.yml" in command
    return shell(tmp_path, command.replace("/etc/patroni/config.yml", str(config)), early, **later)


def replayed(tmp_path: Path, most: dict[str, int], now: str, wait: int = 0, **later: Any) -> tuple[int, list[str], int]:
    (tmp_path / "now").write_text(now)
    return asked(tmp_path, most, f"cat {tmp_path}/now", wait, **later)


@pytest.mark.parametrize(
    ("most", "reached"),
    [
        ({"max_connections": 100}, True),
        ({"max_connections": 101}, True),
        ({"max_connections": 99}, False),
        ({"max_prepared_transactions": 0, "max_connections": 100}, False),
        ({"max_prepared_transactions": 5, "max_connections": 100}, True),
        ({"max_locks_per_transaction": 9}, False),  # by number: as text, 64 would be below 9
        ({"max_wal_senders": 9}, False),
        ({"max_worker_processes": 10}, True),
    ],
)
def test_replay_is_judged_by_each_value_in_the_control_file(
    tmp_path: Path, most: dict[str, int], reached: bool
) -> None:
    code, lines, _ = replayed(tmp_path, most, CONTROL.format(connections=100, prepared=5))
    assert (code, ReplayAwaited().process(lines)) == (0, reached)


def test_replay_that_comes_is_waited_for(tmp_path: Path) -> None:
    before, after = (CONTROL.format(connections=each, prepared=0) for each in (200, 100))
    code, lines, calls = replayed(tmp_path, {"max_connections": 100}, before, 15, late=after, after=3)
    assert (code, ReplayAwaited().process(lines), calls) == (0, True, 3)


def test_the_control_file_is_that_of_patroni_s_configuration(tmp_path: Path) -> None:
    replayed(tmp_path, {"max_connections": 100}, CONTROL.format(connections=100, prepared=0))
    assert (tmp_path / "calls").read_text() == (
        "-u postgres -- /usr/lib/postgresql/17/bin/pg_controldata -D /var/lib/postgresql/17/main\n"
    )


def test_a_control_file_that_cannot_be_read_is_a_failure_and_no_answer(tmp_path: Path) -> None:
    code, lines, calls = asked(tmp_path, {"max_connections": 1}, "exit 1", wait=15)
    assert (code, lines, calls) == (1, [], 1)


def test_no_output_is_no_answer() -> None:
    with pytest.raises(FactProcessError, match="ReplayAwaited cannot be read"):
        ReplayAwaited().process([])


# --- HbaAwaited ---

LINES = ["local all postgres peer", "# of ours", "hostssl all all 10.0.0.1/32 scram-sha-256"]
WRITTEN = "# Do not edit this file manually!\n# It will be overwritten by Patroni!\n" + "\n".join([*LINES, ""])


def hba(directory: Path, wait_seconds: int = 0) -> str:
    command = HbaAwaited().command(str(directory), hba_digest(LINES), wait_seconds)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300)
    return HbaAwaited().process(done.stdout.splitlines())


def test_a_pg_hba_that_is_there_is_known_by_its_lines(tmp_path: Path) -> None:
    (tmp_path / "pg_hba.conf").write_text(WRITTEN)
    assert hba(tmp_path, 15) == hba_digest(LINES)


def test_a_pg_hba_with_a_line_more_is_another_one_and_so_is_none(tmp_path: Path) -> None:
    assert hba(tmp_path) == hba_digest([])
    (tmp_path / "pg_hba.conf").write_text(f"{WRITTEN}hostssl all all 10.0.0.9/32 scram-sha-256\n")
    assert hba(tmp_path) not in (hba_digest(LINES), hba_digest([]))


def test_a_pg_hba_that_comes_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "pg_hba.conf").write_text("")
    later = subprocess.Popen(["sh", "-c", f"sleep 0.5; printf %s '{WRITTEN}' > {tmp_path}/pg_hba.conf"])
    assert hba(tmp_path, 15) == hba_digest(LINES)
    assert later.wait() == 0
