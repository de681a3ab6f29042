"""What PgBouncer and pgBackRest say, as metrics: the programs themselves, with what they talk to in their place."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster.components.rendering import PROGRAMS

PERL = PROGRAMS / "pgbouncer_metrics.pl"
PYTHON = PROGRAMS / "pgbackrest_metrics.py"
ANSWERS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "SHOW POOLS": [{"database": "shop", "user": 'o"b', "cl_active": 3, "cl_waiting": 0, "maxwait": 7, "mode": "x"}],
    "SHOW DATABASES": [{"name": "shop", "database": "shop", "pool_size": 20, "paused": 1, "host": None}],
    "SHOW STATS_TOTALS": [{"database": "shop", "query_count": 9, "query_time": 1_500_000}],
    "SHOW LISTS": [{"list": "used_clients", "items": 4}, {"list": "dns_names", "items": 1}],
    "SHOW CONFIG": [{"key": "max_client_conn", "value": "1000", "default": "100"}],
}


def message(kind: bytes, body: bytes = b"") -> bytes:
    return kind + struct.pack("!I", 4 + len(body)) + body


def value(given: Any) -> bytes:
    text = str(given).encode()
    return struct.pack("!i", -1) if given is None else struct.pack("!I", len(text)) + text


def rows(answer: Sequence[Mapping[str, Any]]) -> bytes:
    """Columns and values as PostgreSQL's protocol has them."""
    names = list(answer[0])
    described = b"".join(name.encode() + b"\0" + bytes(18) for name in names)
    parts = [message(b"T", struct.pack("!H", len(names)) + described)]
    for row in answer:
        values = b"".join(map(value, row.values()))
        parts.append(message(b"D", struct.pack("!H", len(names)) + values))
    return b"".join([*parts, message(b"C", b"SHOW\0"), message(b"Z", b"I")])


@contextmanager
def pool(path: Path, greeting: bytes, asked: list[str]) -> Iterator[None]:
    """A process of PgBouncer. + greeting: with which it answers a login; + asked: what it was asked for"""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        talk, _ = server.accept()
        with talk:
            size = struct.unpack("!I", talk.recv(4))[0]
            asked.append(talk.recv(size - 4)[4:].replace(b"\0", b" ").decode().strip())
            talk.sendall(greeting)
            while head := talk.recv(5):
                asked.append(talk.recv(struct.unpack("!I", head[1:])[0] - 4).rstrip(b"\0").decode())
                # In pieces, as a network has them.
                for byte in (answer := rows(ANSWERS[asked[-1]]))[:7]:
                    talk.sendall(bytes([byte]))
                talk.sendall(answer[7:])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()


READY = message(b"R", struct.pack("!I", 0)) + message(b"S", b"server_version\x001.24\0") + message(b"Z", b"I")


def pools_said(*places: str) -> tuple[list[str], str]:
    done = subprocess.run(["perl", PERL, "prometheus", *places], capture_output=True, text=True, check=True, timeout=20)
    return done.stdout.splitlines(), done.stderr


def test_all_processes_are_asked_and_one_that_is_silent_hides_nothing(tmp_path: Path) -> None:
    asked: list[str] = []
    with pool(tmp_path / "write", READY, asked):
        lines, errors = pools_said(f"write={tmp_path}/write", f"read={tmp_path}/read")
    assert asked[0] == "user prometheus database pgbouncer"
    assert all(question.startswith("SHOW ") for question in asked[1:]), "it tells no process anything"
    assert lines.count("# TYPE pgbouncer_up gauge") == 1
    assert {'pgbouncer_up{process="write"} 1', 'pgbouncer_up{process="read"} 0'} <= set(lines)
    labels = '{process="write",database="shop",user="o\\"b"}'
    assert f"pgbouncer_pools_client_active_connections{labels} 3" in lines
    assert 'pgbouncer_databases_paused{process="write",database="shop",name="shop"} 1' in lines
    assert 'pgbouncer_stats_queries_duration_seconds_total{process="write",database="shop"} 1.5' in lines
    assert 'pgbouncer_used_clients{process="write"} 4' in lines
    assert 'pgbouncer_config_max_client_connections{process="write"} 1000' in lines
    assert errors.startswith("read: it takes no connection")


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        (message(b"E", b"SFATAL\0Mnot allowed\0\0"), "not allowed"),
        (message(b"R", struct.pack("!I", 3)), "it asks for a password"),
        (b"", "it does not answer"),
    ],
)
def test_one_that_lets_nobody_in_or_hangs_is_down(tmp_path: Path, greeting: bytes, reason: str) -> None:
    with pool(tmp_path / "write", greeting, []):
        lines, errors = pools_said(f"write={tmp_path}/write")
    assert lines == ["# TYPE pgbouncer_up gauge", 'pgbouncer_up{process="write"} 0']
    assert reason in errors


def backup(label: str, kind: str, stop: int, **changes: Any) -> dict[str, Any]:
    told = {
        "label": label,
        "type": kind,
        "database": {"id": 1, "repo-key": 1},
        "timestamp": {"start": stop - 60, "stop": stop},
        "info": {"size": 1000, "delta": 10, "repository": {"size": 100, "delta": 1}},
        "archive": {"start": "0001", "stop": "0002"},
        "backrest": {"version": "2.55.1"},
        "prior": None,
        "error": False,
    }
    return told | changes


def backups_said(tmp_path: Path, answer: Any, code: int = 0) -> list[str]:
    """The file that the program writes when pgBackRest says this."""
    fake = tmp_path / "pgbackrest"
    fake.write_text(f"#!/bin/sh\ncat {tmp_path}/answer\nexit {code}\n")
    fake.chmod(0o755)
    (tmp_path / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    program = (
        "import os, sys; os.geteuid = lambda: 1000; sys.argv[1:] = ['main', sys.argv[1]]; "
        f"exec(compile(open({str(PYTHON)!r}).read(), 'program', 'exec'))"
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(
        ["python3", "-c", program, f"{tmp_path}/it.prom"], check=True, env=environment, timeout=20, capture_output=True
    )
    assert not (tmp_path / "it.prom.new").exists()
    return (tmp_path / "it.prom").read_text().splitlines()


def info(**changes: Any) -> list[dict[str, Any]]:
    return [
        {
            "name": "main",
            "status": {"code": 0, "lock": {"backup": {"held": False}}},
            "repo": [{"key": 1, "cipher": "aes-256-cbc", "status": {"code": 0}}],
            "db": [{"id": 1, "repo-key": 1, "version": "17"}],
            "archive": [{"database": {"id": 1, "repo-key": 1}, "min": "0001", "max": "0009"}],
            "backup": [backup("F1", "full", 1000), backup("F1_I1", "incr", 2000, error=True)],
            **changes,
        }
    ]


def test_backups_are_told_under_the_exporter_s_names(tmp_path: Path) -> None:
    lines = backups_said(tmp_path, info())
    assert 'pgbackrest_exporter_status{stanza="main"} 1' in lines
    assert 'pgbackrest_stanza_status{stanza="main"} 0' in lines
    assert 'pgbackrest_wal_archive_status{database_id="1",pg_version="17",repo_key="1",stanza="main"} 1' in lines
    own = 'backup_name="F1_I1",backup_type="incr",database_id="1",pg_version="17",repo_key="1",stanza="main"'
    assert f"pgbackrest_backup_error_status{{{own}}} 1" in lines
    told = {kind: age(lines, kind) for kind in ("full", "diff", "incr")}
    assert told["full"] == told["diff"] == told["incr"] + 1000
    assert 'pgbackrest_backup_last_error_status{backup_type="full",stanza="main"} 0' in lines


def test_a_link_of_another_user_leads_nowhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / "it.prom.new").symlink_to(elsewhere)
    assert backups_said(tmp_path, info())
    assert elsewhere.read_text() == "kept" and not (tmp_path / "it.prom").is_symlink()


def age(lines: Sequence[str], kind: str) -> int:
    start = f'pgbackrest_backup_since_last_completion_seconds{{backup_type="{kind}",stanza="main"}} '
    return next(int(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_of_bundled_files_and_without_any_backup_less_is_told(tmp_path: Path) -> None:
    bundled = {"size": 1000, "delta": 10, "repository": {"delta": 1}}
    lines = backups_said(tmp_path, info(backup=[backup("F1", "full", 1000, info=bundled)]))
    assert not any("repo_size_bytes" in line for line in lines)
    assert not any("since_last" in line for line in backups_said(tmp_path, info(backup=[])))


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("garbled", 0), ([], 0), ([{"name": "other"}], 0)])
def test_what_cannot_be_asked_is_not_empty(tmp_path: Path, answer: Any, code: int) -> None:
    lines = backups_said(tmp_path, answer, code)
    assert lines == ["# TYPE pgbackrest_exporter_status gauge", 'pgbackrest_exporter_status{stanza="main"} 0']
