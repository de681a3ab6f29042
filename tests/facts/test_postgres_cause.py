"""What a member complained of last: from the journal and the log, by age, whatever time zone the log is in."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from cluster.observed.cause import SeenCause
from facts.postgres.cause import PostgresCause

LOG = """\
2026-11-26 08:16:20.296 CEST [12418] LOG:  invalid authentication method "nonsense"
2026-11-26 08:16:20.296 CEST [12418] CONTEXT:  line 4 of configuration file "/data/pg_hba.conf"
2026-11-26 08:16:20.296 CEST [12418] FATAL:  could not load /data/pg_hba.conf
2026-11-26 08:16:50.305 CEST [12418] LOG:  database system is shut down
"""


def look(tmp_path: Path, log: str | None, journal: str, *, runs: bool = False) -> SeenCause:
    """The script on this machine, with a journal and a data directory of ours."""
    programs, data = tmp_path / "bin", tmp_path / "data"
    programs.mkdir()
    data.mkdir()
    (programs / "journalctl").write_text(f"#!/bin/sh\ncat <<'END'\n{journal}END\n")
    (programs / "journalctl").chmod(0o755)
    if log is not None:
        (tmp_path / "postgresql.log").write_text(log)
        changed = time.time() - 10
        os.utime(tmp_path / "postgresql.log", (changed, changed))
    with subprocess.Popen(["sleep", "60"], cwd=data) as server:
        if runs:
            (data / "postmaster.pid").write_text(f"{server.pid}\n")
        command = PostgresCause().command(data=str(data), logs=str(tmp_path / "*.log"))
        path = f"{programs}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env={"PATH": path}, check=True)
        server.kill()
    return PostgresCause().process(done.stdout.splitlines())


def journal(age: float, text: str) -> str:
    return f"{time.time() - age:.6f} pg1 patroni[2954]: {text}\n"


def test_a_log_s_own_last_line_says_how_old_its_others_are(tmp_path: Path) -> None:
    seen = look(tmp_path, LOG, "")
    assert [round(one["age"], -1) for one in seen["said"]] == [10, 40, 40]
    assert [one["text"].split("  ", 1)[1] for one in seen["said"]] == [
        "database system is shut down",
        "could not load /data/pg_hba.conf",
        'invalid authentication method "nonsense"',
    ]
    assert not seen["running"]


def test_both_are_in_one_order(tmp_path: Path) -> None:
    lines = journal(60, "2026 [7] FATAL:  old") + journal(2, "2026 [8] FATAL:  new") + journal(1, "INFO: no action")
    seen = look(tmp_path, LOG, lines)
    assert [one["text"].rpartition("  ")[2] for one in seen["said"]] == [
        "new",
        "database system is shut down",
        "could not load /data/pg_hba.conf",
        'invalid authentication method "nonsense"',
        "old",
    ]


def test_what_is_long_ago_is_not_said(tmp_path: Path) -> None:
    assert look(tmp_path, None, journal(4000, "2026 [7] FATAL:  old"))["said"] == []


@pytest.mark.parametrize("runs", [True, False])
def test_a_server_is_one_that_works_in_its_data_directory(tmp_path: Path, runs: bool) -> None:
    assert look(tmp_path, None, "", runs=runs) == {"running": runs, "said": []}
