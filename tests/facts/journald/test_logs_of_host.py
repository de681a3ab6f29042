"""What a host has logged: the script run here on real files, and what its answers are read as."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from cluster.observed.logs import SeenLogs
from facts.journald.logs import HostLogs

NOW = 1_795_800_000  # 2026-11-27 17:20:00 UTC
JOURNALCTL = r"""#!/bin/sh
case "$*" in
  *" -k "*) exit 1 ;;
esac
printf '%s\n' '{"__REALTIME_TIMESTAMP":"1795800000250000","MESSAGE":"INFO: it'"'"'s","_SYSTEMD_UNIT":"patroni.service"}'
printf '%s\n' '{"__REALTIME_TIMESTAMP":"1795800001000000","MESSAGE":[104,105,255],"UNIT":"etcd.service","PRIORITY":"3"}'
printf '%s\n' '{"__REALTIME_TIM'
exit ${JOURNAL_CODE:-0}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    program = tmp_path / "journalctl"
    program.write_text(JOURNALCTL)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def asked(place: Path, lines: int = 100, **environment: str) -> SeenLogs:
    command = HostLogs().command(NOW - 60, NOW + 60, ["patroni.service"], [f"{place}/*.log"], lines)
    path = {"PATH": f"{place}:{os.environ['PATH']}", **environment}
    done = subprocess.run(["sh", "-c", str(command)], env=path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return HostLogs().process(done.stdout.splitlines())


def written(place: Path, name: str, text: str, changed: int = NOW) -> None:
    (place / name).write_text(text)
    os.utime(place / name, (changed, changed))


def test_the_journal_with_its_units_and_one_that_was_cut_off(place: Path) -> None:
    seen = asked(place)
    assert [(one["unit"], one["text"], one["at"]) for one in seen["lines"]] == [
        ("patroni.service", "INFO: it's", NOW + 0.25),
        ("etcd.service", "hi\N{REPLACEMENT CHARACTER}", NOW + 1),
    ]
    assert (seen["unread"], seen["counts"]["journal"]) == ([], 3)


def test_a_journal_that_cannot_be_read_is_not_empty(place: Path) -> None:
    assert asked(place, JOURNAL_CODE="1")["unread"] == ["journal"]


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 17), ("CET", 18), ("EST", 12)])
def test_a_file_is_of_any_time_zone(place: Path, zone: str, hour: int) -> None:
    first = f"2026-11-27 {hour}:19:50.500 {zone} [1] LOG:  one\n\tmore of it\n"
    text = f"{first}2026-11-27 {hour}:19:55.000 {zone} [1] LOG:  b\n"
    written(place, "a.log", text)
    lines = [one for one in asked(place)["lines"] if one["unit"].startswith("/")]
    assert [one["at"] for one in lines] == [NOW - 9.5, NOW - 5]
    assert lines[0]["text"] == f"{zone} [1] LOG:  one more of it"


def test_files_that_have_not_changed_since_are_not_read_and_long_ones_in_part(place: Path) -> None:
    written(place, "old.log", "2026-11-27 16:00:00.000 UTC [1] LOG:  x\n", NOW - 3600)
    written(place, "new.log", "".join(f"2026-11-27 17:19:{n:02}.000 UTC [1] LOG:  {n}\n" for n in range(60)))
    seen = asked(place, lines=10)
    assert seen["counts"][f"{place}/new.log"] == 10 and f"{place}/old.log" not in seen["counts"]
    assert seen["lines"][-1]["text"] == "UTC [1] LOG:  59"


def test_a_host_without_files_has_none(place: Path) -> None:
    assert set(asked(place)["counts"]) == {"journal", "kernel"}
