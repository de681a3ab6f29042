"""Signs of trouble, as hosts answer."""

from __future__ import annotations

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.health.etcd import EtcdHealth
from facts.health.haproxy import HaproxySessions
from facts.health.host import HostHealth
from facts.health.patroni import PatroniHealth
from facts.health.postgres import PostgresHealth

WHOLE = '{"standby" : false, "freeze_max_age" : 200000000, "ages" : {}, "checksum_failures" : {}}'
DATABASE = '{"database" : "odd name", "sequences" : [], "invalid" : ["public.bad"]}'


def test_a_primary_tells_of_each_database() -> None:
    seen = PostgresHealth().process([WHOLE, DATABASE])
    assert seen is not None and [one["invalid"] for one in seen["databases"]] == [["public.bad"]]


@pytest.mark.parametrize("lines", [["null"], [WHOLE, "null"], [WHOLE, DATABASE, "null"]])
def test_a_database_that_cannot_be_read_is_not_one_without_trouble(lines: list[str]) -> None:
    assert PostgresHealth().process(lines) is None


def test_it_looks_in_no_schema_in_which_others_may_create_functions() -> None:
    assert "search_path=pg_catalog" in PostgresHealth().command()


def test_patroni_that_is_silent_is_none() -> None:
    assert PatroniHealth().process(["null"]) is None
    said = '{"failsafe": false, "unseen_seconds": 2.9, "turns": ["2026-11-27T17:00:43.972660+00:00"]}'
    assert PatroniHealth().process([said]) == {
        "failsafe": False,
        "unseen_seconds": 2.9,
        "turns": ["2026-11-27T17:00:43.972660+00:00"],
    }


def test_the_journal_of_etcd_is_counted() -> None:
    assert EtcdHealth().process(["3 1"]) == {"slow": 3, "elections": 1}


def test_a_host_tells_of_directories_and_of_what_was_killed() -> None:
    lines = ["place|/var/lib/etcd/main|3|rw", "place|/backups||ro", "killed|patroni.service"]
    assert HostHealth().process(lines) == {
        "inodes": {"/var/lib/etcd/main": 3, "/backups": None},
        "read_only": ["/backups"],
        "killed": ["patroni.service"],
    }


def test_sessions_are_those_of_the_ports() -> None:
    lines = ["# pxname,svname,scur,slim", "primary,FRONTEND,2,1140", "statistics,FRONTEND,0,100", ""]
    assert HaproxySessions().process(lines) == {"primary": (2, 1140), "statistics": (0, 100)}
    with pytest.raises(FactProcessError, match="lack scur, slim"):
        HaproxySessions().process(["# pxname,svname"])
