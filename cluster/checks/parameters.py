"""Parameters that belong to this tool and run with another value, whoever set it; and the dangerous ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.configuration import declared_parameters
from cluster.checks.overview import Overview
from cluster.components.pgbackrest import RESTORE_COMMAND
from cluster.components.standby_cluster import SOURCE_RESTORE
from cluster.declared.model import Cluster, Node
from cluster.declared.owned_parameters import archives
from cluster.observed.postgres import SeenPostgres, SeenSetting
from cluster.parameters.owned import DANGERS, is_dangerous, owned
from cluster.parameters.values import same_value

AUTO = "postgresql.auto.conf"


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """What runs against what is declared, and what is dangerous though it is declared."""
    for node in overview.cluster.members:
        if (seen := overview.postgres(node)) is not None:
            for name, (problem, source) in overridden(overview, seen).items():
                yield check_finding("parameter-overridden", node.name, problem, name=name, source=source)
            yield from _accepted(overview.cluster, node, seen)


def overridden(overview: Overview, seen: SeenPostgres) -> dict[str, tuple[str, str]]:
    """
    The parameters of a member that have another value than they shall, by name: a sentence, and where they are set.

    + seen: its PostgreSQL
    """
    return dict(_overridden(overview.cluster, wanted_values(overview), seen))


def wanted_values(overview: Overview) -> dict[str, Any]:
    """What this tool sets of the parameters that are its own; those that Patroni keeps apart from the others, too."""
    cluster, declared = overview.cluster, declared_parameters(overview)
    command = RESTORE_COMMAND if cluster.repository is not None else SOURCE_RESTORE
    return {**declared, **({"restore_command": command} if archives(cluster) else {})}


def _overridden(
    cluster: Cluster, wanted: Mapping[str, Any], seen: SeenPostgres
) -> Iterator[tuple[str, tuple[str, str]]]:
    running, altered = seen.get("configured") or {}, seen["altered"]
    for name, one in running.items():
        if reason := _deviation(cluster, name, one, wanted.get(name)):
            yield name, (f"{name} runs with '{one['shown']}' from {one['source']}; {reason}", one["source"])
    for name, value in altered.items():
        # What ALTER SYSTEM has set becomes active later, where a restart has to come first.
        later: SeenSetting = {**running[name], "setting": value, "shown": value} if name in running else _as_text(value)
        is_later = name not in running or later["setting"] != running[name]["setting"]
        if is_later and (reason := _deviation(cluster, name, later, wanted.get(name))):
            yield name, (f"{name} = {value} is set in {AUTO}; {reason}", AUTO)


def _as_text(value: str) -> SeenSetting:
    text = {"setting": value, "shown": value, "type": "string", "source": AUTO}
    return cast(SeenSetting, {**text, "unit": None, "default": "", "pending": False})


def _deviation(cluster: Cluster, name: str, one: SeenSetting, wanted: Any) -> str | None:
    """Why a parameter must not have the value that it has; None when it may."""
    found = owned(name, archives=archives(cluster))
    if found is not None and wanted is not None:
        same = same_value(wanted, one["setting"], one["type"], one["unit"])
        return None if same else f"ours is '{wanted}': {found.reason}"
    if found is not None and found.absent:
        return None if one["setting"] in (one["default"] or "", "") else f"it is not to be set: {found.reason}"
    if is_dangerous(name, one["shown"]) and name not in cluster.settings.postgres_accepted_dangers:
        return f"not in postgres_accepted_dangers: {DANGERS[name].loss}"
    return None


def _accepted(cluster: Cluster, node: Node, seen: SeenPostgres) -> Iterator[CheckFinding]:
    for name, one in (seen.get("configured") or {}).items():
        if is_dangerous(name, one["shown"]) and name in cluster.settings.postgres_accepted_dangers:
            problem = f"{name} runs with '{one['shown']}', as it is declared: {DANGERS[name].loss}"
            yield check_finding("danger-accepted", node.name, problem, name=name)
