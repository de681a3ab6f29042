"""The restart plan as a person reads it, whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from textwrap import dedent

from cluster.plans.restart_pending.plan import Member, whole_plan
from cluster.plans.restart_pending.text import plan_lines
from tests.cluster.simulated_cluster import LOW, PAUSED, cluster_of

BUFFERS = {"shared_buffers": "96MB -> 128MB"}


def plan(members: Sequence[Member], alone: bool = False, given_up: Iterable[str] = ()) -> str:
    """What is printed, with a line end before and after it, as the texts below have it."""
    lines = plan_lines("main", members, whole_plan(members, alone=alone, given_up=given_up))
    return "\n".join(["", *lines, ""])


def assert_reads(text: str, expected: str) -> None:
    assert text == dedent(expected)


def test_nothing() -> None:
    assert plan(cluster_of(3, {})) == "\nmain: no setting waits for a restart\n"


def test_raised() -> None:
    assert_reads(
        plan(cluster_of(3, {"max_connections": 200, "max_worker_processes": 12})),
        """
        main: ordered restart
          1. pg2  standby, canary    max_connections 100 -> 200, max_worker_processes 8 -> 12
          2. pg3  standby            max_connections 100 -> 200, max_worker_processes 8 -> 12
          3. pg1  primary, in place  max_connections 100 -> 200, max_worker_processes 8 -> 12
          Why this order: max_connections, max_worker_processes rise, and a standby must never have less than its primary.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
        """,  # noqa: E501
    )


def test_lowered() -> None:
    assert_reads(
        plan(cluster_of(3, {"max_connections": 50})),
        """
        main: ordered restart
          1. pg1  primary, in place  max_connections 100 -> 50
          2. pg2  standby, waits     until it has replayed the primary's max_connections
          3. pg2  standby            max_connections 100 -> 50
          4. pg3  standby, waits     until it has replayed the primary's max_connections
          5. pg3  standby            max_connections 100 -> 50
          Why this order: max_connections falls: primary first, a standby when it has replayed that.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
        """,
    )


def test_mixed() -> None:
    assert_reads(
        plan(cluster_of(3, {"max_connections": 200, "max_wal_senders": 5}, others=BUFFERS)),
        """
        main: ordered restart
          1. pg2  standby, canary    max_connections 100 -> 200, shared_buffers 96MB -> 128MB
          2. pg3  standby            max_connections 100 -> 200, shared_buffers 96MB -> 128MB
          3. pg1  primary, in place  max_connections 100 -> 200, max_wal_senders 10 -> 5, shared_buffers 96MB -> 128MB
          4. pg2  standby, waits     until it has replayed the primary's max_wal_senders
          5. pg2  standby            max_wal_senders 10 -> 5
          6. pg3  standby, waits     until it has replayed the primary's max_wal_senders
          7. pg3  standby            max_wal_senders 10 -> 5
          Why this order: max_connections rises, and a standby must never have less than its primary.
          Why this order: max_wal_senders falls: primary first, a standby when it has replayed that.
          Why this order: a standby tries the new values first; the primary follows only when it is well.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
        """,
    )


def test_neutral() -> None:
    assert_reads(
        plan(cluster_of(3, {}, others=BUFFERS)),
        """
        main: ordered restart
          1. pg2  standby, canary    shared_buffers 96MB -> 128MB
          2. pg3  standby            shared_buffers 96MB -> 128MB
          3. pg1  primary, in place  shared_buffers 96MB -> 128MB
          Why this order: a standby tries the new values first; the primary follows only when it is well.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
        """,
    )


def test_a_single_member_has_no_order_and_nobody_beside_it() -> None:
    assert_reads(
        plan(cluster_of(1, {"max_connections": 200}, others=BUFFERS)),
        """
        main: ordered restart
          1. pg1  primary, in place  max_connections 100 -> 200, shared_buffers 96MB -> 128MB
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
          There is no standby that could take over if PostgreSQL did not come back.
        """,
    )


def test_a_single_standby() -> None:
    assert_reads(
        plan(cluster_of(2, {"max_connections": 200})),
        """
        main: ordered restart
          1. pg2  standby, canary    max_connections 100 -> 200
          2. pg1  primary, in place  max_connections 100 -> 200
          Why this order: max_connections rises, and a standby must never have less than its primary.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
          No standby could take over while pg2 restarts, the only fit standby.
        """,
    )


def test_standbys_of_which_none_may_take_over() -> None:
    primary, second, third = cluster_of(3, {}, others=BUFFERS)
    text = plan([primary, replace(second, eligible=False), replace(third, eligible=False)], alone=True)
    assert text.endswith("\n  No standby could take over meanwhile: none is fit for it.\n")


def test_a_deferred_member_is_named_with_the_reason() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 50})
    assert_reads(
        plan([primary, second, replace(third, unfit=PAUSED, eligible=False)], alone=True),
        """
        main: ordered restart
          1. pg1  primary, in place  max_connections 100 -> 50
          2. pg2  standby, waits     until it has replayed the primary's max_connections
          3. pg2  standby            max_connections 100 -> 50
          Why this order: max_connections falls: primary first, a standby when it has replayed that.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
          No standby could take over while pg2 restarts, the only fit standby.
          Deferred to a later run: pg3 has its replay paused by hand; a restart would resume it
        """,
    )


def test_all_standbys_are_deferred() -> None:
    assert_reads(
        plan(cluster_of(3, {"max_connections": 50}), given_up=["pg2", "pg3"]),
        """
        main: ordered restart
          1. pg1  primary, in place  max_connections 100 -> 50
          Why this order: max_connections falls: primary first, a standby when it has replayed that.
          Writes are interrupted once, while pg1 restarts in place: commonly 1 to 5 s.
          Deferred to a later run: pg2 waits to replay max_connections
          Deferred to a later run: pg3 waits to replay max_connections
        """,
    )


def test_what_an_earlier_run_deferred_touches_the_primary_no_more() -> None:
    low = LOW | {"max_connections": 50}
    primary, second, third = cluster_of(3, {"max_connections": 50})
    done = [replace(primary, running=low, replayed=low), replace(second, running=low, replayed=low)]
    assert_reads(
        plan([*done, replace(third, replayed=low)]),
        """
        main: ordered restart
          1. pg3  standby            max_connections 100 -> 50
          Writes go on: the primary is not restarted.
        """,
    )
    assert_reads(
        plan([*done, replace(third, unfit=PAUSED, eligible=False)]),
        """
        main: ordered restart
          Deferred to a later run: pg3 has its replay paused by hand; a restart would resume it
        """,
    )


def test_a_plan_that_stops_shows_where_and_promises_nothing() -> None:
    primary, second, third = cluster_of(3, {"max_connections": 200})
    assert_reads(
        plan([primary, second, replace(third, unfit="does not stream", eligible=False)], alone=True),
        """
        main: ordered restart
          1. pg2   standby, canary    max_connections 100 -> 200
          2. stop                     pg3 runs with a lower max_connections and would stop replaying: it does not stream
        """,
    )


def test_of_a_standby_cluster_no_writes_are_interrupted() -> None:
    members = cluster_of(2, {"max_connections": 200})
    members[0] = replace(members[0], follows=True)
    lines = plan_lines("main", members, whole_plan(members))
    assert lines[2].split()[:3] == ["2.", "pg1", "standby"] and "standby leader" in lines[2]
    assert "  It takes no writes: only the connections of readers to a member end while it restarts." in lines
