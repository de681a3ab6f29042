"""The SQL that makes the exporters' role, and takes it back; nothing when it is as it should be."""

from __future__ import annotations

from cluster.declared.monitoring import COMMENT, CONNECTIONS, ROLE
from cluster.errors import UnsafeError
from cluster.observed.postgres import SeenObjects
from cluster.verdicts.databases import identifier, literal

_NOTHING_ELSE = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit password null"
RIGHTS = "pg_monitor"


def measuring_statements(seen: SeenObjects) -> list[str]:
    """
    Statements for the role: it may look at everything that PostgreSQL tells of itself, by a few connections.

    Refuses a role of this name that is somebody else's. + seen: ``PostgresObjects`` of the leader
    """
    role = seen.get("measuring")
    if role is not None and role["comment"] != COMMENT:
        raise UnsafeError(taken(ROLE))
    made = [f"create role {ROLE}", f"comment on role {ROLE} is {literal(COMMENT)}"] if role is None else []
    right = role is not None and role["plain"] and role["login"] and role["limit"] == CONNECTIONS
    altered = [] if right else [f"alter role {ROLE} login {_NOTHING_ELSE} connection limit {CONNECTIONS}"]
    rights = role["memberships"] if role is not None else []
    granted = [] if RIGHTS in rights else [f"grant {RIGHTS} to {ROLE}"]
    return [*made, *altered, *granted, *(f"revoke {identifier(one)} from {ROLE}" for one in rights if one != RIGHTS)]


def taken(role: str) -> str:
    """What is said of a role that is not ours. + role: its name"""
    return (
        f"the role {role} exists and is not this tool's, and the exporters would come as that role\n"
        f"HINT: rename it: `alter role {role} rename to ...`; or leave monitoring = False."
    )


def unmeasured_statements(seen: SeenObjects) -> list[str]:
    """
    The same taken back, where it is ours. One that has been given more than we gave it stays, and cannot log in.

    + seen: ``PostgresObjects`` of the leader
    """
    role = seen.get("measuring")
    if role is None or role["comment"] != COMMENT or not role["login"]:
        return []
    dropped = f"do $$ begin drop role {ROLE}; exception when dependent_objects_still_exist then null; end $$"
    return [f"alter role {ROLE} nologin", dropped]
