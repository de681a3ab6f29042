"""Hosts that are a simulation: which facts they answer, and what they make of what they are told to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from pyinfra.api import FactBase

from facts.host import UnitJournal
from facts.patroni import DirectorySize
from facts.postgres.cause import PostgresCause
from tests.world.cause import why
from tests.world.known import Act, Builder, Question

Lines = list[str]
Answering = TypeVar("Answering", bound=Callable[..., Lines])

DIRECTORY_MIB = 95


class FailsError(Exception):
    """Raised by an answer, or an act: the command fails. + lines: with these words"""

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = list(lines)


def answer(*facts: type[FactBase[Any]]) -> Callable[[Answering], Answering]:
    """
    Mark the method of a world that answers facts, with the lines that a host would print: what the fact makes of them
    is the fact's own. It is given the host, and the fact's arguments by name.
    """

    def marked(method: Answering) -> Answering:
        method.answers_to = facts  # type: ignore[attr-defined]
        return method

    return marked


@dataclass(kw_only=True)
class World:
    """
    The base of all worlds: what every host answers, and how an act is known. A world, and each part of one, adds
    methods that are marked with ``answer``, names for acts in ``acts``, and what they do in ``obeyed``.

    + done: the acts in order, each with its host
    + hooks: the name of an act to what happens just after it
    + fatal: members whose PostgreSQL ends with these words
    """

    acts: ClassVar[Mapping[str, Builder | tuple[Builder, ...]]] = {}
    done: list[str] = field(default_factory=list)
    hooks: dict[str, Callable[[], None]] = field(default_factory=dict)
    fatal: dict[str, str] = field(default_factory=dict)

    def reached(self, host: str) -> None:
        """Somebody comes to a host, before anything else; one that is gone raises here."""

    def asked(self, host: str, question: Question) -> Lines:
        """What a host prints when it is asked for a fact."""
        self.reached(host)
        method = self._answering().get(question.fact)
        assert method is not None, f"{type(self).__name__} has no answer to {question.fact.__name__}"
        lines: Lines = getattr(self, method)(
            host, **question.arguments, **({"stdin": question.stdin} if question.stdin else {})
        )
        return lines

    def told(self, host: str, act: Act) -> Lines:
        """What a host prints when it is told to do something, which it does."""
        self.reached(host)
        word = self.word_of(act)
        assert word is not None, f"{type(self).__name__} knows no act like this on {host}: {act.text}"
        self.noted(word, host, act)
        lines = self.obeyed(word, host, act) or []
        self.hooks.get(word, lambda: None)()
        return lines

    def word_of(self, act: Act) -> str | None:
        """The name of an act; None: it is none that anybody here should do."""
        return act.named_in(self.acts)

    def noted(self, word: str, host: str, act: Act) -> None:
        """Keep what is done."""
        self.done.append(f"{word} {host}")

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """Do it. Returns what the host prints."""
        return None

    @classmethod
    def _answering(cls) -> dict[type[FactBase[Any]], str]:
        """Methods by fact. What a world says itself goes before what its parts say."""
        found: dict[type[FactBase[Any]], str] = {}
        for one in cls.__mro__:
            for name, method in vars(one).items():
                for fact in getattr(method, "answers_to", ()):
                    found.setdefault(fact, name)
        return found

    @answer(UnitJournal)
    def _journal(self, host: str, **_: Any) -> Lines:
        return [f"last line of {host}"]

    @answer(DirectorySize)
    def _size(self, host: str, **_: Any) -> Lines:
        return [str(DIRECTORY_MIB)]

    @answer(PostgresCause)
    def _cause(self, host: str, **_: Any) -> Lines:
        return why(self.fatal.get(host, ""))
