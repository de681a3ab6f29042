"""
Planned work that clients of PgBouncer do not notice: twenty of them write in transactions of several statements all the
time, and none gets an error. And what becomes of them when the run that lets them wait ends in the middle.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.pooled_load import PooledLoad, judge
from tests.lab.vocabulary.runs import (
    MEMBERS,
    SETTLE_SECONDS,
    Site,
    assert_changes_nothing,
    dsn,
    is_settled,
    kill_run,
    leader,
    replicas,
    run,
    site,
    start,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

POOLERS = ("haproxy1", "haproxy2")
HOSTS = (*MEMBERS, *POOLERS)
HOLD = "pgbouncer-hold@write"
PAUSE_SECONDS = 8  # shorter than by default: the tests wait for it
WRITES = 200
SWITCHOVERS = 20


class Place(Site):
    """Three members, and two hosts of HAProxy with PgBouncer."""

    directory: Path

    @property
    def poolers(self) -> list[Host]:
        return self.lab.hosts(POOLERS)

    def declare(self, **other: Any) -> None:
        given = {"pgbouncer_on": "haproxy", "pgbouncer_pause_seconds": PAUSE_SECONDS}
        write_inventory(self.lab, self.directory, HOSTS, **{**given, **other})

    def dsn(self) -> str:
        """How a client connects to the pool for writing, on either host."""
        hosts = ",".join(host.address4 for host in self.poolers)
        known = dsn(self.lab, connect_timeout=30)
        return psycopg.conninfo.make_conninfo(known, host=hosts, port="6432,6432", load_balance_hosts="random")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("t-held")
    with site("t-held", directory, hosts=HOSTS) as bare:
        found = Place(bare.lab, bare.inventory)
        object.__setattr__(found, "directory", directory)
        found.declare()
        yield found


@contextmanager
def clients(place: Place) -> Iterator[PooledLoad]:
    with PooledLoad(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=60)
        yield load
        load.wait_for_writes(WRITES, seconds=120)


def settled(place: Place) -> None:
    wait_until("all members stream from one leader", lambda: is_settled(place.lab), seconds=SETTLE_SECONDS)


def is_held(place: Place) -> bool:
    return all(
        run_in(host.container, f"systemctl is-active {HOLD} || true").strip() == "active" for host in place.poolers
    )


def nobody_waits(place: Place) -> None:
    """No pool is paused, and nothing of the hold is left."""
    for host in place.poolers:
        asked = "cd / && runuser -u postgres -- psql -XAt -h /run/pgbouncer/write -p 6432 -U pgbouncer pgbouncer"
        wait_until(
            f"{host.short_name} holds nobody",
            lambda asked=asked, host=host: "paused|no" in run_in(host.container, f"{asked} -c 'SHOW STATE'"),
            seconds=60,
        )
        ask = f"systemctl is-active {HOLD} || true"
        wait_until(
            "nothing of the hold is left",
            lambda host=host, ask=ask: run_in(host.container, ask).strip() == "inactive",
            seconds=60,
        )


def test_a_build_and_a_second_run(place: Place) -> None:
    built = run(place.inventory)
    print(f"built in {built.seconds:.1f} s")
    assert_changes_nothing(place.inventory)


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_connections": 140},
        {"max_connections": 120},
        {"max_connections": 130, "max_locks_per_transaction": 80, "max_worker_processes": 7},
    ],
    ids=["raised", "lowered", "mixed"],
)
def test_an_ordered_restart(place: Place, parameters: dict[str, int]) -> None:
    place.declare(postgres_parameters=parameters)
    with clients(place) as load:
        run(place.inventory)
        done = run(place.inventory, "deploys/restart_pending.py")
    judge(f"ordered restart in {done.seconds:.1f} s", load)
    nobody_waits(place)
    assert_changes_nothing(place.inventory)


def test_restarts_on_demand_in_place_and_by_switchover(place: Place) -> None:
    for by in ("restart", "switchover"):
        with clients(place) as load:
            done = run(place.inventory, "deploys/restart.py", "--data", f"by={by}")
        judge(f"restart of all by {by} in {done.seconds:.1f} s", load)
    nobody_waits(place)


def test_twenty_switchovers(place: Place) -> None:
    with clients(place) as load:
        for _ in range(SWITCHOVERS):
            run(place.inventory, "deploys/switchover.py")
    judge(f"{SWITCHOVERS} switchovers", load)
    nobody_waits(place)


@contextmanager
def a_long_transaction(place: Place) -> Iterator[Callable[[], None]]:
    """A client that begins a transaction through the pool and does not end it. Yields what ends it."""
    with psycopg.connect(place.dsn()) as connection:
        connection.execute("select pg_backend_pid()")
        yield connection.commit


def test_a_transaction_that_does_not_end_ends_the_run_and_nobody_waits_for_it(place: Place) -> None:
    before = leader(place.lab)
    with clients(place) as load, a_long_transaction(place):
        refused = run(place.inventory, "deploys/switchover.py", check=False)
        said = " ".join(refused.log.split())
        assert refused.code != 0 and "1 transactions through PgBouncer last longer than 5 s: admin in app" in said
        assert "--data transactions=terminate" in said
    judge("refused for a long transaction", load)
    assert leader(place.lab) == before
    nobody_waits(place)


def test_a_run_waits_for_the_end_of_a_transaction_while_others_are_served(place: Place) -> None:
    before = leader(place.lab)
    with clients(place) as load, a_long_transaction(place) as end:
        threading.Timer(20, end).start()
        run(place.inventory, "deploys/switchover.py", "--data", "transactions=wait")
    judge("waited for a transaction of 20 s", load)
    assert leader(place.lab) != before


def test_a_transaction_is_terminated_on_demand(place: Place) -> None:
    before = leader(place.lab)
    with clients(place) as load:
        with pytest.raises(psycopg.Error), a_long_transaction(place) as end:
            done = run(place.inventory, "deploys/switchover.py", "--data", "transactions=terminate")
            end()
        assert "ends the transaction of admin in app" in " ".join(done.log.split())
    judge("terminated a transaction", load)
    assert leader(place.lab) != before


def held_then(place: Place, deploy: str, act: Callable[[Any], None], *words: str) -> float:
    """Begin a run, do something when clients wait for it, and return how long none was served after that."""
    process = start(place.inventory, deploy, *words)
    try:
        wait_until("clients wait", lambda: is_held(place), seconds=120, poll_seconds=0.05)
        act(process)
        moment = time.monotonic()
        wait_until("nobody waits", lambda: not is_held(place), seconds=120, poll_seconds=0.05)
        return time.monotonic() - moment
    finally:
        kill_run(process)
        process.communicate()


def test_a_run_that_is_killed_leaves_nobody_waiting(place: Place) -> None:
    with clients(place) as load:
        seconds = held_then(place, "deploys/restart.py", kill_run)
    print(f"\nclients went on {seconds:.1f} s after the run was killed")
    judge("run killed while clients waited", load, unheard=False)
    settled(place)
    nobody_waits(place)
    with clients(place) as load:
        run(place.inventory, "deploys/restart.py")
    judge("the next run", load)


def test_a_control_machine_that_is_cut_off_leaves_nobody_waiting(place: Place) -> None:
    hosts = [host.container for host in place.lab.hosts(HOSTS)]
    try:
        with clients(place) as load:
            seconds = held_then(
                place, "deploys/switchover.py", lambda _: [faults.cut_ports(host, [22]) for host in hosts]
            )
    finally:
        for host in hosts:
            faults.heal(host)
    print(f"\nclients went on {seconds:.1f} s after the control machine was cut off")
    judge("control machine cut off while clients waited", load, unheard=False)
    settled(place)
    nobody_waits(place)


def test_a_pool_that_dies_while_its_clients_wait(place: Place) -> None:
    victim = place.poolers[0].container
    with clients(place) as load:
        held_then(place, "deploys/switchover.py", lambda _: faults.kill_process(victim, "pools/write[.]ini"))
    judge("PgBouncer killed while its clients waited", load, unheard=False)
    settled(place)
    nobody_waits(place)


def test_a_switchover_that_fails_while_clients_wait(place: Place) -> None:
    """Its candidate is gone between the last look and the request: Patroni refuses."""
    before, candidate = leader(place.lab), replicas(place.lab)[0].container
    signal = "systemctl kill --kill-whom=main --signal={} patroni"
    with clients(place) as load, a_long_transaction(place) as end:

        def freeze(process: Any) -> None:
            run_in(candidate, signal.format("STOP"))
            end()
            assert process.wait(timeout=300) != 0

        try:
            held_then(place, "deploys/switchover.py", freeze, "--data", f"candidate={candidate}")
        finally:
            run_in(candidate, signal.format("CONT"))
    judge("switchover failed while clients waited", load, unheard=False)
    settled(place)
    assert leader(place.lab) == before
    nobody_waits(place)


def test_a_pool_that_does_not_answer_is_named_or_left_out(place: Place) -> None:
    before, frozen = leader(place.lab), place.poolers[1].container
    run_in(frozen, "systemctl kill --kill-whom=main --signal=STOP pgbouncer@write")
    try:
        refused = run(place.inventory, "deploys/switchover.py", check=False)
        said = " ".join(refused.log.split())
        assert refused.code != 0 and f"PgBouncer on {frozen} does not hold its clients back" in said
        assert leader(place.lab) == before
        run(place.inventory, "deploys/switchover.py", "--data", f"without_pool={frozen}")
        assert leader(place.lab) != before
    finally:
        run_in(frozen, "systemctl kill --kill-whom=main --signal=CONT pgbouncer@write; true")
    nobody_waits(place)


def test_the_leader_leaves(place: Place) -> None:
    leaving = leader(place.lab).container
    with clients(place) as load:
        run(place.inventory, "deploys/remove_node.py", "--data", f"node={leaving}")
    judge("removal of the leader", load)
    nobody_waits(place)
