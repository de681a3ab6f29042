"""Where the dynamic configuration in etcd is not what is declared: what ``cluster.py`` would change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.patroni_dynamic import configuration_for
from cluster.declared.tuning import Resources, derived_parameters
from cluster.plans.configure import config_patch, undeclared_parameters


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """The difference, setting by setting, and the parameters that nobody declares."""
    config = overview.patroni["config"] if overview.patroni else None
    declared = _declared(overview)
    if config is None or declared is None:
        return
    name, patch = overview.cluster.name, config_patch(declared, config)
    for path, value in sorted(_leaves(patch)):
        yield check_finding("configuration-differs", name, _difference(path, value, config))
    if left := sorted(set(undeclared_parameters(declared, config)) - _derived_names()):
        yield check_finding("parameter-undeclared", name, f"undeclared: {', '.join(left)}")


def declared_parameters(overview: Overview) -> dict[str, Any]:
    """PostgreSQL's parameters as ``cluster.py`` would send them; none while no member says what it has."""
    declared = _declared(overview)
    return {} if declared is None else dict(declared["postgresql"]["parameters"])


def _declared(overview: Overview) -> dict[str, Any] | None:
    """
    As ``cluster.py`` would send it. The derived part comes from what the members have; while one of them is silent,
    that is not known, and nothing is said about it.
    """
    cluster = overview.cluster
    resources = [seen for node in cluster.members if (seen := overview.answer(node, "resources"))]
    if not resources:
        return None
    declared = configuration_for(cluster, resources)
    if len(resources) < len(cluster.members):
        unknown = _derived_names() - set(cluster.settings.postgres_parameters)
        parameters = declared["postgresql"]["parameters"]
        known = {name: value for name, value in parameters.items() if name not in unknown}
        declared["postgresql"]["parameters"] = known
    return declared


def _derived_names() -> set[str]:
    return set(derived_parameters(Resources(4096, 4, 100_000)))


def _leaves(patch: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterable[tuple[tuple[str, ...], Any]]:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _difference(path: tuple[str, ...], value: Any, config: Mapping[str, Any]) -> str:
    seen: Any = config
    for key in path:
        seen = seen.get(key) if isinstance(seen, Mapping) else None
    if isinstance(value, list):
        missing = [line for line in value if line not in (seen or [])]
        extra = [line for line in seen or [] if line not in value]
        return f"{path[-1]}: {len(missing)} declared lines are missing, {len(extra)} others are there"
    return f"{path[-1]} is {'absent' if seen is None else seen}, declared is {'absent' if value is None else value}"
