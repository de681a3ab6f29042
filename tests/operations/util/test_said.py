"""What the hosts said at the beginning of a run counts until something is changed anywhere, and decides no change."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest
from pyinfra import host
from pyinfra.api import FunctionCommand, StringCommand, operation
from pyinfra.api.command import PyinfraCommand

import operations.util.said
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from facts.answer import Answer
from facts.host_answers import HostAnswers
from operations.acts.act import Act
from operations.util.console import quiet_the_idle_lines
from operations.util.first_look import looks_again
from operations.util.reading import read
from operations.util.said import keep_answers, said
from tests.host_answers import told
from tests.world.hosts import fake_cluster, run_operations
from tests.world.known import Act as Told
from tests.world.known import Question

Steps = Generator[PyinfraCommand, None, None]
EVERY = ["h1", "h2", "h3"]


class Word(Answer[str]):
    """The word that a host has."""

    def command(self, of: str = "") -> str:
        return f"word {of}".strip()

    def parsed(self, output: list[str]) -> str:
        return output[0]


class Words:
    """Hosts that each have a word, which a command changes. + alone: what was asked for alone, with the host"""

    def __init__(self) -> None:
        self.words = dict.fromkeys(EVERY, "old")
        self.alone: list[str] = []
        self.broken = False

    def asked_in_order(self) -> list[str]:
        """pyinfra begins with any of them."""
        return sorted(self.alone)

    def asked(self, host: str, question: Question) -> list[str]:
        """See Hosts."""
        if question.fact is Word:
            self.alone.append(host)
            return [self.words[host]]
        assert question.arguments == {"commands": {"word": "word"}}
        return told({"word": (1 if self.broken else 0, self.words[host], "")})

    def told(self, host: str, act: Told) -> list[str]:
        """See Hosts."""
        if act.text.startswith("set "):
            self.words[host] = act.text.removeprefix("set ")
        return []


@operation()
def asked(cluster: Cluster) -> Steps:
    """The first look, at one word."""
    questions: dict[str, Any] = {"word": (Word, {})}
    keep_answers(questions, lambda: host.get_fact(HostAnswers, commands={"word": "word"}))
    yield from ()


@operation()
@looks_again
def looked(cluster: Cluster, seen: list[str]) -> Steps:
    """A step that looks at the word of its host, and does nothing."""
    seen.append(said(Word))
    yield from ()


@operation()
@looks_again
def looked_at_all(cluster: Cluster, seen: list[dict[str, str]]) -> Steps:
    """A step of one host that looks at the words of all."""
    if host.name == "@fake/h1":
        seen.append(read(cluster, Word))
    yield from ()


@operation()
@looks_again
def brought(cluster: Cluster, wanted: str, of: str = "h1") -> Steps:
    """A step that gives one host another word, where it has not got it."""
    if host.name == f"@fake/{of}" and said(Word) != wanted:
        host.log("changes the word")
        yield StringCommand(f"set {wanted}")


@operation()
def acted(cluster: Cluster) -> Steps:
    """An act of the first host on the last one."""
    if host.name == "@fake/h1":
        yield Act(cluster.node("h3"), StringCommand("set newer"))


@operation()
def called(cluster: Cluster) -> Steps:
    """Something that is no shell command."""
    if host.name == "@fake/h2":
        yield FunctionCommand(lambda: None, (), {})


Run = Callable[..., Words]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run operations one after the other on three hosts, as one run does."""

    def begin(*steps: tuple[Any, dict[str, Any]], world: Words | None = None) -> Words:
        world = world or Words()
        run_operations(monkeypatch, world, fake_cluster(), steps)
        return world

    return begin


def test_steps_that_have_nothing_to_do_ask_nothing_more(run: Run) -> None:
    seen: list[Any] = []
    world = run((asked, {}), (looked, {"seen": seen}), (brought, {"wanted": "old"}), (looked_at_all, {"seen": seen}))
    assert seen == ["old"] * 3 + [dict.fromkeys(EVERY, "old")]
    assert world.alone == []


def test_without_a_first_look_every_step_asks(run: Run) -> None:
    assert run((looked, {"seen": []})).asked_in_order() == EVERY


@pytest.mark.parametrize("change", [(brought, {"wanted": "new"}), (acted, {}), (called, {})])
def test_after_a_change_on_one_host_every_later_step_asks_all_hosts(run: Run, change: Any) -> None:
    seen: list[Any] = []
    world = run((asked, {}), change, (looked, {"seen": seen}), (looked_at_all, {"seen": seen}))
    assert sorted(world.alone) == sorted([*(["h1"] if change[0] is brought else []), *EVERY, *EVERY])
    assert sorted(seen[:3]) == sorted(world.words.values())
    assert seen[3] == world.words


def test_a_step_that_would_do_something_looks_again_first(run: Run) -> None:
    """Somebody else has done it meanwhile."""
    world = Words()

    def meanwhile(cluster: Cluster) -> Steps:
        if host.name == "@fake/h1":
            world.words["h1"] = "new"
        yield from ()

    run((asked, {}), (operation()(meanwhile), {}), (brought, {"wanted": "new"}), world=world)
    assert world.alone == ["h1"]


def test_what_it_says_before_it_looks_again_is_said_once(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    quiet_the_idle_lines()
    with caplog.at_level("INFO", logger="pyinfra"):
        run((asked, {}), (brought, {"wanted": "new"}))
    assert sum("changes the word" in record.getMessage() for record in caplog.records) == 1


def test_a_refusal_is_not_by_what_was_said_before(run: Run) -> None:
    world = Words()

    @operation()
    @looks_again
    def refuses(cluster: Cluster) -> Steps:
        if said(Word) == "old":
            world.words[host.name.removeprefix("@fake/")] = "new"
            raise UnsafeError("old")
        yield from ()

    run((asked, {}), (refuses, {}), world=world)
    assert world.asked_in_order() == EVERY


def test_a_question_that_failed_is_asked_by_the_step_that_has_it(run: Run) -> None:
    world = Words()
    world.broken = True
    assert run((asked, {}), (looked, {"seen": []}), world=world).asked_in_order() == EVERY


def test_an_answer_is_not_for_ever(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations.util.said, "COUNTS_SECONDS", 0)
    assert run((asked, {}), (looked, {"seen": []})).asked_in_order() == EVERY


def test_another_question_is_another_one(run: Run) -> None:
    assert Word.serves({}, {}, "old") and not Word.serves({}, {"of": "x"}, "old")


def test_a_procedure_looks_itself(run: Run) -> None:
    @operation()
    def procedure(cluster: Cluster) -> Steps:
        said(Word)
        read([cluster.node("h1")], Word)
        yield from ()

    world = run((asked, {}), (procedure, {}))
    assert sorted(world.alone) == ["h1"] * 4 + ["h2", "h3"]
