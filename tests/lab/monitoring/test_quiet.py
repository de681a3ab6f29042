"""Runs of ours under a load page nobody: what they do is what was meant to be done."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.lab.vocabulary.alerts import WATCHED_HOSTS, Watched
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import dsn, replicas, run, site, wait_until_settled, write_inventory
from tests.lab.vocabulary.waiting import wait_until

SETTINGS = {"monitoring": True, "monitoring_scrape_seconds": 5, "findings_minutes": 1}
SETTLE_SECONDS = 300
LOOK_SECONDS = 2


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("quiet")
    with site("qu-quiet", directory, hosts=WATCHED_HOSTS, **SETTINGS) as ready:
        run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Watched(ready.lab, ready.inventory, directory)


class Pages(threading.Thread):
    """What pages somebody while the block goes on; looked at every other second, or the block fails."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(daemon=True)
        self.watched, self.seen, self.over = watched, set[str](), threading.Event()
        self.failed: Exception | None = None

    def __enter__(self) -> Pages:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.over.set()
        self.join()
        if self.failed is not None and failure == (None, None, None):
            raise self.failed

    def run(self) -> None:
        try:
            while not self.over.wait(LOOK_SECONDS):
                self.seen |= self.watched.alerts("page")
        except (requests.RequestException, KeyError, ValueError) as error:
            self.failed = error


def declared(watched: Watched, connections: int) -> Path:
    """The inventory with a setting that needs a restart. + connections: its value"""
    parameters = {"max_connections": connections}
    return write_inventory(watched.lab, watched.directory, WATCHED_HOSTS, postgres_parameters=parameters, **SETTINGS)


def a_round(watched: Watched, number: int) -> Iterator[str]:
    """One run of each kind. + number: of the round"""
    standby = replicas(watched.lab)[0].container
    inventory = declared(watched, 110 + number % 2)
    for deploy, *options in (
        ("backup",),
        ("switchover", f"candidate={standby}"),
        ("etcd_snapshot",),
        ("pause",),
        ("resume",),
        ("restart", f"node={standby}"),
        ("configure",),
        ("restart_pending",),
        ("cluster",),
    ):
        run(inventory, f"deploys/{deploy}.py", *(word for one in options for word in ("--data", one)))
        yield deploy
    wait_until_settled(watched.lab)


def test_a_built_cluster_raises_no_alert(watched: Watched) -> None:
    wait_until("no alert", lambda: not watched.alerts(), seconds=SETTLE_SECONDS, poll_seconds=LOOK_SECONDS)


def test_a_run_of_each_kind_under_a_load_pages_nobody(watched: Watched) -> None:
    """One round of them; QUIET_MINUTES says for how long there are further ones."""
    ends, rounds = time.monotonic() + 60 * float(os.environ.get("QUIET_MINUTES", "0")), 0
    with Pages(watched) as pages, Load(dsn(watched.lab)) as load:
        while not rounds or time.monotonic() < ends:
            rounds += 1
            for deploy in a_round(watched, rounds):
                assert pages.seen == set(), deploy
        coming = ("pending", "firing")
        wait_until(
            "no page is about to come",
            lambda: not watched.alerts("page", states=coming),
            seconds=SETTLE_SECONDS,
            poll_seconds=LOOK_SECONDS,
        )
    assert pages.seen == set()
    assert not load.verdict().lost
    print(f"{rounds} rounds, {load.report().acknowledged} writes acknowledged, none lost, no page")
