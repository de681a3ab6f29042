"""The logs of a cluster as they are read after an incident, what else tells of it, and what they may not fill."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.paths import ROOT
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    Built,
    another_leader,
    assert_changes_nothing,
    leader,
    run,
    site,
    sql,
    start,
    start_times,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

LOGS, CHECK = "deploys/logs.py", "deploys/check.py"
DIRECTORY = "/var/log/postgresql"
SECONDS = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members, whose PostgreSQL writes JSON beside its text."""
    with site("s-logs", tmp_path_factory.mktemp("s-logs"), postgres_log_json=True) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def printed(built: Built, deploy: str, *words: str) -> tuple[int, str]:
    """The exit code of a look, and what stands on its standard output."""
    process = start(built.inventory, deploy, *words)
    said, log = process.communicate(timeout=SECONDS)
    assert "Traceback" not in log, log
    return process.returncode, said


def test_postgresql_logs_what_is_declared_and_a_change_restarts_nothing(built: Built, tmp_path: Path) -> None:
    assert sql(built.lab, "show log_connections")[0] == ("on",)
    container = leader(built.lab).container
    line = run_in(container, f"cat {DIRECTORY}/*.json | head -n 1")
    assert {"timestamp", "error_severity", "message"} <= set(json.loads(line))
    before = start_times(built.lab)
    hosts = ("pg1", "pg2", "pg3")
    declared = {
        "postgres_log_json": True,
        "postgres_log_statement_ms": 200,
        "postgres_log_mib": 100,
        "journald_mib": 256,
    }
    other = write_inventory(built.lab, tmp_path, hosts, **declared)
    run(other)
    assert_changes_nothing(other)
    shown = run_in(
        container, "journalctl -q -b -u systemd-journald -o cat; systemctl is-active systemd-journald patroni"
    )
    assert "max 256M" in shown and shown.split()[-2:] == ["active", "active"], shown
    assert start_times(built.lab) == before
    wait_until("the new value", lambda: sql(built.lab, "show log_min_duration_statement")[0] == ("200ms",), seconds=30)
    assert sql(built.lab, "select count(*) from pg_settings where pending_restart")[0] == (0,)


def test_a_storm_of_messages_is_bounded_by_the_timer(built: Built) -> None:
    host = leader(built.lab)
    for n in range(20):
        run_in(host.container, f"truncate -s 10M {DIRECTORY}/postgresql-2020-01-01_0000{n:02}.log")
    newest = run_in(host.container, f"ls -t {DIRECTORY} | head -n 1").strip()
    run_in(
        host.container, f"touch -d '2 hours ago' {DIRECTORY}/postgresql-2020-*; systemctl start postgres-logs.service"
    )
    left = int(run_in(host.container, f"du -sm --apparent-size {DIRECTORY}").split()[0])
    assert 50 < left <= 102
    assert run_in(host.container, f"ls {DIRECTORY}/{newest}")


def test_a_killed_primary_is_told_by_those_who_are_left(built: Built, tmp_path: Path) -> None:
    old = leader(built.lab)
    via = next(name for name in ("pg1", "pg2", "pg3") if built.lab.host(name) != old)
    faults.kill(old.container)
    try:
        new = another_leader(built.lab, old, via)
        code, said = printed(built, LOGS, "--data", "since=5min")
        nagios, line = printed(built, CHECK, "--data", "format=nagios")
        document = json.loads(
            printed(built, LOGS, "--json", "--data", "since=5min", "--data", f"host={new.container}")[1]
        )
        diagnosis = run(built.inventory, "deploys/doctor.py", "--data", f"to={tmp_path}", as_json=False).log
    finally:
        faults.start(old.container)
    print(said)
    assert code == 0
    assert f"  {old.container} does not answer: what only it has logged is missing" in said
    order = ["could not receive data from WAL stream", "promoted self to leader", "ready to accept connections"]
    assert [text for text in order if text in said] == order
    assert said.index("promoted self to leader") < said.rindex("ready to accept connections")
    assert "= this member takes over: it is the primary from here on" in said
    assert "no action. I am" not in said and "checkpoint" not in said
    assert (nagios, line.count("\n"), line.startswith("PATRONI CRITICAL - ")) == (2, 1, True), line
    (cluster,) = document["clusters"].values()
    assert {one["host"] for one in cluster["lines"]} <= {new.container, ""}
    ranking = diagnosis[diagnosis.index("to look at, in this order") :]
    assert re.search(rf"1\. alarm: {old.container}, host: ", ranking) and "may explain" in ranking, ranking
    archive = Path(next(word for word in ranking.split() if word.endswith(".tar.gz")))
    assert archive.stat().st_mode & 0o777 == 0o600
    archive.unlink()
    wait_until_settled(built.lab)


def test_all_shows_what_is_filtered_otherwise(built: Built) -> None:
    usual, everything = (
        printed(built, LOGS, "--data", "since=2min", *more)[1] for more in ((), ("--data", "all=true"))
    )
    assert "no action. I am" in everything and len(everything) > len(usual)


class Hook(BaseHTTPRequestHandler):
    """A webhook."""

    posted: list[dict[str, Any]]

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_webhook_is_told_of_a_pause_once_and_of_its_end_once(built: Built, tmp_path: Path) -> None:
    posted: list[dict[str, Any]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Hook,), {"posted": posted}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    variables = {
        "CHECK_NOTIFY_WEBHOOK": f"http://127.0.0.1:{server.server_address[1]}/",
        "STATE_DIRECTORY": str(tmp_path),
    }

    def told() -> list[tuple[list[str], list[str]]]:
        words = [sys.executable, "-m", "operations.util.on_control.check_notify", str(built.inventory)]
        subprocess.run(words, cwd=ROOT, env={**os.environ, **variables}, check=True, timeout=SECONDS)
        found = [([one["kind"] for one in post["new"]], [one["kind"] for one in post["gone"]]) for post in posted]
        posted.clear()
        return found

    try:
        told()
        run(built.inventory, "deploys/pause.py")
        assert [told(), told()] == [[(["paused"], [])], []]
        refused = run(built.inventory, "deploys/restart.py", check=False)
        assert "deploys/doctor.py collects what is needed" in refused.log
        run(built.inventory, "deploys/resume.py")
        assert [told(), told()] == [[([], ["paused"])], []]
    finally:
        server.shutdown()
        run(built.inventory, "deploys/resume.py", check=False)
