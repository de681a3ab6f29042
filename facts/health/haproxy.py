"""How many clients each port of HAProxy has, of those that it takes."""

from __future__ import annotations

import csv

from pyinfra.api.exceptions import FactProcessError

from cluster.components.haproxy import runtime_query
from facts.answer import Answer

COLUMNS = {"pxname", "scur", "slim"}


class HaproxySessions(Answer[dict[str, tuple[int, int]] | None]):
    """By section the sessions and their limit; None when HAProxy is down."""

    @staticmethod
    def default() -> None:
        """HAProxy does not run."""

    def command(self) -> str:
        """One question; silence where the unit is not up."""
        # The arguments of "show stat": all sections, rows of what takes clients only.
        return f"if systemctl is-active --quiet haproxy; then {runtime_query('show stat -1 1 -1')}; fi"

    def parsed(self, output: list[str]) -> dict[str, tuple[int, int]]:
        """The rows by section."""
        rows = csv.DictReader([line.removeprefix("# ") for line in output if line])
        if missing := COLUMNS - set(rows.fieldnames or ()):
            raise FactProcessError(f"HAProxy's statistics lack {', '.join(sorted(missing))}: {output[0][:80]}")
        return {row["pxname"]: (int(row["scur"] or 0), int(row["slim"] or 0)) for row in rows}
