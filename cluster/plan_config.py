"""What has to be PATCHed so that Patroni's dynamic configuration is the declared one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
        elif not _same(value, seen):
            patch[key] = value
    return patch


def _same(declared: Any, observed: Any) -> bool:
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
    seen = observed.get("postgresql", {}).get("parameters", {})
    return sorted(set(seen) - set(declared["postgresql"]["parameters"]))


def changed_names(patch: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The names in a patch as a person would say them, e.g. ``max_connections``, ``ttl``."""
    names: list[str] = []
    for key, value in patch.items():
        names += changed_names(value) if isinstance(value, Mapping) else [key]
    return names
