"""The SQL that brings roles and databases to what is declared; nothing when they are."""

from __future__ import annotations

import hashlib
from base64 import b64decode

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.postgres import SeenObjects, SeenRole
from cluster.secrets.secrets import Secret, scram_verifier


def admin_statements(cluster: Cluster, password: str, seen: SeenObjects) -> list[str]:
    """
    Statements for the admin role: it may log in, create databases and roles, and watch everything; it is no superuser.

    + seen: ``PostgresObjects`` of the leader
    """
    name = cluster.settings.postgres_admin_user
    role = seen["roles"].get(name)
    quoted = identifier(name)
    statements = [] if role else [f"create role {quoted}"]
    if not role or not (role["login"] and role["createdb"] and role["createrole"]):
        statements.append(f"alter role {quoted} login createdb createrole")
    if not role or not password_is(role, password):
        # The verifier, not the password: nothing that PostgreSQL may log gives it away.
        statements.append(f"alter role {quoted} password {literal(scram_verifier(password))}")
    if not role or not role["monitor"]:
        statements.append(f"grant pg_monitor to {quoted}")
    return statements


def refuse_another_password(cluster: Cluster, password: str, seen: SeenObjects) -> None:
    """Refuse to replace the admin role's password in a run that is not for it. + seen: ``PostgresObjects``"""
    name = cluster.settings.postgres_admin_user
    role = seen["roles"].get(name)
    if role and role["salt"] and not password_is(role, password):
        raise UnsafeError(
            f"the role {name} has another password than PATRONI_ADMIN_PASSWORD\n"
            "HINT: give the right one; to change it on purpose: `pyinfra inventory.py deploys/cluster.py --data "
            "rotate=PATRONI_ADMIN_PASSWORD`."
        )


def database_statements(cluster: Cluster, seen: SeenObjects) -> list[str]:
    """Statements for the declared databases. An existing one gets its declared owner; none is dropped."""
    statements = []
    for database in cluster.settings.postgres_databases:
        name, owner = database["name"], database.get("owner", cluster.settings.postgres_admin_user)
        if name not in seen["databases"]:
            statements.append(f"create database {identifier(name)} owner {identifier(owner)}")
        elif seen["databases"][name] != owner:
            statements.append(f"alter database {identifier(name)} owner to {identifier(owner)}")
    return statements


def missing_owners(cluster: Cluster, seen: SeenObjects) -> list[str]:
    """Declared owners that do not exist: they are somebody else's roles, and not made here."""
    known = {*seen["roles"], cluster.settings.postgres_admin_user}
    owners = [database.get("owner") for database in cluster.settings.postgres_databases]
    return [owner for owner in owners if owner is not None and owner not in known]


def password_is(role: SeenRole, password: str) -> bool:
    """Whether a role has this password, judged by salt and digest of its verifier."""
    if not role["salt"]:
        return False
    iterations, _, salt = role["salt"].partition(":")
    verifier = scram_verifier(password, salt=b64decode(salt), iterations=int(iterations))
    return hashlib.sha256(verifier.encode()).hexdigest() == str(role["verifier_sha256"])


def script(statements: list[str]) -> Secret:
    """The statements as one psql input. CREATE DATABASE takes no transaction, so each stands for itself."""
    return Secret("".join(f"{statement};\n" for statement in statements))


def identifier(name: str) -> str:
    """A name quoted for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text quoted for SQL."""
    return "'" + text.replace("'", "''") + "'"
