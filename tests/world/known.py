"""What a command is: a question is known by its fact, an act by the functions that built it; never by its words."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import CodeType
from typing import Any

import pyinfra.api.facts
import pytest
from pyinfra.api import FactBase, StringCommand

from facts.postgres.cause import PostgresCause
from tests.lab.paths import ROOT
from tests.operations.written import files_written

# Facts that are asked beside pyinfra's own way, by ``run_each``.
_ASKED_ALOUD: tuple[type[FactBase[Any]], ...] = (PostgresCause,)
_OURS = f"{ROOT}/operations/"
_MADE, _ALOUD = StringCommand.__init__, {fact: fact.command for fact in _ASKED_ALOUD}

# A function, a class of acts, or the whole text of a command that is a constant.
Builder = Callable[..., Any] | str


@dataclass(frozen=True)
class Question:
    """A fact that a host is asked for. + arguments: the fact's own, all of them; + stdin: what it is given beside"""

    fact: type[FactBase[Any]]
    arguments: Mapping[str, Any]
    stdin: str = ""


@dataclass(frozen=True)
class Act:
    """
    Something that a host is told to do.

    + text, stdin: as the host gets them, for what stands in them as the languages of others have it: files, SQL, JSON
    + builders: the code that built it, the innermost first
    """

    text: str
    stdin: str
    builders: tuple[CodeType, ...] = ()

    @property
    def files(self) -> dict[str, str]:
        """What it writes, by path."""
        return files_written(self.text, self.stdin)

    @property
    def last_word(self) -> str:
        """The last argument, as the shell takes it."""
        return shlex.split(self.text)[-1]

    def after(self, words: str) -> str:
        """What follows some words of a command line, e.g. ``etcdctl member remove``: one more word."""
        found, *_ = re.findall(rf"{re.escape(words)} ('.*?'|[^\s;]+)", self.text)
        return shlex.split(found)[0]

    @property
    def removes(self) -> list[str]:
        """The paths that it removes."""
        return [path for some in re.findall(r"for p in (.*?); do rm", self.text) for path in shlex.split(some)]

    def named_in(self, known: Mapping[str, Builder | tuple[Builder, ...]]) -> str | None:
        """The word for it: of the innermost of its builders that has one. + known: by word, what builds it"""
        words = {key: word for word, some in known.items() for key in _keys(some)}
        return next((words[key] for key in (self.text, *self.builders) if key in words), None)


class _Asked(str):
    """A fact's command, which goes on to say whose it is."""

    question: Question

    @classmethod
    def of(cls, text: str, question: Question) -> _Asked:
        asked = cls(text)
        asked.question = question
        return asked


def origins_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command that is built from now on know what it is."""
    monkeypatch.setattr(pyinfra.api.facts, "_make_command", _make_command)
    monkeypatch.setattr(StringCommand, "__init__", _recording)
    for fact, command in _ALOUD.items():
        monkeypatch.setattr(fact, "command", _aloud(fact, command))


def known(command: Any, stdin: str) -> Question | Act:
    """What a command is. + command: text, or pyinfra's own"""
    parts = list(_parts(command))
    for part in parts:
        if isinstance(part, _Asked):
            return replace(part.question, stdin=stdin)
    text = command if isinstance(command, str) else command.get_raw_value()
    return Act(text, stdin, tuple(code for part in parts for code in getattr(part, "built_by", ())))


def _parts(command: Any) -> Iterator[Any]:
    yield command
    if isinstance(command, StringCommand):
        for bit in command.bits:
            yield from _parts(bit)


def _make_command(attribute: Any, arguments: dict[str, Any]) -> Any:
    """As pyinfra's, which makes of a fact and its arguments a command."""
    if not callable(attribute):
        return attribute
    arguments.pop("self", None)
    made, fact = attribute(**arguments), getattr(attribute, "__self__", None)
    if not isinstance(made, str) or not isinstance(fact, FactBase) or attribute.__name__ != "command":
        return made
    return _Asked.of(made, Question(type(fact), _all_of(attribute, arguments)))


def _all_of(command: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    bound = inspect.signature(command).bind(**arguments)
    bound.apply_defaults()
    return dict(bound.arguments)


def _aloud(fact: type[FactBase[Any]], command: Any) -> Any:
    def asked(self: Any, **arguments: Any) -> _Asked:
        return _Asked.of(command(self, **arguments), Question(fact, arguments))

    return asked


def _recording(self: Any, *bits: Any, **arguments: Any) -> None:
    _MADE(self, *bits, **arguments)
    self.built_by = tuple(_our_callers())


def _our_callers() -> Iterator[CodeType]:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(_OURS):
            yield frame.f_code
        frame = frame.f_back  # type: ignore[assignment]


def _keys(builders: Builder | tuple[Builder, ...]) -> Iterator[str | CodeType]:
    for one in builders if isinstance(builders, tuple) else (builders,):
        yield one if isinstance(one, str) else _code_of(one)


def _code_of(builder: Any) -> CodeType:
    function = builder.__init__ if isinstance(builder, type) else inspect.unwrap(getattr(builder, "_inner", builder))
    code: CodeType = inspect.unwrap(function).__code__
    return code
