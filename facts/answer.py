"""How a host's answer becomes a fact: garbled text ends the host's part of the run with a sentence, not a traceback."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, TypeVar

from pyinfra.api import FactBase
from pyinfra.api.exceptions import FactProcessError

T = TypeVar("T")

# Several questions in one remote command: each answer is one line with its name, exit code and base64 of what was
# printed. So "cannot read" never looks like "empty".
ASK = """ask() { name=$1; shift; out=$("$@" 2>&1); code=$?; echo "$name|$code|$(printf %s "$out" | base64 -w0)"; }"""


class Answer(FactBase[T]):
    """A fact whose lines are read by ``parsed``; what that cannot read is no fact, and never an empty one."""

    def process(self, output: list[str]) -> T:
        """pyinfra's entry: any other exception than its own would end the run for all hosts with a traceback."""
        try:
            return self.parsed(output)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise FactProcessError(f"the host's answer to {type(self).__name__} cannot be read: {error!r}") from error

    def parsed(self, output: list[str]) -> T:
        """The fact in the lines that the host printed. + output: without the line ends"""
        raise FactProcessError(f"{type(self).__name__} does not say how its answer is read")

    @classmethod
    def serves(cls, asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: T) -> bool:
        """
        Whether the answer to one question answers another one, too.

        + asked, wanted: the arguments of both; + seen: the answer
        """
        return dict(asked) == dict(wanted)

    @classmethod
    def part(cls, wanted: Mapping[str, Any], seen: T) -> T:
        """What of an answer that serves a question belongs to it. + wanted: its arguments"""
        return seen


# A fact, and its arguments.
Question: TypeAlias = tuple[type[Answer[Any]], Mapping[str, Any]]


def answers(output: Iterable[str], expected: Iterable[str]) -> dict[str, tuple[int, str]]:
    """
    What the questions of ``ASK`` were answered with: exit code and text by name.

    + output: the script's lines
    + expected: the names of all questions; refuses an output that lacks one
    """
    found = {name: (int(code), decoded(text)) for name, code, text in (line.split("|", 2) for line in output)}
    if missing := set(expected) - set(found):
        raise FactProcessError(f"the answers are incomplete: {', '.join(sorted(missing))} missing")
    return found


def decoded(text: str) -> str:
    """A text that came as base64."""
    return base64.b64decode(text).decode(errors="replace")


def listed_in(text: str) -> list[dict[str, Any]] | None:
    """
    The JSON list of objects in what a program said; None when there is none, e.g. of a repository that its pass phrase
    does not open.
    """
    # Warnings may stand before the document, and the words of an error within it go over several lines.
    decoder = json.JSONDecoder(strict=False)
    for begin in re.finditer(r"^\[", text, re.MULTILINE):
        try:
            found, _ = decoder.raw_decode(text[begin.start() :])
        except ValueError:
            continue
        if isinstance(found, list) and all(isinstance(one, dict) for one in found):
            return found
    return None
