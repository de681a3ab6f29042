"""The settings of the database, and of pg_hba."""

from __future__ import annotations

from math import isfinite
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator

from cluster.parameters.owned import DANGERS, name_problems
from cluster.parameters.values import too_low
from cluster.settings.base import Strict, port, refuse, setting
from cluster.settings.hba_grammar import hba_rule, shown
from cluster.settings.text_rules import (
    admin_problem,
    database_problem,
    directory_problem,
    listed_problem,
    listen_problem,
    locale_problem,
    parameter_name_problem,
    role_problem,
)


class PostgresSettings(Strict):
    """The database."""

    postgres_version: Literal[15, 16, 17, 18] = setting(17, "PostgreSQL's major version")
    postgres_port: int = port(5432, "PostgreSQL listens here")
    postgres_listen: list[str] = setting(
        [],
        "addresses that PostgreSQL listens on, ['*'] for all; empty: cluster_address, client_address and loopback",
    )
    postgres_data_directory: str | None = setting(
        None, "absent: /var/lib/postgresql/<version>/<cluster_name>", pattern=r"^/[A-Za-z0-9_./-]+$"
    )
    postgres_locale: str = setting(
        "C.UTF-8", "locale of a new cluster; the encoding is UTF8", pattern=r"^[A-Za-z0-9_.@-]{1,63}$"
    )
    postgres_memory_mib: int | None = setting(
        None, "MiB of memory that PostgreSQL's settings are derived from; absent: the smallest member's memory", ge=256
    )
    postgres_parameters: dict[str, str | int | float | bool | None] = setting(
        {}, "PostgreSQL parameters by name; they override derived ones; None removes one"
    )
    postgres_accepted_dangers: list[str] = setting(
        [],
        "parameters in postgres_parameters that may lose data or lock clients out, such as fsync: each of "
        "them must be named here",
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
        [], "databases to create: {'name': 'app'}, with 'owner': a role; absent owner: the admin role"
    )
    postgres_log_connections: bool = setting(True, "log each connection, and its end with how long it was")
    postgres_log_statement_ms: int | None = setting(
        1000, "log statements that take this many ms, with the values in them; None: never", ge=0, le=2**31 - 1
    )
    postgres_log_temp_files_mib: int | None = setting(
        10, "log temporary files of this many MiB, 0: all; None: never", ge=0, le=2**20
    )
    postgres_log_autovacuum_ms: int | None = setting(
        10_000, "log each autovacuum that takes this many ms, 0: all; None: never", ge=0, le=2**31 - 1
    )
    postgres_log_json: bool = setting(False, "write each line as JSON as well, into a file of its own beside the text")
    postgres_log_days: int = setting(7, "days that log files are kept, unless they become too large together", ge=1)
    postgres_log_mib: int = setting(
        2048, "MiB of a member's disk that all log files together may take; the oldest are removed", ge=100
    )

    @field_validator("postgres_hba")
    @classmethod
    def _hba_is_encrypted_and_authenticated(cls, lines: list[str], others: ValidationInfo) -> list[str]:
        for line in lines:
            if reason := hba_problem(line, others.data.get("postgres_version", 17)):
                raise ValueError(f"line {shown(line)} {reason}")
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
            refuse(listed_problem([database["name"]], database_problem))
            refuse(listed_problem([owner for key, owner in database.items() if key == "owner"], role_problem))
        names = [database["name"] for database in databases]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice!r} is declared twice")
        return databases

    @field_validator("postgres_locale")
    @classmethod
    def _locale_is_of_utf8(cls, locale: str) -> str:
        refuse(locale_problem(locale))
        return locale

    @field_validator("postgres_admin_user")
    @classmethod
    def _admin_is_a_role_of_its_own(cls, name: str) -> str:
        refuse(admin_problem(name))
        return name

    @field_validator("postgres_parameters")
    @classmethod
    def _parameters_can_be_written(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        refuse(listed_problem(parameters, parameter_name_problem))
        if strange := [name for name, value in parameters.items() if isinstance(value, float) and not isfinite(value)]:
            raise ValueError(f"{strange[0]} is {parameters[strange[0]]}, which is no number that can be written")
        return parameters

    @field_validator("postgres_listen")
    @classmethod
    def _listens_on_something(cls, places: list[str]) -> list[str]:
        refuse(listed_problem(places, listen_problem))
        return places

    @field_validator("postgres_data_directory")
    @classmethod
    def _data_has_a_place_of_its_own(cls, path: str | None) -> str | None:
        refuse(None if path is None else directory_problem(path))
        return path


def hba_problem(line: str, version: int = 17) -> str | None:
    """
    Why a pg_hba line is refused, or None. Accepted is what is encrypted and authenticated, or rejects.

    + version: PostgreSQL's major version
    """
    try:
        hba_rule(line, version)
    except ValueError as error:
        return str(error)
    return None
