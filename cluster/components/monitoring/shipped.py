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


def rules(limits: Mapping[str, float], pages: str | None = None) -> dict[str, str]:
    """
    The files of rules by name; where none is shipped, one that tells of what is not reached.

    + limits: with which the alerts compare, where another number is declared, by name
    + pages: the URL below which ``docs/`` is, for the links of alerts; None: they are paths
    """
    shipped = {path.name: path.read_text() for path in sorted((SHIPPED / "rules").glob("*.yml"))}
    found = {name: _linked(_limited(text, limits), pages) for name, text in shipped.items()}
    return found or {FALLBACK: template("monitoring/rules.yml")}


def _limited(text: str, limits: Mapping[str, float]) -> str:
    def declared(one: re.Match[str]) -> str:
        return f'{one[1]}"{limits[one[2]]:g}"' if one[2] in limits else one[0]

    return _LIMIT.sub(declared, text)


def _linked(text: str, pages: str | None) -> str:
    return text if pages is None else text.replace("runbook_url: docs/", f"runbook_url: {pages.rstrip('/')}/docs/")


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
