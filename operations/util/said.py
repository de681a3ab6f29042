"""
What the hosts said at the beginning of this run, and until when that counts.

One question asks a host for everything that the steps of a build look at first. An answer counts while this run has
changed nothing on any host since it was asked for, and for half a minute; and only within a first look, see
``operations/util/first_look.py``. Everybody else asks, live.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from pyinfra import host
from pyinfra.api import FactBase, Host
from pyinfra.api.exceptions import PyinfraError
from pyinfra.context import ctx_host

from cluster.observed.host import SeenAnswer
from facts.answer import Answer, Question
from operations.util.changes import changes, count_changes

T = TypeVar("T")

COUNTS_SECONDS = 30


@dataclass(frozen=True)
class Said:
    """An answer as it came. + since: how many changes there had been; + at: when, by a clock that only goes forward"""

    question: Question
    lines: Sequence[str]
    since: int
    at: float

    def counts(self) -> bool:
        """Whether nothing was changed since, and it is not too old."""
        return self.since == changes() and time.monotonic() - self.at < COUNTS_SECONDS


@dataclass
class FirstLook:
    """The beginning of a step. + remembers: whether it has made use of an answer of before"""

    remembers: bool = False


class NotSaidError(Exception):
    """No answer counts here: the host has to be asked."""


_said: WeakKeyDictionary[Host, list[Said]] = WeakKeyDictionary()
_look: ContextVar[FirstLook | None] = ContextVar("first look", default=None)


def keep_answers(asked: Mapping[str, Question], ask: Callable[[], Mapping[str, SeenAnswer]]) -> None:
    """
    Ask the host at hand, and keep what it says. A question that failed, or was not answered, is left to the step that
    has it.

    + asked: the questions by name; + ask: asks all of them
    """
    count_changes()
    target = _at_hand()
    _said[target] = []
    since, at = changes(), time.monotonic()
    answered = {name: one["lines"] for name, one in ask().items() if one["code"] == 0}
    _said[target] = [Said(asked[name], lines, since, at) for name, lines in answered.items()]


def _at_hand() -> Host:
    """The host itself; pyinfra's ``host`` is another one in every greenlet."""
    found: Host = ctx_host.get()
    return found


@contextmanager
def first_look() -> Iterator[FirstLook]:
    """Let what is asked within be answered by what was said before."""
    token = _look.set(look := FirstLook())
    try:
        yield look
    finally:
        _look.reset(token)


def said(fact: type[FactBase[T]], **arguments: Any) -> T:
    """A fact of the host at hand, live but in a first look. + arguments: the fact's own"""
    try:
        found: T = remembered(_at_hand(), fact, arguments)
    except NotSaidError:
        found = host.get_fact(fact, **arguments)
    return found


def remembered(target: Host, fact: type[FactBase[Any]], arguments: Mapping[str, Any]) -> Any:
    """What a host said before. Raises ``NotSaidError`` where that does not count. + arguments: the fact's own"""
    look = _look.get()
    if look is not None and issubclass(fact, Answer):
        for one in _said.get(target, ()):
            kind, asked = one.question
            if kind is fact and one.counts() and kind.serves(asked, arguments, seen := _parsed(kind, one.lines)):
                look.remembers = True
                return kind.part(arguments, seen)
    raise NotSaidError


def _parsed(kind: type[Answer[Any]], lines: Sequence[str]) -> Any:
    try:
        return kind().process(list(lines)) if lines else kind.default()
    except PyinfraError:  # who asks the host itself is told why
        raise NotSaidError from None
