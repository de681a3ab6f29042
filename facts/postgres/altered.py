"""What ALTER SYSTEM has put into a member's files, read while PostgreSQL is down."""

from __future__ import annotations

import re
from shlex import quote

from facts.answer import Answer

FILE = "postgresql.auto.conf"


class PostgresAltered(Answer[dict[str, str]]):
    """
    The parameters in postgresql.auto.conf, which win over the configuration of the cluster: ``{name: value as it
    stands there}``; of one that stands there twice the last, as PostgreSQL has it.

    + data: the data directory
    """

    def command(self, data: str) -> str:
        """A file that is not there alters nothing; one that cannot be read is an error."""
        path = quote(f"{data}/{FILE}")
        return f"[ ! -e {path} ] || cat {path}"

    @staticmethod
    def default() -> dict[str, str]:
        """Nothing stands there."""
        return {}

    def parsed(self, output: list[str]) -> dict[str, str]:
        """PostgreSQL writes one a line."""
        lines = (re.match(r"\s*([A-Za-z_][\w.]*)\s*=?\s*(.+?)\s*$", line) for line in output)
        return {found[1].lower(): found[2].strip("'").replace("''", "'") for found in lines if found}
