"""The SQL with which PgBouncer may look up roles: whole at first, nothing when it is there, and taken back."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from cluster.declared.pgbouncer import AUTH_ROLE, LOOKUP_ROLE
from cluster.secrets.passwords import scram_verifier
from cluster.verdicts.pgbouncer import AS_DECLARED, lookup_statements, removal_statements

PASSWORD = "xkcd-936-correct-horse"
NOTHING: dict[str, Any] = {"superuser": False, "createdb": False, "createrole": False, "monitor": False}


def role(*, login: bool, password: str | None = None, **changes: bool) -> dict[str, Any]:
    told = {"login": login, **NOTHING, **changes, "salt": None, "verifier_sha256": None}
    if password is not None:
        verifier = scram_verifier(password)
        told |= {"salt": verifier.split("$")[1], "verifier_sha256": hashlib.sha256(verifier.encode()).hexdigest()}
    return told


def seen(lookup: dict[str, Any] | None = None, **roles: dict[str, Any]) -> Any:
    return {"in_recovery": False, "slots": [], "databases": {}, "roles": roles, "lookup": lookup}


def whole(**changes: Any) -> Any:
    roles = {AUTH_ROLE: role(login=True, password=PASSWORD), LOOKUP_ROLE: role(login=False)}
    return seen({**AS_DECLARED, **changes}, **roles)


def test_all_of_it_on_a_cluster_that_has_none() -> None:
    made = lookup_statements(PASSWORD, seen())
    assert made[:2] == [
        "create role pgbouncer_auth",
        "alter role pgbouncer_auth login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit",
    ]
    assert "alter role pgbouncer_lookup nologin nosuperuser" in made[3]
    assert PASSWORD not in "".join(made), "the verifier, not the password"
    text = "; ".join(made)
    assert "security definer set search_path = pg_catalog, pg_temp" in text
    assert text.index("create or replace function") < text.index("revoke all on function") < text.index("grant execute")
    for kept in ("not rolsuper", "not rolreplication", "rolcanlogin", "rolvaliduntil > pg_catalog.now()"):
        assert kept in text


def test_nothing_where_it_is_as_declared() -> None:
    assert lookup_statements(PASSWORD, whole()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"body": "select rolname, rolpassword from pg_authid"},
        {"definer": False},
        {"settings": None},
        {"owner": "postgres"},
        {"columns": ["rolname"]},
        {"executes": [AUTH_ROLE, LOOKUP_ROLE, "public"]},
        {"connects": False},
    ],
)
def test_what_differs_is_made_again(changes: dict[str, Any]) -> None:
    made = lookup_statements(PASSWORD, whole(**changes))
    assert any("create or replace function" in one for one in made)
    assert any(one.startswith("revoke all on function pgbouncer.user_lookup(text) from public") for one in made)


def test_who_was_given_it_beside_pgbouncer_loses_it() -> None:
    made = lookup_statements(PASSWORD, whole(executes=[AUTH_ROLE, "joe", LOOKUP_ROLE], uses=["Ann", AUTH_ROLE]))
    assert made[-2:] == [
        'revoke all on function pgbouncer.user_lookup(text) from "joe"',
        'revoke all on schema pgbouncer from "Ann"',
    ]


def test_another_password_is_set_and_nothing_else() -> None:
    (one,) = lookup_statements("another-password-1", whole())
    assert one.startswith("alter role pgbouncer_auth password 'SCRAM-SHA-256$")


@pytest.mark.parametrize("more", ["superuser", "createdb", "createrole"])
def test_a_role_that_may_more_is_brought_back(more: str) -> None:
    given = whole()
    given["roles"][AUTH_ROLE][more] = True
    (one,) = lookup_statements(PASSWORD, given)
    assert one.startswith("alter role pgbouncer_auth login nosuperuser")


def test_it_is_taken_back_once() -> None:
    taken = removal_statements(whole())
    assert taken[:2] == ["drop function pgbouncer.user_lookup(text)", "drop schema pgbouncer"]
    assert [one for one in taken if "drop role" in one] == [
        f"do $$ begin drop role {name}; exception when dependent_objects_still_exist then null; end $$"
        for name in (AUTH_ROLE, LOOKUP_ROLE)
    ]
    assert removal_statements(seen()) == []


def test_a_role_that_has_been_given_more_stays_without_a_login() -> None:
    """The first attempt left it; the next one has nothing to do."""
    assert "alter role pgbouncer_auth nologin password null" in removal_statements(whole())
    left = seen(None, **{AUTH_ROLE: role(login=False), LOOKUP_ROLE: role(login=False)})
    assert removal_statements(left) == []
