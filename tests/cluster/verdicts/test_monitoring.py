"""The SQL that makes the exporters' role: no more than it needs, nothing when it is there, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.monitoring import COMMENT, CONNECTIONS
from cluster.errors import UnsafeError
from cluster.verdicts.monitoring import measuring_statements, unmeasured_statements

WHOLE = {"login": True, "limit": CONNECTIONS, "plain": True, "comment": COMMENT, "memberships": ["pg_monitor"]}


def seen(role: dict[str, Any] | None) -> Any:
    return {"in_recovery": False, "slots": [], "databases": {}, "roles": {}, "lookup": None, "measuring": role}


def test_it_may_look_and_nothing_else() -> None:
    assert measuring_statements(seen(None)) == [
        "create role prometheus",
        f"comment on role prometheus is '{COMMENT}'",
        "alter role prometheus login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit password "
        "null connection limit 3",
        "grant pg_monitor to prometheus",
    ]
    assert measuring_statements(seen(WHOLE)) == []


@pytest.mark.parametrize("change", [{"login": False}, {"plain": False}, {"limit": -1}])
def test_what_it_was_given_is_taken_back(change: dict[str, Any]) -> None:
    (altered,) = measuring_statements(seen(WHOLE | change))
    assert altered.startswith("alter role prometheus login nosuperuser")


def test_and_so_are_other_rights() -> None:
    more = WHOLE | {"memberships": ["pg_read_all_data"]}
    assert measuring_statements(seen(more)) == [
        "grant pg_monitor to prometheus",
        'revoke "pg_read_all_data" from prometheus',
    ]


def test_a_role_of_somebody_else_is_refused() -> None:
    with pytest.raises(UnsafeError) as refusal:
        measuring_statements(seen(WHOLE | {"comment": ""}))
    assert str(refusal.value) == (
        "the role prometheus exists and is not this tool's, and the exporters would come as that role\n"
        "HINT: rename it: `alter role prometheus rename to ...`; or leave monitoring = False."
    )


def test_it_is_taken_back_where_it_is_ours() -> None:
    first, second = unmeasured_statements(seen(WHOLE))
    assert first == "alter role prometheus nologin" and "drop role prometheus" in second
    for other in (None, WHOLE | {"comment": ""}, WHOLE | {"login": False}):
        assert unmeasured_statements(seen(other)) == []
