"""How a member's Patroni gets on with etcd, and how often leaders change."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

from cluster.observed.health import SeenPatroniHealth
from facts.answer import Answer

_ASK = (Path(__file__).parents[1] / "on_host" / "patroni_health.py").read_text()


class PatroniHealth(Answer[SeenPatroniHealth | None]):
    """Whether it leads by the failsafe mode, when it last saw etcd, and the elections; None when it does not answer."""

    def command(self) -> str:
        """Read-only calls need no login."""
        return f"if [ -e /etc/patroni/config.yml ]; then python3 -c {quote(_ASK)}; else echo null; fi"

    def parsed(self, output: list[str]) -> SeenPatroniHealth | None:
        """One line of JSON."""
        said: SeenPatroniHealth | None = json.loads(output[-1])
        return said
