"""A restore drill now: what the repository host is asked and told, in which order, and what the run refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from cluster.errors import UnsafeError
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_drill import PgbackrestDrill
from facts.postgres.databases import PostgresDatabases
from operations.acts.commands import write_file
from operations.runs import verify_backup
from operations.runs.verify_backup import drill
from operations.util.planning import decide_later
from tests.operations.runs.test_backup import a_backup, cluster
from tests.world.answers import lines
from tests.world.hosts import changed, run_operation
from tests.world.known import Act
from tests.world.repository import info, status
from tests.world.world import Lines, World, answer

LIVING = {"in_recovery": False, "identifier": "42", "databases": {"app": {"oid": 16388, "bytes": 7}}}


def a_proof(began_at: int, verdict: str = "passed", *reasons: str) -> dict[str, Any]:
    times = {"began_at": began_at, "ended_at": began_at + 5, "backup_at": 1}
    return {"verdict": verdict, "label": "new", **times, "reasons": list(reasons), "line": f"it {verdict}"}


@dataclass
class DrilledWorld(World):
    """
    A repository host and a primary.

    + running: answers in which the drill is under way once it was begun; + late: those before systemd has begun it
    + ends: with which proof; None: with none
    + leads: whether a primary answers
    """

    acts: ClassVar = {"request": write_file, "begin": verify_backup.drill, "plan": decide_later}

    ends: dict[str, Any] | None = field(default_factory=lambda: a_proof(900))
    last: dict[str, Any] | None = field(default_factory=lambda: a_proof(100))
    installed: bool = True
    leads: bool = True
    begun: bool = False
    running: int = 2
    late: int = 0
    labels: tuple[str, ...] = ("old", "new")
    given: list[str] = field(default_factory=list)

    def noted(self, word: str, host: str, act: Act) -> None:
        """All of it on the repository host."""
        assert host == "h3"
        self.done.append(word)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        self.given += [act.stdin] if act.stdin else []
        self.begun = self.begun or word == "begin"
        return None

    @answer(PgbackrestInfo)
    def _info(self, host: str, **_: Any) -> Lines:
        return info(self._stanza())

    @answer(PostgresDatabases)
    def _databases(self, host: str, **_: Any) -> Lines:
        return [json.dumps(LIVING) if self.leads and host == "h1" else "no answer"]

    def _stanza(self) -> dict[str, Any]:
        backups = [a_backup(label, "full") for label in self.labels]
        return {"name": "main", "status": status(), "db": [{"id": 1, "system-id": "42"}], "backup": backups}

    @answer(PgbackrestDrill)
    def _drill(self, host: str, scratch: str | None, **_: Any) -> Lines:
        state = "inactive"
        if self.begun and self.late:
            self.late -= 1
        elif self.begun and self.running:
            state, self.running = "activating", self.running - 1
        elif self.begun and self.ends is not None:
            self.last = self.ends
        loaded = "loaded" if self.installed else "not-found"
        step = json.dumps({"step": "restore", "size": 4096}) if state == "activating" else ""
        said = {
            "unit": f"LoadState={loaded}\nActiveState={state}",
            "since": "5",
            "last": json.dumps(self.last) if self.last else "",
            "passed": "",
            "step": step,
        }
        return lines(said | ({"copied": "2\t/x"} if scratch is not None else {}))


def run(monkeypatch: pytest.MonkeyPatch, world: DrilledWorld, **arguments: Any) -> list[str]:
    return changed(run_operation(monkeypatch, world, cluster(), drill, **arguments))


def test_the_newest_backup_is_tried_with_the_living_cluster_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld()
    assert run(monkeypatch, world) == ["h3"]
    assert world.done == ["request", "begin"]
    assert json.loads(world.given[0]) == {"label": None, "living": LIVING}


def test_another_backup_is_tried_by_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld()
    run(monkeypatch, world, label="old")
    assert json.loads(world.given[0])["label"] == "old"


def test_without_a_leader_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that is lost is the very day on which a backup is tried."""
    world = DrilledWorld(leads=False)
    assert run(monkeypatch, world) == ["h3"]
    assert json.loads(world.given[0])["living"] is None


def test_one_that_is_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld(begun=True, running=4)
    run(monkeypatch, world)
    assert world.done == []


def test_one_that_systemd_begins_a_moment_later_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld(late=3)
    assert run(monkeypatch, world) == ["h3"]


@pytest.mark.parametrize("late", [0, 1000])
def test_one_that_leaves_no_proof_is_no_success(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    with pytest.raises(UnsafeError, match="the restore drill left no proof\nHINT: "):
        run(monkeypatch, DrilledWorld(ends=None, late=late))


def test_a_failed_one_ends_the_run_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld(ends=a_proof(900, "failed", "restore: [055]: missing", "verify: file missing"))
    with pytest.raises(
        UnsafeError, match=r"new is not proven: restore: \[055\]: missing; verify: file missing\nHINT: "
    ):
        run(monkeypatch, world)


def test_one_without_a_verdict_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DrilledWorld(ends=a_proof(900, "undecided", "room: 1 MiB are free"))
    with pytest.raises(UnsafeError, match="came to no verdict: room: 1 MiB are free\nHINT: "):
        run(monkeypatch, world)


@pytest.mark.parametrize(
    ("world", "label", "words"),
    [
        (DrilledWorld(), "gone", "set: gone is no backup of this cluster\nHINT: there are old, new."),
        (DrilledWorld(labels=()), None, "there is no backup yet"),
        (DrilledWorld(installed=False), None, "has no restore drill yet"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, world: DrilledWorld, label: str | None, words: str
) -> None:
    with pytest.raises(UnsafeError, match=words):
        run(monkeypatch, world, label=label)
    assert world.done == []


def test_a_label_that_no_backup_has_is_refused_in_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_backup, "dry_run", lambda: True)
    with pytest.raises(UnsafeError, match="set: gone is no backup of this cluster"):
        run(monkeypatch, DrilledWorld(), label="gone")
    world = DrilledWorld(labels=())
    run(monkeypatch, world)  # the newest one may be yet to come
    assert world.done == ["plan"]
