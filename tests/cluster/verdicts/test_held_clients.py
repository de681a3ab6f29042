"""Whose clients wait for planned work, and what is said of transactions that do not end."""

from __future__ import annotations

import pytest

from cluster.declared.model import Cluster
from cluster.verdicts.held_clients import (
    HOLD,
    Holding,
    Transaction,
    busy_obstacle,
    held_hosts,
    silent_obstacle,
    transactions,
    unheld,
)
from tests.world.hosts import fake_cluster

ALL = ("postgres", "etcd", "haproxy")


def cluster(on: str = "haproxy") -> Cluster:
    return fake_cluster(roles=ALL, pgbouncer_on=on)


@pytest.mark.parametrize(
    ("on", "holding", "hosts"),
    [
        ("haproxy", HOLD, ["h1", "h2", "h3"]),
        ("members", HOLD, ["h1", "h2", "h3"]),
        ("none", HOLD, []),
        ("haproxy", Holding(wanted=False), []),
        ("haproxy", Holding(without=("h2",)), ["h1", "h3"]),
    ],
)
def test_whose_clients_wait(on: str, holding: Holding, hosts: list[str]) -> None:
    declared = cluster(on)
    assert [node.name for node in held_hosts(declared, holding)] == hosts
    assert unheld(declared, holding) == [name for name in ("h1", "h2", "h3") if name not in hosts and on != "none"]


def test_what_a_host_says() -> None:
    assert transactions("h1", ["held"]) == []
    assert transactions("h1", ["write|shop|anna|4711"]) == [Transaction("h1", "write", "shop", "anna", 4711)]
    assert transactions("h1", []) is None  # a host that says nothing does not say that they wait


def test_transactions_that_do_not_end_are_named_with_the_ways_out() -> None:
    found = [Transaction("h1", "write", "shop", "anna", pid) for pid in range(1, 13)]
    obstacle = busy_obstacle(cluster(), found)
    assert obstacle.reason.startswith(
        "12 transactions through PgBouncer last longer than 5 s: anna in shop, process 1 (pool write on h1); "
    )
    assert obstacle.reason.endswith("process 10 (pool write on h1) and 2 more")
    assert "--data transactions=wait" in obstacle.hint and "--data transactions=terminate" in obstacle.hint


def test_a_pool_that_does_not_answer_is_named() -> None:
    obstacle = silent_obstacle(["h2", "h3"])
    assert obstacle.reason == "PgBouncer on h2, h3 does not hold its clients back"
    assert obstacle.hint.endswith("--data without_pool=h2,h3")
