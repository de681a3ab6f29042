"""Where HAProxy sends clients: by lag, by zone, to whom there is a connection left; and that a run's proof sees it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from facts.haproxy import HaproxyServers
from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    dsn,
    leader,
    replicas,
    run,
    site,
    sql,
    start_times,
    switchover,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

ZONES = {"pg1": "a", "pg2": "a", "pg3": "b"}
LIMIT_MIB, QUEUE_SECONDS = 16, 15
PLACES = 30  # of 40 connections: 5 are reserved, 5 the cluster's own
SETTINGS: dict[str, Any] = {
    "patroni_synchronous_mode": "on",
    "postgres_parameters": {"max_connections": 40},
    "haproxy_replica_max_lag_mib": LIMIT_MIB,
    "haproxy_queue_seconds": QUEUE_SECONDS,
    "haproxy_unanswered_seconds": 10,
}
SEEN_SECONDS = 60  # the leader writes its position once in loop_wait, and HAProxy asks every two seconds
# Far below the kernel's 15 minutes, far above what is declared.
UNANSWERED_SECONDS = 120
CHECK, STATUS = "deploys/check.py", "deploys/status.py"
WAITERS = 5
REFUSED = "sorry, too many clients|remaining connection slots"


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members in two zones, with few connections and a synchronous standby."""
    directory = tmp_path_factory.mktemp("routing")
    with site("routing", directory) as ready:
        inventory = write_inventory(ready.lab, directory, **SETTINGS)
        named = {ready.lab.host(name).container: zone for name, zone in ZONES.items()}
        apart = f'for _name, _data in postgres:\n    _data["haproxy_zone"] = {named!r}[_name]\n'
        inventory.write_text(f"{inventory.read_text()}\n{apart}")
        first = run(inventory)
        wait_until_settled(ready.lab)
        assert leader(ready.lab) == ready.lab.host("pg1")
        yield Built(ready.lab, inventory, first)


def servers(host: Host, section: str) -> dict[str, dict[str, Any]]:
    """The servers of a section of a host's HAProxy, by name."""
    return HaproxyServers().parsed(run_in(host.container, HaproxyServers().command()).splitlines())[section]


def up(host: Host, section: str) -> set[str]:
    """Those that are fit."""
    return {name for name, server in servers(host, section).items() if server["status"] == "UP"}


def reached(routed: Built, via: str, port: int = 5001, count: int = 4) -> set[str]:
    """The members that so many clients at once get to through a port, by short name; empty when one gets nowhere."""
    names = {host.address4: name for name in MEMBERS if (host := routed.lab.host(name))}
    with ExitStack() as held:
        try:
            clients = [held.enter_context(psycopg.connect(dsn(routed.lab, port, via))) for _ in range(count)]
            rows = [one.execute("select host(inet_server_addr())").fetchone() for one in clients]
        except psycopg.Error:
            return set()
    return {names[row[0]] for row in rows if row is not None}


def wait_until_reached(routed: Built, via: str, names: set[str], port: int = 5001) -> None:
    """Return when clients of a host's port get to these members and to no other."""
    wait_until(f"{port} of {via} leads to {names}", lambda: reached(routed, via, port) == names, seconds=SEEN_SECONDS)


def test_readers_go_to_their_zone_first(routed: Built) -> None:
    wait_until_reached(routed, "pg1", {"pg2"})
    wait_until_reached(routed, "pg3", {"pg3"})
    assert reached(routed, "pg1", 5004) == {"pg1", "pg2"}, "the leader is of this zone as well"
    assert reached(routed, "pg3", 5004) == {"pg3"}


def test_a_second_run_changes_nothing_and_proves_every_port(routed: Built) -> None:
    before = start_times(routed.lab)
    assert_changes_nothing(routed.inventory)
    assert start_times(routed.lab) == before


def test_a_zone_without_a_replica_is_served_by_the_others(routed: Built) -> None:
    stopped = routed.lab.host("pg2")
    run_in(stopped.container, "systemctl stop patroni")
    try:
        wait_until_reached(routed, "pg1", {"pg3"})
        assert sql(routed.lab, "select pg_is_in_recovery()", 5001) == [(True,)]
    finally:
        run_in(stopped.container, "systemctl start patroni")
    wait_until_settled(routed.lab)
    wait_until_reached(routed, "pg1", {"pg2"})


def test_a_replica_that_lags_gets_no_readers_until_it_has_caught_up(routed: Built) -> None:
    lab, slow = routed.lab, routed.lab.host("pg2")
    with faults.replays_nothing(slow.container):
        sql(lab, "create table lagging as select repeat(md5(i::text), 20) from generate_series(1, 100000) i")
        for name in MEMBERS:
            gone = lambda name=name: slow.container not in up(lab.host(name), "replicas")  # noqa: E731
            wait_until(f"{name} sends it no readers", gone, seconds=SEEN_SECONDS)
        assert reached(routed, "pg1") == {"pg3"}
        assert f"{slow.container}-replicas" not in up(lab.host("pg1"), "any")
        said = run(routed.inventory, CHECK, check=False, as_json=False).log
        words = " ".join(said.split())
        assert "gets no readers from HAProxy on" in words and f"; {LIMIT_MIB} MiB are permitted" in words, said
        assert f"{slow.container} lags" in run(routed.inventory, STATUS, check=False, as_json=False).log
    wait_until_reached(routed, "pg1", {"pg2"})
    sql(lab, "drop table lagging")
    wait_until_settled(lab)


class Waiter(threading.Thread):
    """A client that comes, waits, and goes. + outcome: how it ended, empty as long as it has not"""

    def __init__(self, conninfo: str) -> None:
        super().__init__(daemon=True)
        self.conninfo, self.outcome = conninfo, ""

    def run(self) -> None:
        try:
            with psycopg.connect(self.conninfo) as connection:
                connection.execute("select 1")
                self.outcome = "served"
        except psycopg.Error as error:
            self.outcome = " ".join(str(error).split())


def waiting(routed: Built, count: int, via: str = "pg1") -> list[Waiter]:
    """Clients of the primary for whom there is no connection."""
    clients = [Waiter(dsn(routed.lab, host=via, connect_timeout=120)) for _ in range(count)]
    for client in clients:
        client.start()
    host = routed.lab.host(via)
    wait_until("they wait in HAProxy", lambda: queued(host) == count, seconds=QUEUE_SECONDS)
    return clients


def queued(host: Host) -> int:
    """How many clients of the primary's port wait in a host's HAProxy."""
    ask = "echo 'show stat primary 2 -1 json' | perl -MIO::Socket::UNIX -e '{}' /run/haproxy/admin.sock"
    talk = "$s = IO::Socket::UNIX->new(shift); print $s <STDIN>; print while <$s>"
    (row,) = json.loads(run_in(host.container, ask.format(talk)))
    return int(next(one["value"]["value"] for one in row if one["field"]["name"] == "qcur"))


@contextmanager
def all_places_taken(routed: Built, via: str = "pg1") -> Iterator[list[psycopg.Connection[Any]]]:
    """As many clients of the primary as may be connected."""
    with ExitStack() as held:
        yield [held.enter_context(psycopg.connect(dsn(routed.lab, host=via), autocommit=True)) for _ in range(PLACES)]


def refusals(routed: Built) -> int:
    """How many clients PostgreSQL has refused for want of a connection, on all members."""
    count = f"cat /var/log/postgresql/*.log | grep -cE '{REFUSED}' || true"
    return sum(int(run_in(routed.lab.host(name).container, count)) for name in MEMBERS)


def test_who_finds_no_connection_waits_for_one(routed: Built) -> None:
    before = refusals(routed)
    with all_places_taken(routed) as clients:
        waiters = waiting(routed, WAITERS)
        assert reached(routed, "pg1") == {"pg2"}, "the readers' port has places of its own"
        assert up(routed.lab.host("pg1"), "primary") == {leader(routed.lab).container}
        for client in clients[:WAITERS]:
            client.close()
        wait_until("they are served", lambda: all(one.outcome for one in waiters), seconds=QUEUE_SECONDS)
        assert [one.outcome for one in waiters] == ["served"] * WAITERS
    assert refusals(routed) == before


def test_who_waits_too_long_is_told_so(routed: Built) -> None:
    with all_places_taken(routed):
        (waiter,) = waiting(routed, 1)
        wait_until("it gives up", lambda: waiter.outcome, seconds=QUEUE_SECONDS + 30)
        assert waiter.outcome != "served"
    assert sql(routed.lab, "select 1") == [(1,)]


def works(client: psycopg.Connection[Any]) -> bool:
    """Whether a session is still there."""
    try:
        client.execute("select 1")
    except psycopg.Error:
        return False
    return True


def test_a_session_with_a_member_that_vanished_ends_long_before_the_kernel_would(routed: Built) -> None:
    lost = routed.lab.host("pg2")
    wait_until_reached(routed, "pg1", {"pg2"})
    with psycopg.connect(dsn(routed.lab, 5001), autocommit=True) as client:
        client.execute("select 1")
        faults.cut_ports(lost.container, [5432])
        asking = threading.Thread(target=works, args=(client,), daemon=True)
        try:
            began = time.monotonic()
            asking.start()
            wait_until("the client is told", lambda: not asking.is_alive(), seconds=UNANSWERED_SECONDS)
            print(f"told after {time.monotonic() - began:.1f} s")
            assert client.closed
        finally:
            faults.heal(lost.container)
    wait_until_settled(routed.lab)


def test_a_wrong_member_behind_a_port_fails_the_proof(routed: Built) -> None:
    """HAProxy is told that a member fits which does not; no file differs, so the run has nothing to mend."""
    wait_until_settled(routed.lab)
    own, standbys = routed.lab.host("pg1"), [host.container for host in replicas(routed.lab)]
    wait_until("one standby is synchronous", lambda: len(up(own, "synchronous")) == 1, seconds=SEEN_SECONDS)
    wrong = next(name for name in standbys if name not in up(own, "synchronous"))
    orders = f"disable health synchronous/{wrong}; set server synchronous/{wrong} health up"
    right = next(name for name in standbys if name != wrong)
    away = f"set server synchronous/{right} state maint"
    tell(own, f"{orders}; {away}")
    try:
        done = run(routed.inventory, check=False)
        assert done.code != 0
        assert f"leads to {wrong}, which is not synchronous" in " ".join(done.log.split()), done.log
    finally:
        tell(own, f"enable health synchronous/{wrong}; set server synchronous/{right} state ready")
    wait_until("it is found out", lambda: up(own, "synchronous") == {right}, seconds=SEEN_SECONDS)
    assert_changes_nothing(routed.inventory)


def test_who_waits_when_the_primary_changes_is_served_by_the_new_one_or_told(routed: Built) -> None:
    (able,) = up(routed.lab.host("pg1"), "synchronous")  # no other standby may take over
    with all_places_taken(routed) as clients:
        waiters = waiting(routed, WAITERS)
        began = time.monotonic()
        switchover(routed.lab, routed.lab.host(able))
        wait_until("nobody waits for ever", lambda: all(one.outcome for one in waiters), seconds=QUEUE_SECONDS + 60)
        print(f"after {time.monotonic() - began:.1f} s: {[one.outcome for one in waiters]}")
        wait_until("sessions of the old primary are closed", lambda: not any(map(works, clients)), seconds=60)
    assert queued(routed.lab.host("pg1")) == 0
    wait_until_settled(routed.lab)


def tell(host: Host, orders: str) -> None:
    """Orders to a running HAProxy."""
    talk = "$s = IO::Socket::UNIX->new(shift); print $s shift, qq(\\n); print while <$s>"
    run_in(host.container, f"perl -MIO::Socket::UNIX -e '{talk}' /run/haproxy/admin.sock '{orders}'")
