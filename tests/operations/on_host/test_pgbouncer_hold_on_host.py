"""The program that holds clients back on a host of PgBouncer, with a PgBouncer that is only a picture of one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.components.rendering import program
from tests.lab.vocabulary.waiting import wait_until

# Its console: what a process is told is done to files beside its socket.
PSQL = r"""#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in -h) at=$2; shift ;; -c) words=$2; shift ;; esac
  shift
done
[ ! -e "$at/frozen" ] || exec sleep 60
case $words in
PAUSE)
  while [ -e "$at/busy" ]; do sleep 0.05; done
  : > "$at/paused"
  ;;
RESUME)
  [ -e "$at/paused" ] || { echo "ERROR:  pooler is not paused/suspended" >&2; exit 1; }
  rm "$at/paused"
  ;;
"SHOW STATE")
  printf 'key|value\nactive|yes\npaused|%s\nsuspended|no\n' "$([ -e "$at/paused" ] && echo yes || echo no)"
  ;;
"SHOW SERVERS")
  echo 'type|user|database|replication|state|addr|port|link|remote_pid|tls'
  cat "$at/busy" 2>/dev/null
  ;;
esac
"""
PATIENCE = 60  # seconds for an answer
BUSY = "S|anna|shop|none|active|127.0.0.1|5000|0x1|4711|TLS\nS|anna|shop|none|idle|127.0.0.1|5000||4712|TLS\n"


@dataclass(frozen=True)
class Host:
    """A host with two processes of the pool write, and one of the pool read."""

    root: Path

    def at(self, name: str, file: str) -> Path:
        return self.root / "pgbouncer" / name / file

    def begin(self, pool: str, *words: object) -> subprocess.Popen[str]:
        command = [str(self.root / "hold"), pool, *map(str, words)]
        environment = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ask(self, pool: str, *words: object) -> tuple[int, list[str]]:
        said, _ = (process := self.begin(pool, *words)).communicate(timeout=60)
        return process.returncode, said.splitlines()

    def await_held(self, seconds: int = 60) -> tuple[int, list[str]]:
        return self.ask("write", "await", seconds, "write-1", "write-2")

    def is_impatient(self) -> None:
        """As it is on a host; a test may share its machine with others."""
        hold = self.root / "hold"
        hold.write_text(hold.read_text().replace(f"timeout {PATIENCE} ", "timeout 2 "))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    found = Host(tmp_path)
    (tmp_path / "bin").mkdir()
    stand_ins = {
        "psql": PSQL,
        "runuser": '#!/bin/sh\nshift 3\nexec "$@"\n',
        "systemctl": f'#!/bin/sh\necho "$@" >> {tmp_path}/told\n',
    }
    for name, text in stand_ins.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    for name in ("write-1", "write-2", "read-1"):
        found.at(name, "").mkdir(parents=True)
        found.at(name, f".s.PGSQL.{6432 + (name == 'read-1')}").touch()
    (tmp_path / "pgbouncer-hold" / "write").mkdir(parents=True)
    hold = tmp_path / "hold"
    text = program("pgbouncer_hold.sh").replace("timeout 2 ", f"timeout {PATIENCE} ")
    hold.write_text(text.replace("/run/pgbouncer", f"{tmp_path}/pgbouncer"))
    hold.chmod(0o755)
    yield found


def test_all_clients_of_a_pool_wait_and_no_others(host: Host) -> None:
    holding = host.begin("write", "hold", 30)
    assert host.await_held() == (0, ["held"])
    assert not host.at("read-1", "paused").exists()
    holding.kill()
    assert host.ask("write", "release") == (0, [])
    assert not host.at("write-1", "paused").exists() and not host.at("write-2", "paused").exists()
    host.ask("write", "insist")
    assert not (host.root / "told").exists()


def test_a_transaction_under_way_is_named(host: Host) -> None:
    host.at("write-2", "busy").write_text(BUSY)
    holding = host.begin("write", "hold", 30)
    assert host.await_held(seconds=1) == (0, ["write-2|shop|anna|4711"])
    host.at("write-2", "busy").unlink()
    assert host.await_held() == (0, ["held"])
    holding.kill()


def test_it_ends_by_itself_and_what_has_been_extended_later(host: Host) -> None:
    for extended in (0, 3):
        began = time.monotonic()
        holding = host.begin("write", "hold", 1)
        if extended:
            host.ask("write", "extend", extended)
        holding.wait(timeout=60)
        assert time.monotonic() - began > max(extended - 1, 0.1)


def test_one_that_does_not_answer_is_no_silence(host: Host) -> None:
    host.at("write-1", "frozen").touch()
    host.is_impatient()
    holding = host.begin("write", "hold", 30)
    code, said = host.await_held(seconds=1)
    assert code != 0 and said == []
    holding.kill()
    host.ask("write", "release")
    host.ask("write", "insist")
    assert (host.root / "told").read_text() == "kill --signal=KILL pgbouncer@write-1\n"


def test_one_that_is_not_there_is_not_held(host: Host) -> None:
    holding = host.begin("write", "hold", 30)
    wait_until("the others are held", lambda: host.at("write-1", "paused").exists(), seconds=30)
    code, _ = host.ask("write", "await", 1, "write-1", "write-2", "write-3")
    assert code != 0
    holding.kill()


def test_a_hold_that_was_begun_anew_is_released_as_well(host: Host) -> None:
    """A run that was killed and the next one: nobody counts how often a pool was paused."""
    for _ in range(2):
        holding = host.begin("write", "hold", 30)
        assert host.await_held() == (0, ["held"])
        holding.kill()
    assert host.ask("write", "release")[0] == 0
    assert not host.at("write-1", "paused").exists()
