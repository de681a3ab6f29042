"""Whether every member has the locales and time zones that are declared: PostgreSQL starts nowhere without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.declared.owned_parameters import PARAMETERS
from cluster.findings import Finding

Picture = Mapping[str, Any]

LOCALE = "postgres_locale"
_MESSAGES = ("lc_messages", "lc_monetary", "lc_numeric", "lc_time")
_ZONES = ("timezone", "log_timezone")
# Every C library has these, and sorts the same with them.
_EVERYWHERE = re.compile(r"|C|POSIX|C\.(UTF-?8|utf-?8)")
# Others are offsets and rules of their own, in which PostgreSQL reads all that they say.
_ZONE = re.compile(r"[A-Za-z][A-Za-z_+-]*|[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)+")
_UTF8 = "UTF-8"


def locale_question(cluster: Cluster) -> dict[str, list[str]]:
    """What has to be asked of a member, as arguments of ``HostPicture``; nothing where every host has all of it."""
    names, zones = sorted({value for _, value in _locales(cluster)}), sorted({value for _, value in _zones(cluster)})
    return {"locales": names, "zones": zones} if names or zones else {}


def _locales(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """What is declared and not on every host: the setting or parameter, and its value."""
    settings = cluster.settings
    said = [(LOCALE, settings.postgres_locale), *((name, settings.postgres_parameters.get(name)) for name in _MESSAGES)]
    return ((name, str(value)) for name, value in said if value is not None and not _EVERYWHERE.fullmatch(str(value)))


def _zones(cluster: Cluster) -> Iterator[tuple[str, str]]:
    said = ((name, cluster.settings.postgres_parameters.get(name)) for name in _ZONES)
    return ((name, str(value)) for name, value in said if value is not None and _ZONE.fullmatch(str(value)))


def locale_findings(cluster: Cluster, reached: Mapping[str, Picture]) -> list[Finding]:
    """Locales, their encodings and time zones that a member does not have. + reached: ``HostPicture`` by host name"""
    seen = {node.name: reached[node.name].get("locales") for node in cluster.members if node.name in reached}
    return [found for name, one in seen.items() if one for found in _findings(cluster, name, one)]


def _findings(cluster: Cluster, host: str, seen: Picture) -> Iterator[Finding]:
    for name, value in _locales(cluster):
        encoding = seen["encodings"].get(value)
        if encoding == "":
            problem = f"the locale {value} is not on this host, and PostgreSQL does not start without it"
            yield Finding(host, _declared_as(name), _named(name, problem), _way(value, seen["there"]))
        elif encoding not in (None, _UTF8) and name == LOCALE:
            problem = f"the locale {value} has the encoding {encoding} here, and the databases have UTF8"
            yield Finding(host, LOCALE, problem, f"Declare one with that encoding, e.g. {generated(value)}.")
    for name, value in _zones(cluster):
        if seen["zones"].get(value) is False:
            hint = "`timedatectl list-timezones` there names them; older names, as US/Eastern, are in tzdata-legacy."
            yield Finding(host, PARAMETERS, f"{name} {value!r} is no time zone of this host", hint)


def _declared_as(name: str) -> str:
    return LOCALE if name == LOCALE else PARAMETERS


def _named(name: str, problem: str) -> str:
    return problem if name == LOCALE else f"{name}: {problem}"


def generated(value: str) -> str:
    """The name of a locale in Debian's list of those with UTF-8, e.g. ``de_DE.UTF-8``. + value: as it is declared"""
    language, _, modifier = value.partition("@")
    language = language.partition(".")[0]
    return f"{language}@{modifier}" if modifier and modifier != "euro" else f"{language}.{_UTF8}"


def _way(value: str, there: Iterable[str]) -> str:
    name = generated(value)
    line = f"{name} {_UTF8}"
    command = f"apt-get install -y locales && echo '{line}' >> /etc/locale.gen && locale-gen"
    has = ", ".join(one for one in there if "utf8" in one.lower())
    return f"As root there: `{command}`; or declare one that every member has; here are {has or 'C and POSIX'}."


def glibc_remarks(cluster: Cluster, pictures: Mapping[str, Picture | None]) -> Iterator[Finding]:
    """Members whose C libraries may sort differently in the declared locale. + pictures: ``HostPicture`` by name"""
    if _EVERYWHERE.fullmatch(cluster.settings.postgres_locale):
        return
    seen = {node.name: pictures.get(node.name) for node in cluster.members}
    versions = {name: str(one["locales"]["glibc"]) for name, one in seen.items() if one and one.get("locales")}
    if len({version for version in versions.values() if version}) > 1:
        listed = ", ".join(f"{name} has {version}" for name, version in versions.items())
        hint = (
            "Bring all to one release soon; after a switchover `reindex database` what sorts text. "
            "See docs/runs/check.md."
        )
        problem = f"glibc differs between members, and may sort {cluster.settings.postgres_locale} otherwise: {listed}"
        yield Finding(cluster.name, "glibc", problem, hint)


def drill_remarks(cluster: Cluster, pictures: Mapping[str, Picture | None]) -> Iterator[Finding]:
    """A repository host that lacks what PostgreSQL needs to start a restored backup. + pictures: by host name"""
    host, when = cluster.repository, cluster.settings.pgbackrest_drill_schedule
    if host is not None and when is not None and host not in cluster.members:
        seen = (pictures.get(host.name) or {}).get("locales")
        yield from _findings(cluster, host.name, seen) if seen else ()
