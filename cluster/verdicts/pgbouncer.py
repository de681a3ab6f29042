"""The SQL that lets PgBouncer look up the roles of its clients; nothing when all of it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.declared.pgbouncer import AUTH_ROLE, LOOKUP_ROLE
from cluster.observed.postgres import SeenObjects, SeenRole
from cluster.secrets.secrets import scram_verifier
from cluster.verdicts.databases import identifier, literal, password_is

SCHEMA, FUNCTION = "pgbouncer", "pgbouncer.user_lookup(text)"
PUBLIC = "public"
_COLUMNS = ("rolcanlogin", "rolname", "rolpassword", "rolreplication", "rolsuper", "rolvaliduntil")

# A superuser's verifier, and one that has expired, are nobody's business: who has such a role logs in past PgBouncer.
_BODY = (
    "select rolname, rolpassword from pg_catalog.pg_authid where rolname = wanted and rolcanlogin and not rolsuper "
    "and not rolreplication and (rolvaliduntil is null or rolvaliduntil > pg_catalog.now())"
)

# All of them may be repeated. EXECUTE is everybody's when a function is made, so it is made where nobody looks yet.
_LOOKUP = (
    f"create schema if not exists {SCHEMA}",
    f"alter schema {SCHEMA} owner to {LOOKUP_ROLE}",
    f"revoke all on schema {SCHEMA} from public",
    f"grant usage on schema {SCHEMA} to {AUTH_ROLE}",
    f"grant select ({', '.join(_COLUMNS)}) on pg_catalog.pg_authid to {LOOKUP_ROLE}",
    f"create or replace function {SCHEMA}.user_lookup(wanted text) returns table (usename name, passwd text) "
    f"language sql stable strict security definer set search_path = pg_catalog, pg_temp as {literal(_BODY)}",
    f"revoke all on function {FUNCTION} from public",
    f"alter function {FUNCTION} owner to {LOOKUP_ROLE}",
    f"grant execute on function {FUNCTION} to {AUTH_ROLE}",
    f"grant connect on database postgres to {AUTH_ROLE}",
)
_NOTHING_ELSE = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit"

# What ``PostgresObjects`` says of the lookup when it is as it should be.
AS_DECLARED: Mapping[str, Any] = {
    "body": _BODY,
    "definer": True,
    "settings": ["search_path=pg_catalog, pg_temp"],
    "owner": LOOKUP_ROLE,
    "schema_owner": LOOKUP_ROLE,
    "columns": list(_COLUMNS),
    "executes": [AUTH_ROLE, LOOKUP_ROLE],
    "uses": [AUTH_ROLE, LOOKUP_ROLE],
    "connects": True,
}


def lookup_statements(password: str, seen: SeenObjects) -> list[str]:
    """
    Statements for the two roles and the function.

    + password: of the role that PgBouncer logs in with; + seen: ``PostgresObjects`` of the leader
    """
    auth, lookup = seen["roles"].get(AUTH_ROLE), seen["lookup"]
    statements = [*_role(AUTH_ROLE, auth, login=True), *_role(LOOKUP_ROLE, seen["roles"].get(LOOKUP_ROLE), login=False)]
    if not auth or not password_is(auth, password):
        statements.append(f"alter role {AUTH_ROLE} password {literal(scram_verifier(password))}")
    return statements if lookup == AS_DECLARED else [*statements, *_LOOKUP, *_revoked(lookup)]


def _role(name: str, seen: SeenRole | None, *, login: bool) -> list[str]:
    if seen and (seen["login"], seen["superuser"], seen["createdb"], seen["createrole"]) == (login, *(False,) * 3):
        return []
    made = [] if seen else [f"create role {name}"]
    return [*made, f"alter role {name} {'login' if login else 'nologin'} {_NOTHING_ELSE}"]


def _revoked(lookup: Mapping[str, Any] | None) -> list[str]:
    """From those to whom somebody has given what is PgBouncer's alone."""
    if lookup is None:
        return []
    known = (AUTH_ROLE, LOOKUP_ROLE, PUBLIC)
    executing = [
        f"revoke all on function {FUNCTION} from {identifier(one)}" for one in lookup["executes"] if one not in known
    ]
    return executing + [
        f"revoke all on schema {SCHEMA} from {identifier(one)}" for one in lookup["uses"] if one not in known
    ]


def removal_statements(seen: SeenObjects) -> list[str]:
    """
    The same taken back, of what there is. A role that has been given more than we gave it stays, and cannot log in.

    + seen: ``PostgresObjects`` of the leader
    """
    auth, statements = seen["roles"].get(AUTH_ROLE), []
    if seen["lookup"] is not None:
        statements += [f"drop function {FUNCTION}", f"drop schema {SCHEMA}"]
    if auth and auth["login"]:
        statements += [f"alter role {AUTH_ROLE} nologin password null"]
        statements += [f"revoke connect on database postgres from {AUTH_ROLE}", _dropped(AUTH_ROLE)]
    if statements and LOOKUP_ROLE in seen["roles"]:
        statements += [f"revoke select ({', '.join(_COLUMNS)}) on pg_catalog.pg_authid from {LOOKUP_ROLE}"]
        statements += [_dropped(LOOKUP_ROLE)]
    return statements


def _dropped(role: str) -> str:
    return f"do $$ begin drop role {role}; exception when dependent_objects_still_exist then null; end $$"
