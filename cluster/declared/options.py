"""What each run may be told with ``--data``: its options, which are no settings of the cluster."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.declared.repositories import MOST
from cluster.findings import Finding
from cluster.settings.pgbackrest import TYPES
from cluster.settings.settings import FOREIGN_PREFIXES, Settings

WHERE = "--data"
MEANINGS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
HOUR_SECONDS = 3600
PORT_FORMATS = ("table", "nftables", "json")
# Those whose logs are read.
LOG_COMPONENTS = (
    *("patroni", "etcd", "haproxy", "pgbouncer", "keepalived", "bgp", "vip", "pgbackrest", "chrony", "postgres"),
    *("kernel", "run"),
)
CHECK_FORMATS = ("table", "nagios")


@dataclass(frozen=True)
class Option:
    """
    One option, which means the same in every run that takes it.

    + kind: bool, int, float or str
    + default: when it is not given
    + least, most: the range of a number, both allowed
    + words: those that it takes; empty: any
    """

    name: str
    kind: type[bool | int | float | str]
    default: bool | int | float | str
    least: float = -math.inf
    most: float = math.inf
    words: Collection[str] = ()

    def problem(self, value: Any) -> str | None:
        """Why a value is none of this option, as a finding has it. + value: as pyinfra read it"""
        if value == "":
            return "is given without a value"
        if self.kind is float and type(value) is int:
            return self._range_problem(value)
        if type(value) is not self.kind:
            return f"{value!r} is not {MEANINGS[self.kind]}"
        if self.words and value not in self.words:
            return f"{value} is none of {', '.join(self.words)}"
        return self._range_problem(value) if isinstance(value, int | float) and self.kind is not bool else None

    def _range_problem(self, value: float) -> str | None:
        if self.least <= value <= self.most:
            return None
        return f"{value:g} is below {self.least:g}" if value < self.least else f"{value:g} is above {self.most:g}"


def _flag(name: str) -> Option:
    return Option(name, bool, False)


def _word(name: str) -> Option:
    return Option(name, str, "")


OPTIONS: dict[str, Option] = {
    option.name: option
    for option in (
        *map(
            _flag,
            (
                "adopt",
                "all",
                "allow_no_failover",
                "backups",
                "break_lock",
                "cancel",
                "exclusive",
                "force",
                "latest",
                "probe",
            ),
        ),
        *map(_flag, ("restart", "skip_archiving", "source_is_lost", "wipe")),
        *map(
            _word, ("candidate", "confirm", "from", "lsn", "name", "node", "rotate", "set", "since", "source", "time")
        ),
        *map(_word, ("export", "host", "until", "without")),
        Option("component", str, "", words=LOG_COMPONENTS),
        Option("by", str, "restart", words=("restart", "switchover")),
        Option("hold_clients", bool, True),
        Option("transactions", str, "abort", words=("abort", "wait", "terminate")),
        _word("without_pool"),
        Option("drain_seconds", int, 10, least=0, most=HOUR_SECONDS),
        Option("format", str, "table", words=(*PORT_FORMATS, *CHECK_FORMATS[1:])),
        Option("repository", int, 0, least=1, most=MOST),
        Option("runs", int, 10, least=1, most=10_000),
        Option("seconds", float, 10, least=1, most=HOUR_SECONDS),  # the most are some 300 000 rows
        Option("timeline", int, 0, least=1, most=2**32 - 1),
        Option("picture", str, "probe"),
        Option("to", str, "doctor"),
        Option("type", str, "incr", words=TYPES),
    )
}

# Names of earlier versions, each with today's. They work until 0.3.0, with a word about it.
RENAMED: dict[str, str] = {"alone": "allow_no_failover", "unarchived": "skip_archiving"}

# Of every run that restarts the primary, or lets another member lead.
_POOLS = ("hold_clients", "transactions", "without_pool")
_RESTART = ("without", "allow_no_failover", "probe", "picture", "force", *_POOLS)
# By the name of the deploy file. Every run has its line here, also one that takes nothing.
RUNS: dict[str, tuple[str, ...]] = {
    "add_node": (),
    "backup": ("type",),
    "check": ("format",),
    "cluster": ("adopt", "rotate"),
    "configure": ("restart", *_RESTART),
    "destroy": ("confirm", "wipe", "backups"),
    "doctor": ("since", "to"),
    "etcd_reinit": ("node",),
    "etcd_restore": ("from", "without", "confirm"),
    "etcd_snapshot": (),
    "failover": ("candidate", "confirm"),
    "journal": ("runs", "since"),
    "logs": ("since", "until", "host", "component", "all"),
    "monitoring": ("export",),
    "move_node": ("node", "drain_seconds", "force", *_POOLS),
    "pause": (),
    "ports": ("format",),
    "probe": ("seconds", "picture"),
    "promote": ("confirm", "source_is_lost", "force"),
    "reinit_node": ("node", "force"),
    "remove_node": ("node", "wipe", "allow_no_failover", "drain_seconds", "force", *_POOLS),
    "replace_node": ("node",),
    "restart": ("node", "by", *_RESTART),
    "restart_pending": _RESTART,
    "restore": (
        *("latest", "time", "lsn", "name", "set", "exclusive", "timeline", "node", "repository", "skip_archiving"),
        *("confirm", "cancel", "source"),
    ),
    "resume": (),
    "start": ("without",),
    "status": (),
    "stop": ("confirm", "force"),
    "switchover": ("candidate", "without", "probe", "picture", "force", *_POOLS),
    "verify_backup": ("set",),
}

# Where a run takes fewer words for an option than there are.
_WORDS_OF: Mapping[tuple[str, str], Collection[str]] = {
    ("check", "format"): CHECK_FORMATS,
    ("ports", "format"): PORT_FORMATS,
}

# What every run that acts may be told besides.
OF_EVERY_RUN = ("break_lock",)
# They change nothing that another run relies on, so they take no lock and wait for none.
_LOOKING = ("check", "doctor", "journal", "logs", "monitoring", "ports", "probe", "status")


def looks_only(run: str) -> bool:
    """Whether a run may go on beside any other. + run: name of its deploy file"""
    return run in _LOOKING


def options_of(run: str) -> tuple[str, ...]:
    """All that a run may be told. + run: name of its deploy file"""
    return RUNS[run] if looks_only(run) else (*RUNS[run], *OF_EVERY_RUN)


def option_findings(runs: Iterable[str], given: Mapping[str, Any]) -> list[Finding]:
    """
    What is wrong with the words after ``--data``: a name that is neither an option of these runs nor a setting, and a
    value that an option cannot have.

    + runs: names of the deploy files; one that is not of this project may take anything
    + given: the words by name, values as pyinfra read them
    """
    named = list(runs)
    if not set(named) <= set(RUNS):
        return []
    taken = [name for run in named for name in options_of(run)]
    today = {RENAMED.get(name, name): value for name, value in given.items()}
    return [*_unknown(named, taken, today), *_impossible(named, taken, today), *_twice(given)]


def renamed_words(given: Mapping[str, Any]) -> list[str]:
    """What to say of options that are given by an earlier name. + given: the words by name"""
    return [
        f"--data {old} is called {new} since 0.2.0; the old name works until 0.3.0"
        for old, new in RENAMED.items()
        if old in given
    ]


def _twice(given: Mapping[str, Any]) -> Iterator[Finding]:
    for old, new in RENAMED.items():
        if old in given and new in given:
            yield Finding(WHERE, old, f"is an earlier name of {new}, which is given, too", f"Omit --data {old}.")


def _unknown(runs: Collection[str], taken: Collection[str], given: Mapping[str, Any]) -> Iterator[Finding]:
    files = " and ".join(f"{run}.py" for run in runs)
    for name in given:
        if name not in taken and name not in Settings.model_fields and not name.startswith(FOREIGN_PREFIXES):
            yield Finding(WHERE, name, f"is neither an option of {files} nor a setting", _meant(name, taken))


def _meant(name: str, taken: Collection[str]) -> str:
    close = difflib.get_close_matches(name, [*taken, *Settings.model_fields], n=1)
    others = sorted(run for run in RUNS if name in options_of(run))
    if others:
        return f"It is an option of {', '.join(f'{run}.py' for run in others)}. {_listed(taken)}"
    return f"Did you mean {close[0]}? {_listed(taken)}" if close else _listed(taken)


def _listed(taken: Collection[str]) -> str:
    return f"This run takes {', '.join(sorted(taken)) or 'no option'}; settings stand in docs/settings.md."


def _impossible(runs: Iterable[str], taken: Iterable[str], given: Mapping[str, Any]) -> Iterator[Finding]:
    for name in dict.fromkeys(taken):
        if name not in given:
            continue
        words = next((_WORDS_OF[run, name] for run in runs if (run, name) in _WORDS_OF), OPTIONS[name].words)
        problem = replace(OPTIONS[name], words=words).problem(given[name])
        if problem is not None:
            yield Finding(WHERE, name, problem, f"Correct --data {name}, or omit it.")
