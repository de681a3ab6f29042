"""The SQL for the admin role and the databases."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.passwords import scram_verifier
from cluster.verdicts.databases import (
    admin_statements,
    database_statements,
    identifier,
    literal,
    missing_owners,
    password_is,
    script,
)

PASSWORD = "xkcd-936-correct-horse"
SALT = b"0123456789abcdef"


def cluster(**settings: Any) -> Cluster:
    data = {"cluster_address": "10.0.0.1", **settings}
    clusters, findings = declared_clusters([DeclaredHost("pg1", ("postgres", "etcd"), data, {})], {})
    assert findings == []
    return clusters["main"]


def role(password: str | None = PASSWORD, **changes: bool) -> dict[str, Any]:
    """A role as the fact has it, by default the admin role as declared."""
    rights = {"login": True, "createdb": True, "createrole": True, "superuser": False, "monitor": True} | changes
    if password is None:
        return rights | {"salt": None, "verifier_sha256": None}
    verifier = scram_verifier(password, salt=SALT)
    salt = f"4096:{base64.b64encode(SALT).decode()}"
    return rights | {"salt": salt, "verifier_sha256": hashlib.sha256(verifier.encode()).hexdigest()}


def seen(roles: dict[str, Any] | None = None, databases: dict[str, str] | None = None) -> dict[str, Any]:
    return {"in_recovery": False, "roles": roles or {}, "databases": databases or {}}


def test_nothing_where_the_role_is_as_declared() -> None:
    assert admin_statements(cluster(), PASSWORD, seen({"admin": role()})) == []


def test_a_new_role_gets_everything() -> None:
    create, alter, password, monitor = admin_statements(cluster(), PASSWORD, seen())
    assert create == 'create role "admin"'
    assert alter == 'alter role "admin" login createdb createrole'
    assert password.startswith('alter role "admin" password \'SCRAM-SHA-256$4096:')
    assert monitor == 'grant pg_monitor to "admin"'


def test_the_password_itself_is_in_no_statement() -> None:
    assert PASSWORD not in "".join(admin_statements(cluster(), PASSWORD, seen()))


def test_only_what_differs_is_changed() -> None:
    fits = role()
    assert admin_statements(cluster(), PASSWORD, seen({"admin": fits | {"createdb": False}})) == [
        'alter role "admin" login createdb createrole'
    ]
    assert admin_statements(cluster(), PASSWORD, seen({"admin": fits | {"monitor": False}})) == [
        'grant pg_monitor to "admin"'
    ]
    (statement,) = admin_statements(cluster(), "another-password-1", seen({"admin": fits}))
    assert statement.startswith('alter role "admin" password ')


def test_rights_that_somebody_added_are_left_alone() -> None:
    assert admin_statements(cluster(), PASSWORD, seen({"admin": role(superuser=True)})) == []


def test_a_role_without_a_scram_password_does_not_have_ours() -> None:
    assert not password_is(role(None), PASSWORD)
    assert password_is(role(), PASSWORD)
    assert not password_is(role("another"), PASSWORD)


def test_databases_are_created_with_their_owner() -> None:
    declared = cluster(postgres_databases=[{"name": "app"}, {"name": "crm", "owner": "crm_owner"}])
    assert database_statements(declared, seen()) == [
        'create database "app" owner "admin"',
        'create database "crm" owner "crm_owner"',
    ]


def test_a_database_with_another_owner_gets_the_declared_one() -> None:
    declared = cluster(postgres_databases=[{"name": "app"}])
    assert database_statements(declared, seen(databases={"app": "postgres"})) == [
        'alter database "app" owner to "admin"'
    ]


def test_a_database_that_is_as_declared_and_one_that_nobody_declares_are_left_alone() -> None:
    declared = cluster(postgres_databases=[{"name": "app"}])
    assert database_statements(declared, seen(databases={"app": "admin", "old": "somebody"})) == []


def test_an_owner_that_does_not_exist_is_named() -> None:
    declared = cluster(postgres_databases=[{"name": "app"}, {"name": "crm", "owner": "crm_owner"}])
    assert missing_owners(declared, seen()) == ["crm_owner"]
    assert missing_owners(declared, seen({"crm_owner": role()})) == []


def test_the_script_is_a_secret_and_one_statement_a_line() -> None:
    text = script(["select 1", "select 2"])
    assert str(text) == "select 1;\nselect 2;\n"
    assert repr(text) == "'*MASKED*'"


@given(st.text())
def test_quoting_is_undone_by_sql(text: str) -> None:
    assert identifier(text)[1:-1].replace('""', '"') == text
    assert literal(text)[1:-1].replace("''", "'") == text
    assert '"' not in identifier(text)[1:-1].replace('""', "")
    assert "'" not in literal(text)[1:-1].replace("''", "")
