"""A restore drill now: what the repository host is asked and told, in which order, and what the run refuses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster.errors import UnsafeError
from operations.runs import verify_backup
from operations.runs.verify_backup import drill
from tests.deploys.fake_hosts import changed, run_operation
from tests.operations.runs.test_backup import a_backup, cluster, line

LIVING = {"in_recovery": False, "identifier": "42", "databases": {"app": {"oid": 16388, "bytes": 7}}}


def a_proof(began_at: int, verdict: str = "passed", *reasons: str) -> dict[str, Any]:
    times = {"began_at": began_at, "ended_at": began_at + 5, "backup_at": 1}
    return {"verdict": verdict, "label": "new", **times, "reasons": list(reasons), "line": f"it {verdict}"}


@dataclass
class World:
    """
    A repository host and a primary.

    + running: answers in which the drill is under way once it was begun; + late: those before systemd has begun it
    + ends: with which proof; None: with none
    + leads: whether a primary answers
    """

    ends: dict[str, Any] | None = field(default_factory=lambda: a_proof(900))
    last: dict[str, Any] | None = field(default_factory=lambda: a_proof(100))
    installed: bool = True
    leads: bool = True
    begun: bool = False
    running: int = 2
    late: int = 0
    labels: tuple[str, ...] = ("old", "new")
    told: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)

    def run(self, host: str, command: str, stdin: str) -> tuple[bool, list[str]]:
        if "ask info" in command:
            return True, [line("info", json.dumps([self._stanza()])), line("attempts", _attempts())]
        if "ask unit" in command:
            return True, self._drill(command)
        if "pg_database_size" in command:
            return True, [json.dumps(LIVING) if self.leads and host == "h1" else "no answer"]
        if "journalctl" in command:
            return True, ["the last lines"]
        self.commands.append((host, command))
        if stdin:
            self.told.append(stdin)
        if "systemctl start" in command:
            self.begun = True
        return True, []

    def _stanza(self) -> dict[str, Any]:
        status = {"code": 0, "message": "ok", "lock": {"backup": {"held": False}}}
        backups = [a_backup(label, "full") for label in self.labels]
        return {"name": "main", "status": status, "db": [{"id": 1, "system-id": "42"}], "backup": backups}

    def _drill(self, command: str) -> list[str]:
        state = "inactive"
        if self.begun and self.late:
            self.late -= 1
        elif self.begun and self.running:
            state, self.running = "activating", self.running - 1
        elif self.begun and self.ends is not None:
            self.last = self.ends
        loaded = "loaded" if self.installed else "not-found"
        step = json.dumps({"step": "restore", "size": 4096}) if state == "activating" else ""
        return [
            line("unit", f"LoadState={loaded}\nActiveState={state}"),
            line("since", "5"),
            line("last", json.dumps(self.last) if self.last else ""),
            line("passed", ""),
            line("step", step),
            *([line("copied", "2\t/x")] if "ask copied" in command else []),
        ]

    @property
    def acts(self) -> list[str]:
        """What was done, all of it on the repository host."""
        assert {host for host, _ in self.commands} <= {"h3"}
        return ["request" if "request.json" in one else one.rpartition(" ")[2] for _, one in self.commands]


def _attempts() -> str:
    return "".join(f"kind={kind}\nSubState=dead\nResult=success\nwords=\n" for kind in ("full", "diff", "incr"))


def run(monkeypatch: pytest.MonkeyPatch, world: World, **arguments: Any) -> list[str]:
    return changed(run_operation(monkeypatch, world, cluster(), drill, **arguments))


def test_the_newest_backup_is_tried_with_the_living_cluster_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    assert run(monkeypatch, world) == ["h3"]
    assert world.acts == ["request", "pgbackrest-drill.service"]
    assert json.loads(world.told[0]) == {"label": None, "living": LIVING}


def test_another_backup_is_tried_by_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    run(monkeypatch, world, label="old")
    assert json.loads(world.told[0])["label"] == "old"


def test_without_a_leader_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that is lost is the very day on which a backup is tried."""
    world = World(leads=False)
    assert run(monkeypatch, world) == ["h3"]
    assert json.loads(world.told[0])["living"] is None


def test_one_that_is_under_way_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(begun=True, running=4)
    run(monkeypatch, world)
    assert world.acts == []


def test_one_that_systemd_begins_a_moment_later_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(late=3)
    assert run(monkeypatch, world) == ["h3"]


@pytest.mark.parametrize("late", [0, 1000])
def test_one_that_leaves_no_proof_is_no_success(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    with pytest.raises(UnsafeError, match="the restore drill left no proof\nHINT: "):
        run(monkeypatch, World(ends=None, late=late))


def test_a_failed_one_ends_the_run_with_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(ends=a_proof(900, "failed", "restore: [055]: missing", "verify: file missing"))
    with pytest.raises(
        UnsafeError, match=r"new is not proven: restore: \[055\]: missing; verify: file missing\nHINT: "
    ):
        run(monkeypatch, world)


def test_one_without_a_verdict_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(ends=a_proof(900, "undecided", "room: 1 MiB are free"))
    with pytest.raises(UnsafeError, match="came to no verdict: room: 1 MiB are free\nHINT: "):
        run(monkeypatch, world)


@pytest.mark.parametrize(
    ("world", "label", "words"),
    [
        (World(), "gone", "set: gone is no backup of this cluster\nHINT: there are old, new."),
        (World(labels=()), None, "there is no backup yet"),
        (World(installed=False), None, "has no restore drill yet"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, world: World, label: str | None, words: str
) -> None:
    with pytest.raises(UnsafeError, match=words):
        run(monkeypatch, world, label=label)
    assert world.acts == []


def test_a_label_that_no_backup_has_is_refused_in_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_backup, "dry_run", lambda: True)
    with pytest.raises(UnsafeError, match="set: gone is no backup of this cluster"):
        run(monkeypatch, World(), label="gone")
    world = World(labels=())
    run(monkeypatch, world)  # the newest one may be yet to come
    assert world.acts == ["true"]
