"""The databases of a living PostgreSQL, with what tells them from others of the same name."""

from __future__ import annotations

import json
from shlex import quote

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.pgbackrest import SeenDatabases
from facts.answer import Answer
from facts.postgres import PSQL

# Sizes of a standby are those of its primary, and cost a look at each file: they are asked of the primary alone.
_SQL = """
select json_build_object('in_recovery', pg_is_in_recovery(),
  'identifier', (select system_identifier::text from pg_control_system()),
  'databases', case when not pg_is_in_recovery() then
    (select json_object_agg(datname, json_build_object('oid', oid::bigint, 'bytes', pg_database_size(oid)))
      from pg_database where datallowconn) end)
"""

# Whether statements are counted on a member, and whether anybody can read the counts.
_STATISTICS = """
select json_build_object('in_recovery', pg_is_in_recovery(),
  'loaded', current_setting('shared_preload_libraries') ~ '(^|[ ,/])"?pg_stat_statements"?( *,|$)',
  'created', exists(select from pg_extension where extname = 'pg_stat_statements'))
"""


class PostgresDatabases(Answer[SeenDatabases | None]):
    """
    ``{"in_recovery": bool, "identifier": of the system, "databases": {name: {oid, bytes}} or None on a standby}``; None
    when PostgreSQL does not answer here.

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query. A member that is down is no failure: another one leads."""
        asked = f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_SQL.split()))}"
        return f"({asked}) || echo 'no answer'"

    def parsed(self, output: list[str]) -> SeenDatabases | None:
        """One JSON object, or the word that there is none."""
        if output[-1:] == ["no answer"]:
            return None
        try:
            seen: SeenDatabases = json.loads("".join(output))
        except ValueError as error:
            raise FactProcessError(f"psql's answer cannot be read: {error}") from error
        return seen


class PostgresStatistics(Answer[dict[str, bool]]):
    """
    ``{"in_recovery": bool, "loaded": whether pg_stat_statements is, "created": whether its view is, in the database
    postgres}``.

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query."""
        return f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_STATISTICS.split()))}"

    def parsed(self, output: list[str]) -> dict[str, bool]:
        """One JSON object."""
        seen: dict[str, bool] = json.loads("".join(output))
        return seen
