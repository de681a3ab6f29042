"""Declared parameters that PostgreSQL would not take: found before any host is touched, and before they are written."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from cluster.components.patroni_dynamic import fixed_parameters
from cluster.declared.model import Cluster
from cluster.declared.owned_parameters import PARAMETERS, WHERE, refused
from cluster.declared.tuning import MAX_CONNECTIONS
from cluster.findings import Finding
from cluster.observed.postgres import SeenParameter
from cluster.parameters.catalogue import catalogue, shown_name, versions_with
from cluster.parameters.values import CONTROLLED, normal
from cluster.parameters.words import number_problems, octal_problem, text_problems, truth_problems

# What more than one server process of each kind adds up to at most: MAX_BACKENDS of PostgreSQL.
MOST_PROCESSES = 262143

# Of one statement PostgreSQL counts the whole or its stages.
_WHOLE, _STAGES = "log_statement_stats", ("log_parser_stats", "log_planner_stats", "log_executor_stats")

# What became of parameters that people bring along from elsewhere.
_NOW: Mapping[str, str] = {
    "checkpoint_segments": "max_wal_size",
    "force_parallel_mode": "debug_parallel_query",
    "sort_mem": "work_mem",
    "ssl_ecdh_curve": "ssl_groups",
    "vacuum_mem": "maintenance_work_mem",
    "wal_keep_segments": "wal_keep_size",
}


def declared_value_findings(cluster: Cluster) -> list[Finding]:
    """
    Every reason why the declared major version would not take what ``postgres_parameters`` says, as far as no host has
    to be asked: by the catalogue of that version. What ``declared_findings`` names already is left to it.
    """
    version, named = cluster.settings.postgres_version, {name for name, _ in refused(cluster)}
    parameters = cluster.settings.postgres_parameters
    declared = {name: value for name, value in parameters.items() if name not in named}
    known, members = catalogue(version), len(cluster.members)
    found = _declared_problems(declared, known, version)
    if not found:
        given = {"max_connections": MAX_CONNECTIONS, **fixed_parameters(), **_without_absences(declared)}
        found = list(_contradictions(given, known, members))
    return [
        Finding(WHERE, PARAMETERS, f"{what} {problem}", _hint(name, known, version)) for name, what, problem in found
    ]


def problems_of(name: str, value: object, version: int) -> list[str]:
    """
    Why a major version does not take a value, as far as no host has to be asked; nothing for a parameter that it does
    not know. + name: in lower case
    """
    known = catalogue(version).get(name)
    return [] if known is None else list(_value_problems(name, value, known))


def _declared_problems(
    declared: Mapping[str, object], catalog: Mapping[str, SeenParameter], version: int | None = None
) -> list[tuple[str, str, str]]:
    return [
        (name, f"{name} {value!r}", each)
        for name, value in _without_absences(declared).items()
        for each in _problems(name, value, catalog, version)
    ]


def _without_absences(declared: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in declared.items() if value is not None}


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
    found = _declared_problems(declared, catalog)
    if not found:
        found = list(_contradictions(_without_absences(declared), catalog, members))
    return [Finding(where, PARAMETERS, f"{what} {problem}", _hint(name, catalog)) for name, what, problem in found]


def _problems(name: str, value: object, catalog: Mapping[str, SeenParameter], version: int | None) -> Iterable[str]:
    known = catalog.get(name.lower())
    if known is None:
        # A name with a dot belongs to an extension, which may be loaded only later.
        if "." not in name:
            yield _absence(name, version)
    elif known["context"] == "internal":
        yield "cannot be set: it tells how the server was built"
    else:
        yield from _value_problems(name.lower(), value, known)


def _absence(name: str, version: int | None) -> str:
    if version is None:
        return "is no parameter of this PostgreSQL"
    others = " and ".join(map(str, versions_with(name)))
    return f"is no parameter of PostgreSQL {version}" + (f", but of {others}" if others else "")


def _value_problems(name: str, value: object, known: SeenParameter) -> Iterable[str]:
    try:
        meant = normal(value, known["type"], known["unit"])
    except ValueError as error:
        yield str(error)
        return
    if isinstance(meant, float):
        found = [*_outside(meant, known), *number_problems(name, meant)]
        octal = octal_problem(str(value)) if known["type"] == "integer" and not found else None
        yield from found or ([octal] if octal else [])
    elif known["type"] == "enum" and meant not in map(str.lower, known["words"]):
        yield f"is none of {', '.join(known['words'])}"
    elif known["type"] == "bool":
        yield from truth_problems(name, meant)
    elif known["type"] == "string":
        yield from text_problems(name, str(value))


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
    stages = [name for name in _STAGES if normal(given.get(name, "off"), "bool") == "on"]
    if stages and normal(given.get(_WHOLE, "off"), "bool") == "on":
        yield _WHOLE, f"{_WHOLE} {given[_WHOLE]!r}", f"does not go with {' and '.join(stages)}"
    launched = "autovacuum_worker_slots" if "autovacuum_worker_slots" in catalog else "autovacuum_max_workers"
    processes = connections + senders + number("max_worker_processes") + number(launched) + 1
    if processes > MOST_PROCESSES:
        what = f"makes {processes} processes with {launched}, max_worker_processes and max_wal_senders"
        yield "max_connections", f"max_connections {connections}", f"{what}; {MOST_PROCESSES} are the most"
    if reserved >= connections:
        what = f"leaves no connection beside the {reserved} reserved ones"
        yield "max_connections", f"max_connections {connections}", what
    if senders < members + 1:
        what = f"is too few for {members - 1} standbys, a clone and a backup: {members + 1}"
        yield "max_wal_senders", f"max_wal_senders {senders}", what


def _hint(name: str, catalog: Mapping[str, SeenParameter], version: int | None = None) -> str:
    close = [] if name in catalog else difflib.get_close_matches(name, catalog, n=1, cutoff=0.6)
    if name not in catalog and _NOW.get(name) in catalog:
        return f"It is called {_NOW[name]} there, or does its work."
    if name not in catalog and version is not None and versions_with(name):
        return f"Remove it from {PARAMETERS}; another postgres_version has it."
    if close:
        return f"Did you mean {shown_name(close[0])}?"
    return "Change it in postgres_parameters; https://www.postgresql.org/docs/current/runtime-config.html"
