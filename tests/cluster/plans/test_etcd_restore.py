"""From what a lost etcd is rebuilt, and which member leads then."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import UnsafeError
from cluster.measures import age_text
from cluster.plans.etcd_restore.order import DATA, SNAPSHOT, Order, Source, order_of
from cluster.plans.etcd_restore.plan import home_of, refuse_unread, sources
from cluster.plans.etcd_restore.text import restore_lines
from cluster.verdicts.data_positions import DataPosition
from tests.world.hosts import fake_cluster

LIVE = "/var/lib/etcd/main/member/snap/db"
ASIDE = "/var/lib/etcd/main.before-20261101T000000000000/member/snap/db"
NOW = 1795262400
SOURCE = Source("h1", DATA, LIVE, 120, NOW)
ORDER = Order("20261121T225509000000", SOURCE, "h1", "h1")


def remains(kept: dict[str, int] | None = None, snapshot: int | None = None, **other: Any) -> Any:
    listed = [{"path": f"/s/{snapshot}.db", "at": NOW - 600, "revision": snapshot}] if snapshot is not None else []
    found = [{"path": path, "at": NOW, "revision": revision} for path, revision in (kept or {}).items()]
    state = {"active": False, "quorum": False, "data": LIVE in (kept or {}), "damaged": [], "order": None, "now": NOW}
    return {**state, "kept": found, "snapshots": listed, **other}


def test_the_highest_revision_is_the_best_source_whatever_it_is() -> None:
    seen = {"h1": remains({LIVE: 120}, 110), "h2": remains(snapshot=130), "b": None}
    assert [(one.host, one.revision) for one in sources(seen)] == [("h2", 130), ("h1", 120), ("h1", 110)]


def test_of_equals_the_data_of_a_member() -> None:
    assert [one.kind for one in sources({"h1": remains({LIVE: 120}, 120)})] == [DATA, SNAPSHOT]


def test_what_an_earlier_rebuilding_put_aside_comes_last() -> None:
    assert [one.revision for one in sources({"h1": remains({ASIDE: 900}, 110)})] == [110, 900]


def test_etcd_begins_again_where_the_source_is_or_on_its_first_host() -> None:
    cluster = fake_cluster(3)
    assert home_of(cluster, Source("h3", SNAPSHOT, "/s", 1, NOW)).name == "h3"
    assert home_of(cluster, Source("backup1", SNAPSHOT, "/s", 1, NOW)).name == "h1"


def test_the_note_that_knows_most_counts() -> None:
    earlier, later = remains(order=ORDER.note), remains(order=ORDER.led_by("h1").note)
    assert order_of({"h1": earlier, "h2": later, "h3": None, "b": remains()}) == ORDER.led_by("h1")
    assert order_of({"h1": remains()}) is None


def test_a_source_in_its_place_is_found_where_it_was_put() -> None:
    cluster = fake_cluster(3)
    assert ORDER.source_path(cluster) == "/var/lib/etcd/main.before-20261121T225509000000/member/snap/db"
    before = Order("2", Source("h1", DATA, ASIDE, 120, NOW), "h1", None)
    assert before.source_path(cluster) == ASIDE


def test_a_host_that_cannot_be_read_may_be_the_most_advanced() -> None:
    with pytest.raises(UnsafeError) as refused:
        refuse_unread(fake_cluster(3), ["h2"], [])
    assert str(refused.value) == (
        "h2 cannot be read: it may be the most advanced, or have etcd's quorum with others\n"
        "HINT: bring it back; if it is gone for good and switched off, add --data without=h2 --exclude h2. "
        "nothing was touched."
    )


def test_a_host_outside_the_run_would_go_on_by_itself() -> None:
    with pytest.raises(UnsafeError, match="h3 is not in this run, and would continue with what it has"):
        refuse_unread(fake_cluster(3), [], ["h3"])


def test_the_plan_says_what_was_found_and_what_comes() -> None:
    seen = {"h1": remains({LIVE: 120}, 110, active=True), "h2": remains(), "h3": remains(damaged=["/s/9.db"])}
    standing = [
        DataPosition("h1", "primary", True, 3, 0x3000180, 0x3000180, False, "76"),
        DataPosition("h2", "down", False, 3, 0x3000100, 0x3000100, True, "76"),
    ]
    assert restore_lines(fake_cluster(3), seen, standing, ORDER) == [
        "The etcd of main is lost: it has no quorum",
        "  etcd       h1  runs, without a quorum; its data at revision 120",
        "  etcd       h2  is down; no data that can be read",
        "  etcd       h3  is down; no data that can be read",
        "  snapshots  h1  revision 110, 10 min old",
        "  snapshots  h2  none",
        "  snapshots  h3  none; damaged: /s/9.db",
        "  PostgreSQL h1  primary, timeline 3, 0/3000180",
        "  PostgreSQL h2  down, timeline 3, 0/3000100",
        "  from       the data of its member on h1, revision 120",
        "  first      h1 begins etcd again; h2, h3 to join it",
        "  leads      h1: its data go furthest; compared once more when all are stopped",
        "  costs      no writes and no reads from the stop until it leads; every connection ends",
        "  kept       the etcd data that are stored there now, in /var/lib/etcd/main.before-20261121T225509000000",
    ]


@pytest.mark.parametrize(("seconds", "said"), [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h")])
def test_durations_are_said_as_people_say_them(seconds: int, said: str) -> None:
    assert age_text(seconds) == said
