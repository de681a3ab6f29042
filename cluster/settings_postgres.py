"""The settings of the database, and what is refused in pg_hba."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import field_validator

from cluster.parameters import too_low
from cluster.parameters_owned import DANGERS, name_problems
from cluster.settings_base import Strict, port, setting


class PostgresSettings(Strict):
    """The database."""

    postgres_version: Literal[15, 16, 17, 18] = setting(17, "PostgreSQL's major version")
    postgres_port: int = port(5432, "PostgreSQL listens here")
    postgres_listen: list[str] = setting(
        [], "addresses that PostgreSQL listens on, ['*'] for all; empty: the host's cluster address and loopback"
    )
    postgres_data_directory: str | None = setting(
        None, "absent: /var/lib/postgresql/<version>/<cluster_name>", pattern=r"^/[\w./-]+$"
    )
    postgres_locale: str = setting("C.UTF-8", "locale of a new cluster; the encoding is UTF8", pattern=r"^[\w.@-]+$")
    postgres_memory_mib: int | None = setting(
        None, "MiB of memory that PostgreSQL's settings are derived from; absent: the smallest member's memory", ge=256
    )
    postgres_parameters: dict[str, str | int | float | bool | None] = setting(
        {}, "PostgreSQL parameters by name; they win over the derived ones; None takes one out of the configuration"
    )
    postgres_accepted_dangers: list[str] = setting(
        [],
        "parameters with a value in postgres_parameters that may lose data or shut clients out, such as fsync: each of "
        "them has to be named here",
    )
    postgres_hba: list[str] = setting(
        [], "pg_hba lines for your clients, in order, after those that the cluster itself needs"
    )
    postgres_admin_user: str = setting(
        "admin",
        "a login role that may create databases and roles, for people and tools",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
    )
    postgres_databases: list[dict[str, str]] = setting(
        [], "databases that shall exist: {'name': 'app'} or with 'owner': a role; absent owner: the admin role"
    )

    @field_validator("postgres_hba")
    @classmethod
    def _hba_is_encrypted_and_authenticated(cls, lines: list[str]) -> list[str]:
        for line in lines:
            if reason := hba_problem(line):
                raise ValueError(f"line '{line}' {reason}")
        return lines

    @field_validator("postgres_parameters")
    @classmethod
    def _parameters_mean_one_thing(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        if problem := next(iter([*name_problems(parameters), *too_low(parameters)]), None):
            raise ValueError(problem)
        return {name.lower(): value for name, value in parameters.items()}

    @field_validator("postgres_accepted_dangers")
    @classmethod
    def _dangers_are_known(cls, names: list[str]) -> list[str]:
        for name in names:
            if name.lower() not in DANGERS:
                raise ValueError(f"'{name}' is none of {', '.join(DANGERS)}")
        return [name.lower() for name in names]

    @field_validator("postgres_databases")
    @classmethod
    def _databases_are_named(cls, databases: list[dict[str, str]]) -> list[dict[str, str]]:
        for database in databases:
            if "name" not in database or set(database) - {"name", "owner"}:
                raise ValueError(f"{database} must have 'name' and may have 'owner', nothing else")
            for identifier in database.values():
                if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", identifier):
                    raise ValueError(f"'{identifier}' is no name for a database or role")
        return databases

    @field_validator("postgres_admin_user")
    @classmethod
    def _admin_is_a_role_of_its_own(cls, name: str) -> str:
        if name in ("postgres", "replicator", "rewind") or name.startswith("pg_"):
            raise ValueError("is a role that the cluster itself uses")
        return name


LOCAL_METHODS = ("peer", "scram-sha-256", "reject")
REMOTE_METHODS = ("scram-sha-256", "cert", "ldap", "gss", "reject")


def hba_problem(line: str) -> str | None:
    """
    Why a pg_hba line is refused, or None. Accepted is what is encrypted and authenticated, or rejects.
    https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
    """
    kind, *words = line.split() or [""]
    if kind not in ("hostssl", "local", "host", "hostnossl"):
        return "is no pg_hba line"
    method = _hba_method(kind, words)
    if method is None:
        return "is too short for pg_hba"
    if kind in ("host", "hostnossl") and method != "reject":
        return f"allows connections without TLS ({kind}): use hostssl"
    allowed = LOCAL_METHODS if kind == "local" else REMOTE_METHODS
    return None if method in allowed else f"has the method {method}; allowed here: {', '.join(allowed)}"


def _hba_method(kind: str, words: list[str]) -> str | None:
    """The method's place depends on the kind of line, and on whether a mask follows the address."""
    place = 2 if kind == "local" else 3
    if kind != "local" and len(words) > place and re.fullmatch(r"[\d.]+|[\da-fA-F:]*:[\da-fA-F:.]*", words[2]):
        place = 4
    return words[place] if len(words) > place else None
