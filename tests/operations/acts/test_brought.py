"""A file brought from one host to another: its two commands, run here with what the first one prints."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cluster.declared.model import Node
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from operations.acts.act import Act
from operations.acts.brought import brought

CONTENT = bytes(range(256)) * 500


def nodes() -> tuple[Node, ...]:
    roles = {"pg1": ("postgres", "etcd"), "backup1": ("backup",)}
    hosts = [DeclaredHost(name, roles[name], {"cluster_address": f"10.0.0.{n}"}, {}) for n, name in enumerate(roles, 1)]
    return declared_clusters(hosts, {})[0]["main"].nodes


def steps(directory: Path, *, lost: bool = False) -> int:
    """Copy ``a`` to ``b``. Returns the exit code of what writes it. + lost: a line does not arrive"""
    run = brought(nodes()[0], str(directory / "a"), nodes()[1], str(directory / "b"))
    fetch = next(run)
    assert isinstance(fetch, Act) and fetch.node.name == "pg1"
    said = subprocess.run(["sh", "-c", fetch.command.get_raw_value()], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    fetch.printed = [*lines[:2], *lines[3:]] if lost else lines
    put = next(run)
    assert isinstance(put, Act) and put.node.name == "backup1"
    given = "".join(put.command.connector_arguments["_stdin"])
    return subprocess.run(["sh", "-c", put.command.get_raw_value()], input=given, text=True).returncode


def test_it_is_there_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert steps(tmp_path) == 0
    assert (tmp_path / "b").read_bytes() == CONTENT
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600


def test_what_did_not_arrive_whole_takes_nobody_s_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(os.urandom(5000))
    (tmp_path / "b").write_text("of before")
    assert steps(tmp_path, lost=True) != 0
    assert (tmp_path / "b").read_text() == "of before"
