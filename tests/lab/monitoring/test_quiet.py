"""Runs of ours under a load page nobody: what they do is what was meant to be done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    """What pages somebody while the block goes on; looked at every other second."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(daemon=True)
        self.watched, self.seen, self.over = watched, set[str](), threading.Event()

    def __enter__(self) -> Pages:
        self.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            self.seen |= self.watched.alerts("page")


def changed(watched: Watched) -> Path:
    """An inventory with a setting that needs a restart."""
    return write_inventory(
        watched.lab, watched.directory, WATCHED_HOSTS, postgres_parameters={"max_connections": 120}, **SETTINGS
    )


def test_a_built_cluster_raises_no_alert(watched: Watched) -> None:
    wait_until("no alert", lambda: not watched.alerts(), seconds=SETTLE_SECONDS, poll_seconds=LOOK_SECONDS)


def test_a_run_of_each_kind_under_a_load_pages_nobody(watched: Watched) -> None:
    other = replicas(watched.lab)[0].container
    with Pages(watched) as pages, Load(dsn(watched.lab)) as load:
        for deploy, *options in (
            ("backup",),
            ("switchover", f"candidate={other}"),
            ("etcd_snapshot",),
            ("pause",),
            ("resume",),
            ("restart", f"node={replicas(watched.lab)[0].container}"),
        ):
            run(watched.inventory, f"deploys/{deploy}.py", *(word for one in options for word in ("--data", one)))
            print(f"{deploy}: {sorted(pages.seen) or 'no page'}")
        inventory = changed(watched)
        run(inventory)
        run(inventory, "deploys/restart_pending.py")
        wait_until_settled(watched.lab)
        wait_until(
            "no page is about to come", lambda: not watched.alerts("page"), seconds=60, poll_seconds=LOOK_SECONDS
        )
    assert pages.seen == set()
    assert not load.verdict().lost
    print(f"{load.report().acknowledged} writes acknowledged, none lost, no page")
