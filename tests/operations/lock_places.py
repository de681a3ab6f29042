"""Hosts on which the lock's program is run as it is, each in a directory of its own, with an etcd of a few lines."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shlex import quote

from cluster.observed.run_lock import SeenHolder, SeenLocks, written
from facts.runs.journal import JOURNAL_DIRECTORY
from facts.runs.run_lock import LOCK_DIRECTORY, RunLock, locks_in
from operations.util.run_lock import lock_program

KEY = "/pyinfra-patroni/main/run"

# As much of etcdctl as the program uses: one key, leases that end when they are revoked or the file is gone.
ETCDCTL = r"""#!/bin/sh
d=$ETCD
while [ "${1#--}" != "$1" ]; do shift; done
[ ! -e $d/silent ] || { echo 'Error: context deadline exceeded'; exit 1; }
verb=$1; shift
case $verb in
  lease) case $1 in
    grant) n=$(($(cat $d/count 2>/dev/null || echo 0) + 1)); echo $n > $d/count; : > $d/lease.$n
      echo "lease $n granted with TTL($2s)";;
    revoke) [ -e $d/lease.$2 ] || { echo 'Error: requested lease not found'; exit 1; }
      rm $d/lease.$2; [ "$(cat $d/of 2>/dev/null)" != $2 ] || rm -f $d/value $d/of; echo "lease $2 revoked";;
    keep-alive) [ -e $d/lease.$3 ] || { echo 'Error: etcdserver: requested lease not found'; exit 1; }
      echo "lease $3 keepalived with TTL(45)";;
  esac;;
  get) cat $d/value 2>/dev/null;;
  txn) read -r compare; read -r _; read -r put
    case $compare in
      version*) [ -e $d/value ] && ok= || ok=1;;
      *) [ "$compare" = "value(\"$KEY\") = \"$(cat $d/value 2>/dev/null)\"" ] && ok=1 || ok=;;
    esac
    set -- $put
    if [ -n "$ok" ]; then echo $3 > $d/value; echo ${4#--lease=} > $d/of; printf 'SUCCESS\n\nOK\n'
    else printf 'FAILURE\n\n'; [ ! -e $d/value ] || { echo "$KEY"; cat $d/value; }; fi;;
esac
"""


def holder(run: str) -> SeenHolder:
    return {
        "run": run,
        "who": "root@here",
        "what": "deploys/cluster.py",
        "since": "2026-11-26T10:00:00Z",
        "machine": "boot/pid:[1]",
        "pid": 4711,
        "started": "99",
    }


class Place:
    """A host on which the program runs, with an etcd that listens or not."""

    def __init__(self, directory: Path, port: int, etcd: Path | None = None) -> None:
        self.directory, self.port = directory, port
        self.etcd = etcd or directory / "etcd"
        for one in (directory / "bin", self.etcd, directory / "pki"):
            one.mkdir(parents=True, exist_ok=True)
        (directory / "pki" / "etcd.key").touch()
        (directory / "bin" / "etcdctl").write_text(ETCDCTL)
        (directory / "bin" / "etcdctl").chmod(0o755)
        self.journal = directory / "log" / "journal"

    def text(self, program: str) -> str:
        places = {
            LOCK_DIRECTORY: "run",
            JOURNAL_DIRECTORY: "log",
            "/etc/etcd/pki": "pki",
            "/proc/sys/kernel/random/boot_id": "boot_id",
        }
        for old, new in places.items():
            program = program.replace(old, str(self.directory / new))
        return program

    def boot(self, identifier: str) -> None:
        (self.directory / "boot_id").write_text(f"{identifier}\n")

    def ran(
        self, verb: str, run: str = "a", seconds: int = 45, over: str = "", lines: str = "", etcd: bool = False,
        lease: str = "", notes: str = "", cluster: str = "main",
    ) -> SeenLocks:  # fmt: skip
        words = [verb, cluster, run, str(seconds), written(holder(run)), over, lines, KEY if etcd else ""]
        endpoints = [f"https://127.0.0.1:{self.port}"]
        words += [*endpoints, lease, notes]
        code, lines_said = self.run(f"set -- {' '.join(map(quote, words))}\n{lock_program(endpoints)}")
        assert code == 0
        return locks_in(lines_said)

    def run(self, command: str) -> tuple[int, list[str]]:
        """A command as root would run it there: its exit code, and what it prints."""
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        environment = {"PATH": path, "ETCD": str(self.etcd), "KEY": KEY}
        done = subprocess.run(["sh", "-c", self.text(command)], capture_output=True, text=True, env=environment)
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    def words(self, *words: str, **named: object) -> tuple[str, str | None]:
        seen = self.ran(*words, **named)  # type: ignore[arg-type]
        return seen["host"]["word"], seen["etcd"]["word"] if seen["etcd"] is not None else None

    def seen(self, cluster: str = "main") -> str | None:
        done = subprocess.run(
            ["sh", "-c", self.text(str(RunLock().command(cluster)))], capture_output=True, text=True, check=True
        )
        found = RunLock().process(done.stdout.splitlines()) if done.stdout else None
        return found["holder"]["run"] if found is not None and found["holder"] is not None else None
