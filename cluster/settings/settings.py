"""The typed settings: one flat model, put together from one class a component, and the names nobody may mistype."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from cluster.findings import Finding
from cluster.settings.base import Strict
from cluster.settings.bgp import BgpSettings
from cluster.settings.certificates import CertificatesSettings
from cluster.settings.chrony import ChronySettings
from cluster.settings.cluster import ClusterSettings
from cluster.settings.etcd import EtcdSettings
from cluster.settings.findings import FindingsSettings
from cluster.settings.firewall import FirewallSettings
from cluster.settings.haproxy import HaproxySettings
from cluster.settings.journald import JournaldSettings
from cluster.settings.messages import meaning_of, problem_of, without_alternatives
from cluster.settings.monitoring import MonitoringSettings
from cluster.settings.packages import PackagesSettings
from cluster.settings.patroni import PatroniSettings
from cluster.settings.pgbackrest import PgbackrestSettings
from cluster.settings.pgbouncer import PgbouncerSettings
from cluster.settings.postgres import PostgresSettings
from cluster.settings.preflight import PreflightSettings
from cluster.settings.vip import VipSettings

# Where a setting is changed that is declared nowhere yet.
DEFAULTS = "group_data/all.py"

# What pyinfra's own connectors read from the same data; a name of theirs is never a mistyped name of ours.
FOREIGN_PREFIXES = ("ssh_", "docker_", "dockerssh_", "fake_", "local_", "winrm_", "terraform_", "vagrant_", "_")


class Settings(
    FindingsSettings,
    MonitoringSettings,
    BgpSettings,
    VipSettings,
    PgbackrestSettings,
    PgbouncerSettings,
    HaproxySettings,
    PatroniSettings,
    PostgresSettings,
    EtcdSettings,
    CertificatesSettings,
    ChronySettings,
    JournaldSettings,
    FirewallSettings,
    PackagesSettings,
    PreflightSettings,
    ClusterSettings,
):
    """Every setting of one host, validated. The reason and the unit of each stand in its field's description."""


# In the order of the manual.
COMPONENTS: tuple[type[Strict], ...] = tuple(
    part for part in reversed(Settings.__mro__) if issubclass(part, Strict) and part not in (Strict, Settings)
)
# Named as people say it. Prefixes of ours claim every name that begins so, and these are users' words as well.
UNPREFIXED = frozenset({"client_address", "client_network", "backup_address", "backup_network", "monitoring"})
PREFIXES = tuple(f"{part.__name__.removesuffix('Settings').lower()}_" for part in COMPONENTS)


def is_per_host(name: str) -> bool:
    """Whether a setting may differ between the hosts of one cluster."""
    extra = Settings.model_fields[name].json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("per_host"))


def unknown_names(data: Mapping[str, Any], origin: Mapping[str, str]) -> list[Finding]:
    """
    Names in the inventory's data that look like settings and are none: with a prefix of ours, or nearly a name of ours.

    + data: all data of one host
    + origin: the file that each name comes from
    """
    return [
        Finding(origin.get(name, DEFAULTS), name, "is not a setting", _suggestion(name))
        for name in data
        if name not in Settings.model_fields and _looks_like_ours(name)
    ]


def _looks_like_ours(name: str) -> bool:
    if name.startswith(FOREIGN_PREFIXES):
        return False
    return name.startswith(PREFIXES) or bool(difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.88))


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]}? All settings stand in docs/settings.md."
    return "Remove it, or look in docs/settings.md for the setting you mean."


def validated(data: Mapping[str, Any], origin: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """
    The settings of one host, or every reason why there are none.

    + data: all data of the host; names that are not settings are left alone here
    + origin: the file that each name comes from
    """
    known = {name: value for name, value in data.items() if name in Settings.model_fields}
    # One component after the other: pydantic stops at the first broken rule between settings, and all are to be named.
    findings = [_finding(item, origin) for component in COMPONENTS for item in _mistakes(component, known)]
    return (None, list(dict.fromkeys(findings))) if findings else (Settings.model_validate(known), [])


def _mistakes(component: type[Strict], data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        component.model_validate({name: value for name, value in data.items() if name in component.model_fields})
    except ValidationError as error:
        return without_alternatives(dict(item) for item in error.errors())
    return []


def _finding(item: Mapping[str, Any], origin: Mapping[str, str]) -> Finding:
    problem = problem_of(item)
    if not item["loc"]:
        return _rule_finding(problem, origin)
    name, *inner = [str(part) for part in item["loc"]]
    entry = f" (at {inner[0]})" if inner else ""
    hint = meaning_of(name, Settings.model_fields.get(name))
    return Finding(origin.get(name, DEFAULTS), name, f"{problem}{entry}", hint)


def _rule_finding(problem: str, origin: Mapping[str, str]) -> Finding:
    # A rule between settings has no place of its own: the first one that its sentence names is the one to change.
    names = [word for word in re.findall(r"\w+", problem) if word in Settings.model_fields]
    where = next((origin[name] for name in names if name in origin), DEFAULTS)
    listed = ", ".join(dict.fromkeys(names))
    return Finding(where, names[0], problem, f"Change one of {listed}; their meaning stands in docs/settings.md.")
