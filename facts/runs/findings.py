"""When a host last judged itself."""

from __future__ import annotations

from cluster.components.findings.component import METRICS, SERVICE
from cluster.observed.host import SeenJudgement
from facts.answer import Answer

_ASK = f"""
echo "now|$(date +%s)"
[ ! -e {METRICS} ] || echo "at|$(stat -c %Y {METRICS})"
systemctl show -p Result {SERVICE} | sed 's/=/|/'
"""


class OwnJudgement(Answer[SeenJudgement]):
    """When it wrote its metrics, and how the last attempt ended."""

    def command(self) -> str:
        """One shell script for all of it."""
        return _ASK

    def parsed(self, output: list[str]) -> SeenJudgement:
        """A word a line, with its value."""
        told = dict(line.split("|", 1) for line in output)
        at = int(told["at"]) if "at" in told else None
        return {"now": int(told["now"]), "at": at, "result": told["Result"]}
