"""What has to be PATCHed so that Patroni's dynamic configuration is the declared one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.observed.postgres import SeenParameter
from cluster.parameters.values import normal
from cluster.parameters.words import shown_date_style


def config_patch(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> dict[str, Any]:
    """
    The smallest PATCH that makes the observed configuration hold everything declared; empty when it does.

    What is observed and not declared is left alone: ``pause``, ``slots``, or a parameter that somebody set by hand in
    an emergency. A declared None takes a key away.

    + observed: the body of GET /config
    """
    patch: dict[str, Any] = {}
    for key, value in declared.items():
        seen = observed.get(key)
        if isinstance(value, Mapping):
            inner = config_patch(value, seen if isinstance(seen, Mapping) else {})
            if inner:
                patch[key] = inner
        elif not same(value, seen):
            patch[key] = value
    return patch | dict.fromkeys(_twins(declared, observed))


def _twins(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> Iterator[str]:
    """Names that mean a declared one in other letters: Patroni does not mind upper and lower case, and takes either."""
    return (name for name in observed if name not in declared and name.lower() in declared)


def same(declared: Any, observed: Any) -> bool:
    """Whether two values of a setting mean the same, however they are written."""
    # As Patroni compares: 100 and "100" are the same, and so are True and "on" for PostgreSQL.
    if declared is None or observed is None or isinstance(declared, list):
        return bool(declared == observed)
    return _text(declared) == _text(observed)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return {"true": "on", "false": "off"}.get(str(value).lower(), str(value))


def without_absences(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration to begin a cluster with: a declared None has nothing to take away yet."""
    return {
        key: without_absences(value) if isinstance(value, Mapping) else value
        for key, value in configuration.items()
        if value is not None
    }


def undeclared_parameters(declared: Mapping[str, Any], observed: Mapping[str, Any]) -> list[str]:
    """PostgreSQL parameters in the observed configuration that nobody declares; they are left alone, and named."""
    seen, ours = observed.get("postgresql", {}).get("parameters", {}), declared["postgresql"]["parameters"]
    return sorted(name for name in seen if name not in ours and name.lower() not in ours)


def changed_names(patch: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The names in a patch as a person would say them, e.g. ``max_connections``, ``ttl``."""
    names: list[str] = []
    for key, value in patch.items():
        names += changed_names(value) if isinstance(value, Mapping) else [key]
    return names


def file_error(seen: Mapping[str, Any]) -> str:
    """A line of PostgreSQL's files that it would not take, as a sentence. + seen: one of ``FileErrors``"""
    place = f"{seen['file']}, line {seen['line']}" if seen["line"] is not None else seen["file"]
    what = f"{seen['name']}: " if seen["name"] else ""
    return f"{place}: {what}{seen['error']}"


def undoing_patch(
    patch: Mapping[str, Any], observed: Mapping[str, Any], errors: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """
    What takes back that part of a patch which PostgreSQL would not take; empty when it is none of the patch's.

    + observed: the configuration before the patch
    + errors: ``FileErrors`` of all members after it
    """
    seen = list(errors)
    sent, before = patch.get("postgresql", {}), observed.get("postgresql", {})
    undone: dict[str, Any] = {}
    if "pg_hba" in sent and any(one["file"] == "pg_hba.conf" for one in seen):
        undone["pg_hba"] = before.get("pg_hba")
    wrong = {str(one["name"]).lower() for one in seen}
    names = [name for name in sent.get("parameters", {}) if name.lower() in wrong]
    if names:
        undone["parameters"] = {name: before.get("parameters", {}).get(name) for name in names}
    return {"postgresql": undone} if undone else {}


# The one word that PostgreSQL takes, lists, and shows as another.
_SHOWN_AS = {("wal_compression", "on"): "pglz"}
# Of these each session is shown its own: those of the socket by which it is asked, or of its client.
_OF_A_SESSION = frozenset(
    {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout", "client_encoding"}
)
# Patroni gives these to standbys alone, and takes them from a leader.
_OF_STANDBYS = frozenset(
    {"archive_cleanup_command", "recovery_end_command", "recovery_min_apply_delay", "restore_command"}
)


@dataclass(frozen=True)
class Change:
    """
    One PostgreSQL parameter in a patch.

    + old, new: as the configuration has them; None where it does not
    + waits: active only after a restart
    """

    name: str
    old: Any
    new: Any
    waits: bool

    def __str__(self) -> str:
        old, new = ("(unset)" if value is None else value for value in (self.old, self.new))
        return f"{self.name} {old} -> {new}"

    def setting(self, catalog: Mapping[str, SeenParameter]) -> str | float | None:
        """
        The new value as PostgreSQL will show it; None where no question of ours can tell.

        + catalog: ``PostgresCatalog``
        """
        name, known = self.name.lower(), catalog.get(self.name.lower())
        if name in _OF_A_SESSION or self.new is None:
            return None
        if known is None:
            return str(self.new)
        meant = normal(self.new, known["type"], known["unit"])
        if isinstance(meant, float):
            return f"{int(meant):04o}" if re.fullmatch("0[0-7]{3}", known["setting"]) else _raised(name, meant, catalog)
        return _shown_text(name, meant)

    def is_there(self, *, leads: bool) -> bool:
        """Whether a member has the parameter at all. + leads: it is the leader"""
        return not (leads and self.name.lower() in _OF_STANDBYS)


def _raised(name: str, meant: float, catalog: Mapping[str, SeenParameter]) -> float:
    # PostgreSQL raises it by itself: check_autovacuum_work_mem() of src/backend/postmaster/autovacuum.c
    if name != "autovacuum_work_mem" or meant < 0 or "maintenance_work_mem" not in catalog:
        return meant
    return max(meant, catalog["maintenance_work_mem"]["least"] or 0)


def _shown_text(name: str, meant: str) -> str | None:
    if name == "datestyle":
        return shown_date_style(meant)
    if name in ("timezone", "log_timezone") and not meant[:1].isalpha():
        return None  # an offset, which is shown in a way of PostgreSQL's own
    return _SHOWN_AS.get((name, meant), meant)


def changes_of(
    patch: Mapping[str, Any], observed: Mapping[str, Any], catalog: Mapping[str, SeenParameter]
) -> list[Change]:
    """
    The PostgreSQL parameters in a patch, each with when it becomes active.

    + observed: the configuration before it
    + catalog: ``PostgresCatalog``; a parameter it does not know belongs to an extension and is read when that loads
    """
    before = observed.get("postgresql", {}).get("parameters", {})
    waiting = {name for name, known in catalog.items() if known["context"] == "postmaster"}
    # Until something archives, the command is shown as "(disabled)".
    archiving = catalog.get("archive_mode")
    waiting |= {"archive_command"} if archiving is not None and archiving["setting"] == "off" else set()
    return [
        Change(name, before.get(name), value, name.lower() in waiting)
        for name, value in patch.get("postgresql", {}).get("parameters", {}).items()
    ]


def values_of(
    patch: Mapping[str, Any], observed: Mapping[str, Any], changes: Iterable[Change]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    The values before and after a patch, by name, as far as one word says them: of parameters, and of Patroni's settings
    that are numbers or switches.

    + observed: the configuration before it; + changes: ``changes_of`` the same patch
    """
    listed = list(changes)
    own = [name for name, value in patch.items() if isinstance(value, int | float | None)]
    before = {name: observed.get(name) for name in own if isinstance(observed.get(name), int | float | None)}
    after = {name: patch[name] for name in before}
    return {**before, **{one.name: one.old for one in listed}}, {**after, **{one.name: one.new for one in listed}}


def merged(configuration: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """What Patroni makes of a configuration and a PATCH."""
    result = dict(configuration)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            inner = result.get(key)
            result[key] = merged(inner if isinstance(inner, Mapping) else {}, value)
        else:
            result[key] = value
    return result
