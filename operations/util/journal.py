"""
What a run puts around the command of each of its acts: a note in the host's journal, and a look at its lock there.

A run's beginning and end are noted together with the lock. An act is noted by its own command, before and after it, on
the host where it runs: so it costs nothing, and is noted also when the run is killed in the middle of it.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any, TypeVar

from pyinfra.api.command import PyinfraCommand

from facts.runs.journal import JOURNAL

PROJECT = Path(__file__).parents[2] / "pyproject.toml"

# An install may be of dozens of packages; a line stays a line.
WHAT_CHARACTERS = 300
_WORDS = "journal_words"

C = TypeVar("C", bound=PyinfraCommand)

_act: ContextVar[dict[str, Any] | None] = ContextVar("act", default=None)
_run: str | None = None
_looks: Mapping[str, str] = {}
_count = 0
_noticed: list[Noticed] | None = None


@dataclass(frozen=True)
class Noticed:
    """An act of this run. + began, ended: in seconds since 1970; + what: it did, where that is known"""

    began: float
    ended: float
    operation: str
    what: str


@dataclass(frozen=True)
class Around:
    """Words of the shell around a command. + look: what ends it before it has begun, when the lock is gone"""

    before: str = ""
    look: str = ""
    after: str = ""


def at() -> str:
    """This moment, by the control machine's clock."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def version() -> str:
    """Of this project; empty where its declaration is not beside it."""
    try:
        return str(tomllib.loads(PROJECT.read_text())["project"]["version"])
    except (OSError, KeyError, ValueError):
        return ""


def line(event: str, run: str, **words: Any) -> str:
    """One entry. + words: what else it says; None and empty ones are left out"""
    return json.dumps(
        {"event": event, "run": run, **{name: one for name, one in words.items() if one not in (None, "")}}
    )


def described(command: C, what: str, before: Any = None, after: Any = None) -> C:
    """
    A command with what the journal says of it: never its text, and nothing that a run would not print.

    + what: it does; + before, after: the state that it changes, where that is known
    """
    known = {"before": before, "after": after} if after else {}
    setattr(command, _WORDS, {"what": what[:WHAT_CHARACTERS], **known})
    return command


def words_of(command: object) -> dict[str, Any]:
    """What the journal says of a command; of one that brings another to a host what it says of that."""
    found: dict[str, Any] = getattr(command, _WORDS, None) or getattr(getattr(command, "command", None), _WORDS, {})
    return found


def note_acts_of(run: str | None, looks: Mapping[str, str] | None = None) -> None:
    """
    Note the acts that come, as those of a run.

    + run: its id; None: note none; + looks: by pyinfra's name of a host, the words that look at the lock there
    """
    global _run, _looks, _count
    _run, _looks, _count = run, looks or {}, 0


def noted() -> int:
    """How many acts there were."""
    return _count


@contextmanager
def acting(operation: str, **words: Any) -> Iterator[None]:
    """
    Let the next command, on whichever host, be noted as an act.

    + operation: its name; + words: ``what`` it does, and the state ``before`` and ``after``, as far as they are known
    """
    global _count
    if _run is None:
        yield
        return
    began = time.time()
    _count += 1
    token = _act.set({"operation": operation, "n": _count, **words})
    try:
        yield
    finally:
        _act.reset(token)
        if _noticed is not None:
            _noticed.append(Noticed(began, time.time(), operation, str(words.get("what", ""))))


@contextmanager
def noticing(acts: list[Noticed]) -> Iterator[None]:
    """Let the acts within the block be told to this process, too. + acts: to which they are added when they are done"""
    global _noticed
    _noticed = acts
    try:
        yield
    finally:
        _noticed = None


def around_act(host: str) -> Around:
    """What is put around the command of the act at hand; nothing where there is no act. + host: pyinfra's name of it"""
    act = _act.get()
    if act is None or _run is None:
        return Around()
    begins = line("act", _run, at=at(), **act)
    ends = json.dumps({"event": "done", "run": _run, "n": act["n"]})[:-1]
    # Whatever is wrong with the journal is no reason to fail: an act is done or not, noted or not.
    begin = f"read -r noted_at rest < /proc/uptime; printf '%s\\n' {quote(begins)} >> {JOURNAL}"
    before = f"noted_at=0; {{ {begin}; }} 2>/dev/null; "
    took = '"$(( ${noted_to%.*} - ${noted_at%.*} ))"'
    ending = f"""printf '%s, "exit": %s, "seconds": %s}}\\n' {quote(ends)} "$code" {took}"""
    after = f"; noted_to=0; {{ read -r noted_to rest < /proc/uptime; {ending} >> {JOURNAL}; }} 2>/dev/null"
    return Around(before, _looks.get(host, ""), after)
