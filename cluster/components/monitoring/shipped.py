"""What this repository ships for a Prometheus: rules, dashboards, and which alerts silence others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.components.rendering import template

SHIPPED = Path(__file__).parents[3] / "monitoring"
FALLBACK = "targets.yml"
_LIMIT = re.compile(r'(record: "limit:([a-z_:]+)", expr: )"[^"]+"')


def rules(limits: Mapping[str, float]) -> dict[str, str]:
    """
    The files of rules by name; where none is shipped, one that tells of what is not reached.

    + limits: with which the alerts compare, where another number is declared, by name
    """
    found = {path.name: _limited(path.read_text(), limits) for path in sorted((SHIPPED / "rules").glob("*.yml"))}
    return found or {FALLBACK: template("monitoring/rules.yml")}


def _limited(text: str, limits: Mapping[str, float]) -> str:
    def declared(one: re.Match[str]) -> str:
        return f'{one[1]}"{limits[one[2]]:g}"' if one[2] in limits else one[0]

    return _LIMIT.sub(declared, text)


def limit_names() -> list[str]:
    """The limits with which the alerts compare."""
    return [one[2] for path in sorted((SHIPPED / "rules").glob("*.yml")) for one in _LIMIT.finditer(path.read_text())]


def dashboards() -> dict[str, str]:
    """Grafana's dashboards by the name of their file."""
    return {path.name: path.read_text() for path in sorted((SHIPPED / "dashboards").glob("*.json"))}


def inhibit_rules() -> list[dict[str, Any]]:
    """Which alerts silence which others, as Alertmanager has it."""
    path = SHIPPED / "alertmanager_inhibit.yml"
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["inhibit_rules"] if path.exists() else []
    return found
