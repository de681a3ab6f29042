"""Declared parameters that the running PostgreSQL would not take: found before they are written anywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence

from cluster.findings import Finding
from cluster.observed import SeenParameter
from cluster.parameters import normal

PARAMETERS = "postgres_parameters"


def parameter_findings(
    declared: Mapping[str, object], catalog: Mapping[str, SeenParameter], members: int, where: str
) -> list[Finding]:
    """
    Every reason why PostgreSQL would ignore a declared parameter, or refuse to start with it.

    + declared: all parameters that shall be in the dynamic configuration; None takes one away and is always right
    + catalog: ``PostgresCatalog`` of a member
    + members: how many there are; each standby needs a WAL sender
    + where: the file to change
    """
    given = {name: value for name, value in declared.items() if value is not None}
    found = [(name, problem) for name, value in given.items() for problem in _problems(name, value, catalog)]
    if not found:
        found = list(_contradictions(given, catalog, members))
    return [
        Finding(where, PARAMETERS, f"{name} {given.get(name)!r} {problem}", _hint(name, catalog))
        for name, problem in found
    ]


def _problems(name: str, value: object, catalog: Mapping[str, SeenParameter]) -> Iterable[str]:
    known = catalog.get(name.lower())
    if known is None:
        # A name with a dot belongs to an extension, which may be loaded only later.
        if "." not in name:
            yield "is no parameter of this PostgreSQL"
    elif known["context"] == "internal":
        yield "cannot be set: it tells how the server was built"
    else:
        yield from _value_problems(value, known)


def _value_problems(value: object, known: SeenParameter) -> Iterable[str]:
    try:
        meant = normal(value, known["type"], known["unit"])
    except ValueError as error:
        yield str(error)
        return
    if isinstance(meant, float):
        yield from _outside(meant, known)
    elif known["type"] == "enum" and meant not in _words(known["words"]):
        yield f"is none of {', '.join(known['words'])}"


def _words(words: Sequence[str]) -> set[str]:
    # pg_settings hides further spellings of on and off.
    return {*map(str.lower, words), *(("yes", "no", "1", "0") if "on" in words else ())}


def _outside(meant: float, known: SeenParameter) -> Iterable[str]:
    unit = known["unit"] or ""
    if known["least"] is not None and meant < known["least"]:
        yield f"is below {known['least']:g}{unit and f' ({unit})'}"
    if known["most"] is not None and meant > known["most"]:
        yield f"is above {known['most']:g}{unit and f' ({unit})'}"


def _contradictions(
    given: Mapping[str, object], catalog: Mapping[str, SeenParameter], members: int
) -> Iterable[tuple[str, str]]:
    """What each value allows for itself and PostgreSQL does not start with, or the cluster cannot live with."""

    def number(name: str) -> float:
        if name not in catalog:  # reserved_connections came with PostgreSQL 16
            return 0
        return float(normal(given.get(name, catalog[name]["setting"]), "integer"))

    reserved = number("superuser_reserved_connections") + number("reserved_connections")
    if reserved >= number("max_connections"):
        yield "max_connections", f"leaves no connection beside the {reserved:g} reserved ones"
    if number("max_wal_senders") < members + 1:
        yield "max_wal_senders", f"is too few for {members - 1} standbys, a clone and a backup: {members + 1}"


def _hint(name: str, catalog: Mapping[str, SeenParameter]) -> str:
    close = [] if name in catalog else difflib.get_close_matches(name, catalog, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return "Change it in postgres_parameters; https://www.postgresql.org/docs/current/runtime-config.html"
