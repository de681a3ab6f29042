"""Whether statements are counted on a member, and whether anybody can read the counts."""

from __future__ import annotations

import json
from shlex import quote

from facts.answer import Answer
from facts.postgres import PSQL

_SQL = """
select json_build_object('in_recovery', pg_is_in_recovery(),
  'loaded', current_setting('shared_preload_libraries') ~ '(^|[ ,/])"?pg_stat_statements"?( *,|$)',
  'created', exists(select from pg_extension where extname = 'pg_stat_statements'))
"""


class PostgresStatistics(Answer[dict[str, bool]]):
    """
    ``{"in_recovery": bool, "loaded": whether pg_stat_statements is, "created": whether its view is, in the database
    postgres}``.

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query."""
        return f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_SQL.split()))}"

    def parsed(self, output: list[str]) -> dict[str, bool]:
        """One JSON object."""
        seen: dict[str, bool] = json.loads("".join(output))
        return seen
