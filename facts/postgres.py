"""PostgreSQL's roles and databases, read on a member as the database's own superuser over the local socket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from shlex import quote

from pyinfra.api.exceptions import FactProcessError

from cluster.observed import SeenObjects
from facts.answer import Answer

PSQL = "cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql"

# Of a password only the salt and a digest of the verifier leave the host: enough to see whether it is the declared one.
_SQL = """
select json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'roles', (select json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'createdb', rolcreatedb, 'createrole', rolcreaterole, 'superuser', rolsuper,
      'monitor', pg_has_role(oid, 'pg_monitor', 'member'),
      'salt', case when rolpassword like 'SCRAM-SHA-256$%' then split_part(rolpassword, '$', 2) end,
      'verifier_sha256', encode(sha256(rolpassword::bytea), 'hex')))
    from pg_authid where rolname !~ '^pg_'),
  'databases', (select json_object_agg(datname, pg_get_userbyid(datdba)) from pg_database))
"""


class PostgresObjects(Answer[SeenObjects]):
    """
    ``{"in_recovery": bool, "roles": {name: {login, createdb, createrole, superuser, monitor, salt, verifier_sha256}},
    "databases": {name: owner}}``.

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int) -> str:
        """One query."""
        return f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_SQL.split()))}"

    def parsed(self, output: list[str]) -> SeenObjects:
        """One JSON object."""
        try:
            seen: SeenObjects = json.loads("".join(output))
        except ValueError as error:
            raise FactProcessError(f"psql's answer cannot be read: {error}") from error
        return seen


class RestartParameters(Answer[list[str]]):
    """
    Those of some parameters that PostgreSQL takes only at its start.

    + port: where PostgreSQL listens on this host
    + names: the parameters to ask about
    """

    def command(self, port: int, names: Sequence[str]) -> str:
        """One query."""
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
        sql = f"select name from pg_settings where context = 'postmaster' and name in ({listed}) order by name"
        return f"{PSQL} -p {port} -d postgres -c {quote(sql)}"

    def parsed(self, output: list[str]) -> list[str]:
        """One name a line."""
        return output
