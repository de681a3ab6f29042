"""Tags: what may be declared, and what they say about a member."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster.tags import KINDS, may_be_synchronous, may_lead, tag_problems

VALUES: dict[type, Any] = {bool: True, str: "pg2", int: 3}


def test_every_tag_may_be_declared_by_itself() -> None:
    assert [problem for name, kind in KINDS.items() for problem in tag_problems({name: VALUES[kind]})] == []


@pytest.mark.parametrize(
    ("tags", "problem"),
    [
        ({"nofailver": True}, "'nofailver' is no tag; did you mean nofailover"),
        ({"nofailover": "yes"}, "nofailover is 'yes', it must be True or False"),
        ({"nosync": 1}, "nosync is 1, it must be True or False"),
        ({"failover_priority": True}, "failover_priority is True, it must be a whole number, 0 or more"),
        ({"sync_priority": -1}, "sync_priority is -1, it must be a whole number, 0 or more"),
        ({"replicatefrom": ""}, "replicatefrom is '', it must be a member's name"),
        (
            {"nofailover": False, "failover_priority": 2},
            "nofailover and failover_priority contradict each other; declare one of them",
        ),
        ({"nosync": True, "sync_priority": 2}, "nosync and sync_priority contradict each other; declare one of them"),
    ],
)
def test_what_is_refused(tags: dict[str, Any], problem: str) -> None:
    assert list(tag_problems(tags)) == [problem]


def test_a_word_like_no_tag_lists_them() -> None:
    assert next(tag_problems({"datacenter": "a"})).endswith("no tag; there are " + ", ".join(KINDS))


@pytest.mark.parametrize(
    ("tags", "leads"),
    [
        ({}, True),
        ({"nofailover": True}, False),
        ({"nofailover": False}, True),
        ({"failover_priority": 0}, False),
        ({"failover_priority": "0"}, False),
        ({"failover_priority": -1}, False),
        ({"failover_priority": 2}, True),
        ({"nofailover": False, "failover_priority": 0}, True),  # as Patroni has it
    ],
)
def test_who_may_lead(tags: dict[str, Any], leads: bool) -> None:
    assert may_lead(tags) is leads


@pytest.mark.parametrize("tags", [{"nosync": True}, {"sync_priority": 0}, {"replicatefrom": "pg2"}])
def test_who_is_never_synchronous(tags: dict[str, Any]) -> None:
    assert may_lead(tags) and not may_be_synchronous(tags)


@example({"failover_priority": "²"})
@example({"failover_priority": "--5"})
@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.one_of(st.none(), st.booleans(), st.integers(), st.text())))
def test_whatever_somebody_has_written_there_gets_an_answer(tags: dict[str, Any]) -> None:
    assert may_lead(tags) in (True, False) and may_be_synchronous(tags) in (True, False)
