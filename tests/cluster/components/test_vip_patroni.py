"""What the holder of virtual addresses takes from Patroni's answers and from the kernel's tables."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ON_HOST = Path(__file__).parents[3] / "cluster" / "components" / "on_host"

# As Patroni 4.0.7 and 3.0.2 answer /primary on a leader.
ANSWER = {
    "state": "running",
    "role": "primary",
    "server_version": 170011,
    "replication": [
        {"usename": "replicator", "application_name": "pg2", "state": "streaming", "sync_state": "async"},
        {"usename": "replicator", "application_name": "pg3", "state": "catchup", "sync_state": "async"},
    ],
    "dcs_last_seen": 1795733698,
}
FORMER = {**ANSWER, "role": "master"}


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    sys.path.insert(0, str(ON_HOST))
    try:
        yield importlib.import_module("vip_patroni")
    finally:
        sys.path.remove(str(ON_HOST))


def leading(program: Any, monkeypatch: pytest.MonkeyPatch, status: int, said: Any) -> Any:
    monkeypatch.setattr(program.Patroni, "__init__", lambda self: None)
    monkeypatch.setattr(program.Patroni, "_asked", lambda self, path: (status, json.dumps(said)))
    return program.Patroni().leading()


@pytest.mark.parametrize("said", [ANSWER, FORMER])
def test_a_leader(program: Any, monkeypatch: pytest.MonkeyPatch, said: Any) -> None:
    expected = program.Leading(leads=True, failsafe=False, contact=1795733698, streaming=frozenset({"pg2"}))
    assert leading(program, monkeypatch, 200, said) == expected


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, ANSWER),  # it runs as primary and has no key
        (200, {**ANSWER, "state": "stopping"}),  # it has the key, and is on its way down
        (200, {**ANSWER, "state": "starting", "role": "primary"}),
        (200, {**ANSWER, "role": "replica"}),
        (200, {"state": "running"}),
    ],
)
def test_who_does_not_lead(program: Any, monkeypatch: pytest.MonkeyPatch, status: int, said: Any) -> None:
    assert not leading(program, monkeypatch, status, said).leads


def test_what_patroni_does_not_say_is_not_known(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leading(program, monkeypatch, 503, {}) == program.Leading(leads=False, failsafe=False, contact=None)


TABLES = {
    "tcp": """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0B00520A:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1
   1: 6400520A:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 2
   2: 6500520A:1538 0B00520A:9C40 01 00000000:00000000 00:00000000 00000000   105        0 3
""",
    "tcp6": """\
  sl  local_address                         remote_address                        st
   0: 000082FD000000000000000000010000:1538 00000000000000000000000000000000:0000 0A
   1: 00000000000000000000000000000000:1539 00000000000000000000000000000000:0000 0A
""",
}


@pytest.mark.parametrize(
    ("address", "port", "heard"),
    [
        ("10.82.0.100", 5432, True),
        ("10.82.0.101", 5432, False),  # a connection, and nobody who listens
        ("10.82.0.100", 5433, False),
        ("fd82::100", 5432, True),
        ("fd82::101", 5432, False),
        ("fd82::100", 5433, True),  # on all of them
    ],
)
def test_whether_postgresql_listens_on_an_address(
    program: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str, port: int, heard: bool
) -> None:
    for name, text in TABLES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(program, "Path", lambda path: tmp_path / path.rpartition("/")[2])
    assert program.listens(address, port) == heard
