"""PostgreSQL's roles and databases, read on a member as the database's own superuser over the local socket."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Any

from pyinfra.api.exceptions import FactProcessError

from cluster.components.monitoring.exporter import USER as ROLE
from cluster.observed.postgres import SeenObjects, SeenParameter
from facts.answer import Answer

# One that is suspended, or whose disk hangs, takes the connection and never answers.
PSQL_SECONDS = 30
PSQL = "cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql"


def json_line(text: str) -> dict[str, Any]:
    """psql's one line of JSON. On the same stream the server may warn, e.g. of another collation version."""
    found: dict[str, Any] = json.loads(next((line for line in text.splitlines() if line.startswith("{")), text))
    return found


def control_lines(text: str) -> dict[str, str]:
    """What pg_controldata says, by its own words. https://www.postgresql.org/docs/current/app-pgcontroldata.html"""
    return dict(re.findall(r"^([^:\n]+):\s+(.*)$", text, re.MULTILINE))


# What tells apart who looks after a slot; the last two are there from PostgreSQL 17 on. The view is called ``s``.
SLOT = (
    "'name', slot_name, 'type', slot_type, 'database', database, 'plugin', plugin, 'temporary', temporary, "
    "'failover', coalesce((to_jsonb(s) ->> 'failover')::bool, false), "
    "'synced', coalesce((to_jsonb(s) ->> 'synced')::bool, false)"
)

# How PgBouncer looks up roles; null where it cannot. Who may do what is told by name, ``public`` for all.
_LOOKUP = """
select json_build_object('body', p.prosrc, 'definer', p.prosecdef, 'settings', p.proconfig,
  'owner', pg_get_userbyid(p.proowner), 'schema_owner', pg_get_userbyid(n.nspowner),
  'columns', (select coalesce(json_agg(attname order by attname), '[]') from pg_attribute, aclexplode(attacl) as given
    where attrelid = 'pg_authid'::regclass and given.grantee = to_regrole('pgbouncer_lookup')::oid),
  'executes', (select json_agg(distinct case grantee when 0 then 'public' else pg_get_userbyid(grantee) end)
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner)))),
  'uses', (select json_agg(distinct case grantee when 0 then 'public' else pg_get_userbyid(grantee) end)
    from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner)))),
  'connects', has_database_privilege(to_regrole('pgbouncer_auth')::oid, 'postgres', 'connect'))
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where p.oid = to_regprocedure('pgbouncer.user_lookup(text)')
"""

# The role of the exporters, or somebody else's of that name.
_MEASURING = f"""
select json_build_object('login', rolcanlogin, 'limit', rolconnlimit,
  'plain', not (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or rolpassword is not null),
  'comment', coalesce(shobj_description(a.oid, 'pg_authid'), ''),
  'memberships', (select coalesce(json_agg(pg_get_userbyid(roleid) order by 1), '[]')
    from pg_auth_members where member = a.oid))
from pg_authid as a where rolname = '{ROLE}'
"""

# Of a password only the salt and a digest of the verifier leave the host: enough to see whether it is the declared one.
_SQL = f"""
select json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'slots', (select coalesce(json_agg(json_build_object({SLOT}) order by slot_name), '[]') from pg_replication_slots s),
  'roles', (select json_object_agg(rolname, json_build_object(
      'login', rolcanlogin, 'createdb', rolcreatedb, 'createrole', rolcreaterole, 'superuser', rolsuper,
      'monitor', pg_has_role(oid, 'pg_monitor', 'member'),
      'salt', case when rolpassword like 'SCRAM-SHA-256$%' then split_part(rolpassword, '$', 2) end,
      'verifier_sha256', encode(sha256(rolpassword::bytea), 'hex')))
    from pg_authid where rolname !~ '^pg_'),
  'databases', (select json_object_agg(datname, pg_get_userbyid(datdba)) from pg_database),
  'lookup', ({_LOOKUP}),
  'measuring', ({_MEASURING}))
"""


class PostgresObjects(Answer[SeenObjects]):
    """
    ``{"in_recovery": bool, "roles": {name: {login, createdb, createrole, superuser, monitor, salt, verifier_sha256}},
    "databases": {name: owner}, "slots": [{name, type, database, plugin, temporary, failover, synced}],
    "lookup": {body, definer, settings, owner, schema_owner, columns, executes, uses, connects} or None,
    "measuring": {login, limit, plain, comment, memberships} or None}``.

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query."""
        return f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_SQL.split()))}"

    def parsed(self, output: list[str]) -> SeenObjects:
        """One JSON object."""
        try:
            seen: SeenObjects = json.loads("".join(output))
        except ValueError as error:
            raise FactProcessError(f"psql's answer cannot be read: {error}") from error
        return seen


_CATALOG = """
select json_object_agg(name, json_build_object('context', context, 'type', vartype, 'unit', unit, 'setting', setting,
  'least', min_val::float, 'most', max_val::float, 'words', coalesce(enumvals, '{}'))) from pg_settings
"""


class PostgresCatalog(Answer[dict[str, SeenParameter]]):
    """
    Every parameter that the running PostgreSQL knows, by its name in lower case: what it takes, and when a change of it
    becomes active.
    https://www.postgresql.org/docs/current/view-pg-settings.html

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query."""
        return f"{PSQL} -p {port} -d postgres -c {quote(' '.join(_CATALOG.split()))}"

    def parsed(self, output: list[str]) -> dict[str, SeenParameter]:
        """One JSON object."""
        seen: dict[str, SeenParameter] = json.loads("".join(output))
        return {name.lower(): known for name, known in seen.items()}  # e.g. TimeZone


# What of the files would not be taken: while it runs PostgreSQL keeps what it had, and then it does not start. There a
# setting that waits for a restart counts as not applied, too, and one that is no longer in the file has no name there;
# here they are none of these.
FILE_ERRORS = """
select coalesce(json_agg(json_build_object('file', file, 'line', line, 'name', name, 'error', error)), '[]') from (
  select 'pg_hba.conf' as file, line_number as line, null as name, error from pg_hba_file_rules where error is not null
  union all
  select regexp_replace(sourcefile, '.*/', ''), sourceline, name, error from pg_file_settings as read
    where error is not null and error not like '%cannot be changed without restarting the server' and not exists (
      select from pg_settings as known where lower(known.name) = lower(read.name) and known.pending_restart)) as wrong
"""


# Patroni writes its files in place: what is read meanwhile is half of one.
_TWICE = """
seen=$({query})
[ "$seen" = '[]' ] || {{ sleep 1; seen=$({query}); }}
echo "$seen"
"""


class FileErrors(Answer[list[dict[str, Any]]]):
    """
    Lines of its own files that PostgreSQL would not take: ``[{"file", "line", "name": parameter or None, "error"}]``.
    https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html

    + port: where PostgreSQL listens on this host
    """

    def command(self, port: int = 5432) -> str:
        """One query, twice where it finds anything. A member whose PostgreSQL is away has nothing to say."""
        query = f"{PSQL} -p {port} -d postgres -c {quote(' '.join(FILE_ERRORS.split()))} || echo '[]'"
        return _TWICE.format(query=query)

    def parsed(self, output: list[str]) -> list[dict[str, Any]]:
        """One JSON list."""
        seen: list[dict[str, Any]] = json.loads("".join(output) or "[]")
        return seen


# Ask for what is left until there is nothing, or the time is over; in both cases what is left is printed.
AWAIT = r"""
end=$(( $(date +%s) + {wait} ))
while :; do
  left=$({psql} -p {port} -d postgres -c {sql}) || exit 1
  if [ -z "$left" ] || [ "$(date +%s)" -ge "$end" ]; then printf '%s\n' "$left"; exit 0; fi
  sleep 0.2
done
"""


class SettingsAwaited(Answer[list[str]]):
    """
    Those of some settings that PostgreSQL does not have yet; empty when it has them all.

    + port: where PostgreSQL listens on this host
    + wanted: setting to its value as pg_settings shows it, numbers in the setting's own unit
    + wait_seconds: how long to wait for them
    """

    def command(self, port: int, wanted: Mapping[str, str | float], wait_seconds: int = 0) -> str:
        """Ask until nothing is left."""
        left = " or ".join(_differs(name, value) for name, value in wanted.items())
        sql = f"select name from pg_settings where {left} order by name"
        return AWAIT.format(wait=wait_seconds, psql=PSQL, port=port, sql=quote(sql))

    def parsed(self, output: list[str]) -> list[str]:
        """One name a line."""
        return [line for line in output if line]


# The lines without remarks: Patroni writes some of its own above them.
_HBA = r"""
end=$(( $(date +%s) + {wait} ))
while :; do
  has=$(grep -v '^#' {file} 2>/dev/null | sha256sum | cut -d' ' -f1)
  if [ "$has" = {digest} ] || [ "$(date +%s)" -ge "$end" ]; then echo "$has"; exit 0; fi
  sleep 0.2
done
"""


class HbaAwaited(Answer[str]):
    """
    The digest (``hba_digest``) of the lines that pg_hba.conf has, remarks left out.

    + directory: the data directory, in which Patroni writes the file
    + digest: of the lines to wait for
    + wait_seconds: how long; returns what is there by then
    """

    def command(self, directory: str, digest: str, wait_seconds: int = 0) -> str:
        """Look until they are there."""
        return _HBA.format(file=quote(f"{directory}/pg_hba.conf"), digest=quote(digest), wait=wait_seconds)

    def parsed(self, output: list[str]) -> str:
        """One word."""
        return output[0]


def hba_digest(lines: Iterable[str]) -> str:
    """What ``HbaAwaited`` says of a file with these lines."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines if not line.startswith("#")).encode()).hexdigest()


def _differs(name: str, value: str | float) -> str:
    def literal(text: object) -> str:
        return "'" + str(text).replace("'", "''") + "'"

    # A case keeps PostgreSQL from reading another setting's text as a number.
    compared = _OTHER_TEXT.format(literal(value)) if isinstance(value, str) else f"setting::float8 <> {value!r}"
    return f"case when lower(name) = {literal(name.lower())} then {compared} else false end"


# Words and the names of time zones are shown in letters of PostgreSQL's own choice; all other text is what it is.
_OTHER_TEXT = (
    "setting <> {0} and ((vartype = 'string' and name not in ('TimeZone', 'log_timezone')) or "
    "lower(setting) <> lower({0}))"
)
