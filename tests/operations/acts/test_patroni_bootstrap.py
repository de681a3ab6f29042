"""A bootstrap that was cut off is begun again, and only that: beside no data, and with the key that was seen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand

from cluster.components.component import Component
from cluster.errors import UnsafeError
from cluster.verdicts.health import BEGINNING
from operations.acts import patroni_bootstrap
from operations.acts.act import Act
from tests.cluster.live_members import patroni_member
from tests.world.hosts import fake_cluster

CLUSTER = fake_cluster()
INITIALIZE, CONFIG = (f"{CLUSTER.scope_key}{name}" for name in ("initialize", "config"))
NOBODY: Any = {"answers": True, "leader": None, "members": {"h1": patroni_member(False, state="stopped")}}
ETCDCTL = '#!/bin/sh\ntee "$LOG"\ngrep -qF "= \\"$NOW\\"" "$LOG" && echo SUCCESS || echo FAILURE\n'


class Hosts:
    """What h1 is asked through, and what the others answer. + keys: in etcd; + filled: members with data"""

    keys: dict[str, str] | None = None
    order: Any = None

    def __init__(self) -> None:
        self.filled: set[str] = set()
        self.said: list[str] = []

    def log(self, text: str) -> None:
        self.said.append(text)

    def get_fact(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"order": self.order}

    def read(self, nodes: Any, *_: Any, **__: Any) -> dict[str, Any]:
        return {node.name: {"keys": self.keys} for node in nodes}

    def read_all(self, nodes: Any, _: Any, paths: list[str], units: Any) -> dict[str, Any]:
        return {node.name: {"paths": {paths[0]: "there" if node.name in self.filled else None}} for node in nodes}


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """h1's Patroni began and was killed."""
    found = Hosts()
    found.keys = {INITIALIZE: "7710689947886920707"}
    for name in ("read", "read_all"):
        monkeypatch.setattr(patroni_bootstrap, name, getattr(found, name))
    monkeypatch.setattr(patroni_bootstrap, "host", found)
    monkeypatch.setattr(patroni_bootstrap, "current_node", lambda: "h1")
    monkeypatch.setattr(patroni_bootstrap, "coordinator", lambda nodes: nodes[0])
    monkeypatch.setattr(patroni_bootstrap, "apply_component", lambda _: iter([StringCommand("brought up")]))
    yield found


def begun(seen: Any = NOBODY) -> list[Any]:
    return list(patroni_bootstrap.begun_again(CLUSTER, seen, Component((), ())))


def test_what_it_left_is_moved_aside_before_the_key_goes(hosts: Hosts) -> None:
    stopped, forgotten, brought = begun()
    data = CLUSTER.data_directory
    assert stopped.get_raw_value().startswith(f"systemctl stop patroni && if [ -e {data} ]; then mv {data} {data}.")
    assert isinstance(forgotten, Act) and "etcdctl txn" in forgotten.command.get_raw_value()
    assert brought.get_raw_value() == "brought up"


@pytest.mark.parametrize("name", ["h2", "h3"])
def test_it_is_not_begun_again_beside_a_member_with_data(hosts: Hosts, name: str) -> None:
    hosts.filled = {name}
    with pytest.raises(UnsafeError, match=f"etcd knows no configuration of main, and {name} holds data\nHINT: .*etcd"):
        begun()


def stored(hosts: Hosts) -> None:
    assert hosts.keys is not None
    hosts.keys[CONFIG] = "{}"


def led(hosts: Hosts) -> None:
    assert hosts.keys is not None
    hosts.keys[f"{CLUSTER.scope_key}leader"] = "h1"


@pytest.mark.parametrize(
    "change",
    [
        stored,
        led,
        lambda hosts: setattr(hosts, "keys", {}),
        lambda hosts: setattr(hosts, "keys", None),  # etcd did not answer: nobody knows
        lambda hosts: setattr(hosts, "order", {"set": "20261121-110000F"}),
    ],
    ids=["complete", "led", "never begun", "unread", "restored"],
)
def test_anything_else_is_left_alone(hosts: Hosts, change: Callable[[Hosts], None]) -> None:
    change(hosts)
    assert begun() == []


def test_one_that_is_at_it_is_left_alone(hosts: Hosts) -> None:
    for state in BEGINNING:
        assert begun({**NOBODY, "members": {"h1": patroni_member(False, state=state)}}) == []


@pytest.mark.parametrize(("now", "code"), [("7710689947886920707", 0), ("", 1), ("7710689947886920708", 1)])
def test_the_key_goes_only_when_it_is_what_was_seen(hosts: Hosts, tmp_path: Path, now: str, code: int) -> None:
    """Somebody else may have begun in between."""
    (tmp_path / "etcdctl").write_text(ETCDCTL)
    (tmp_path / "etcdctl").chmod(0o755)
    forgotten = begun()[1].command.get_raw_value()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log"), "NOW": now}
    assert subprocess.run(["sh", "-c", forgotten], env=environment, check=False).returncode == code
    value, then, otherwise, *_ = (tmp_path / "log").read_text().split("\n\n")
    assert value == f'value("{INITIALIZE}") = "7710689947886920707"' and then == f"del {INITIALIZE}"
    assert otherwise.strip() == ""
