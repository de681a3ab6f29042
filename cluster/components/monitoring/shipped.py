"""What this repository ships for a Prometheus: rules, dashboards, and which alerts silence others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cluster.components.rendering import template

SHIPPED = Path(__file__).parents[3] / "monitoring"
FALLBACK = "targets.yml"


def rules() -> dict[str, str]:
    """The files of rules by name; where none is shipped, one that tells of what is not reached."""
    found = {path.name: path.read_text() for path in sorted((SHIPPED / "rules").glob("*.yml"))}
    return found or {FALLBACK: template("monitoring/rules.yml")}


def dashboards() -> dict[str, str]:
    """Grafana's dashboards by the name of their file."""
    return {path.name: path.read_text() for path in sorted((SHIPPED / "dashboards").glob("*.json"))}


def inhibit_rules() -> list[dict[str, Any]]:
    """Which alerts silence which others, as Alertmanager has it."""
    path = SHIPPED / "alertmanager_inhibit.yml"
    found: list[dict[str, Any]] = yaml.safe_load(path.read_text())["inhibit_rules"] if path.exists() else []
    return found
