"""Declared parameters that the running PostgreSQL would not take: found before they are written anywhere."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from cluster.findings import Finding
from cluster.observed import SeenParameter
from cluster.parameters import CONTROLLED, normal

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
    found = [
        (name, f"{name} {value!r}", each) for name, value in given.items() for each in _problems(name, value, catalog)
    ]
    if not found:
        found = list(_contradictions(given, catalog, members))
    return [Finding(where, PARAMETERS, f"{what} {problem}", _hint(name, catalog)) for name, what, problem in found]


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
    elif known["type"] == "enum" and meant not in map(str.lower, known["words"]):
        yield f"is none of {', '.join(known['words'])}"


def _outside(meant: float, known: SeenParameter) -> Iterable[str]:
    unit = f" ({known['unit']})" if known["unit"] else ""
    digits = ".0f" if known["type"] == "integer" else "g"
    if known["least"] is not None and meant < known["least"]:
        yield f"is below {known['least']:{digits}}{unit}"
    if known["most"] is not None and meant > known["most"]:
        yield f"is above {known['most']:{digits}}{unit}"


def _contradictions(
    given: Mapping[str, object], catalog: Mapping[str, SeenParameter], members: int
) -> Iterable[tuple[str, str, str]]:
    """What each value allows for itself and PostgreSQL does not start with, or the cluster cannot live with."""

    def number(name: str) -> int:
        if name not in catalog:  # reserved_connections came with PostgreSQL 16
            return 0
        # Without a value of its own in the configuration, Patroni has one for it.
        otherwise = CONTROLLED[name][0] if name in CONTROLLED else catalog[name]["setting"]
        return int(normal(given.get(name, otherwise), "integer"))

    reserved = number("superuser_reserved_connections") + number("reserved_connections")
    connections, senders = number("max_connections"), number("max_wal_senders")
    if reserved >= connections:
        what = f"leaves no connection beside the {reserved} reserved ones"
        yield "max_connections", f"max_connections {connections}", what
    if senders < members + 1:
        what = f"is too few for {members - 1} standbys, a clone and a backup: {members + 1}"
        yield "max_wal_senders", f"max_wal_senders {senders}", what


def _hint(name: str, catalog: Mapping[str, SeenParameter]) -> str:
    close = [] if name in catalog else difflib.get_close_matches(name, catalog, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}?"
    return "Change it in postgres_parameters; https://www.postgresql.org/docs/current/runtime-config.html"
