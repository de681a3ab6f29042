"""Copies that are waited for: as long as they grow, and not when they begin again for a reason that no wait fixes."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cluster.verdicts.causes import Cause
from operations.acts import copies
from operations.acts.copies import Copying
from tests.world.hosts import fake_cluster

NODE = fake_cluster().members[2]
GONE = "pg_basebackup: error: requested WAL segment 03 has already been removed"


def sizes(monkeypatch: pytest.MonkeyPatch, *mib: int) -> tuple[Copying, list[str]]:
    """A copy that has grown to these sizes when it is looked at, and what is said of it."""
    listed: Iterator[int] = iter(mib)
    said: list[str] = []
    monkeypatch.setattr(copies, "read_all", lambda *_, **__: {NODE.name: next(listed)})
    monkeypatch.setattr(copies, "host", SimpleNamespace(log=said.append))
    return Copying("/data"), said


def complains(monkeypatch: pytest.MonkeyPatch, copying: Copying, cause: Cause | None) -> None:
    found: Any = {} if cause is None else {NODE.name: cause}
    monkeypatch.setattr(copying.watch, "causes", lambda _: found)


def test_one_that_grows_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    copying, said = sizes(monkeypatch, 5, 90, 95)
    complains(monkeypatch, copying, None)
    assert [copying.goes_on(NODE, "creating replica") for _ in range(3)] == [True, True, True]
    assert said == [f"h3 is creating replica: {mib} MiB so far" for mib in (5, 90, 95)]


def test_one_that_begins_again_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    copying, said = sizes(monkeypatch, 90, 5)
    complains(monkeypatch, copying, Cause(GONE, "raise it"))
    assert copying.goes_on(NODE, "creating replica") and copying.goes_on(NODE, "creating replica")
    assert said[-1] == f"h3 begins its copy again: its copy ended with: {GONE}"


def test_one_that_ends_in_the_same_way_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    copying, _ = sizes(monkeypatch, 90)
    complains(monkeypatch, copying, Cause(GONE, "raise it", certain=True))
    assert not copying.goes_on(NODE, "creating replica")
