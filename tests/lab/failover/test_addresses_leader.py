"""
An address that follows the primary, and one that follows a replica, on the members' own network: who has it is looked
at twenty times a second, through switchovers, deaths, and everything that stands still.
"""

import time
from collections.abc import Iterator

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.addresses import AddressWatch, judge, looked
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
    SMALL,
    TAKEOVER_SECONDS,
    Site,
    another_leader,
    assert_changes_nothing,
    dsn,
    leader,
    replicas,
    run,
    site,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

WRITES = 100


class Place(Site):
    """A lab with addresses that follow the roles."""

    @property
    def write(self) -> list[str]:
        return [str(self.lab.subnet4[100]), str(self.lab.subnet6[0x100])]

    @property
    def read(self) -> list[str]:
        return [str(self.lab.subnet4[101])]

    @property
    def hosts(self) -> list[Host]:
        return self.lab.hosts(MEMBERS)

    def watch(self) -> AddressWatch:
        return AddressWatch(self.hosts, [*self.write, *self.read])

    def dsn(self, address: str) -> str:
        """How a client connects to an address itself."""
        return psycopg.conninfo.make_conninfo(dsn(self.lab, connect_timeout=2), host=address, port=5432)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("t-lead")
    with site("t-lead", directory) as bare:
        found = Place(bare.lab, bare.inventory)
        # No acknowledged write may be lost, not even those of a primary that is cut off with its clients.
        given = {"vip_mode": "leader", "vip_write": found.write, "vip_read": found.read}
        write_inventory(bare.lab, directory, patroni_synchronous_mode="on", **given)
        yield found


def holder(place: Place, address: str) -> str | None:
    """The one host that has an address; None: none has, or more than one."""
    found = looked(place.hosts, [address]).holders[address]
    return next(iter(found)) if len(found) == 1 else None


def wait_for_holder(place: Place, address: str, host: Host, seconds: float = TAKEOVER_SECONDS) -> None:
    wait_until(f"{host.container} has {address}", lambda: holder(place, address) == host.container, seconds=seconds)


def test_the_primary_and_a_replica_have_the_addresses(place: Place) -> None:
    built = run(place.inventory)
    print(f"built in {built.seconds:.1f} s")
    leading = leader(place.lab)
    for address in place.write:
        wait_for_holder(place, address, leading)
    standbys = {host.container for host in replicas(place.lab)}
    wait_until("a replica has the address for reading", lambda: holder(place, place.read[0]) in standbys, seconds=30)
    with Load(place.dsn(place.write[0])) as load:
        load.wait_for_writes(WRITES, seconds=30)
    assert not load.verdict().lost
    assert_changes_nothing(place.inventory)


def test_a_switchover(place: Place) -> None:
    old, via = leader(place.lab), replicas(place.lab)[0]
    with place.watch() as watch, Load(place.dsn(place.write[0])) as load:
        load.wait_for_writes(WRITES, seconds=30)
        run(place.inventory, "deploys/switchover.py")
        new = another_leader(place.lab, old, via.short_name)
        wait_for_holder(place, place.write[0], new)
        load.wait_for_writes(WRITES, seconds=20)
    judge("switchover", watch, load)
    wait_until_settled(place.lab)


def test_the_host_of_the_primary_dies_and_boots(place: Place) -> None:
    old, via = leader(place.lab), replicas(place.lab)[0]
    with place.watch() as watch, Load(place.dsn(place.write[1])) as load:
        load.wait_for_writes(WRITES, seconds=30)
        killed_at = time.monotonic()
        faults.kill(old.container)
        new = another_leader(place.lab, old, via.short_name)
        led_at = time.monotonic()
        wait_for_holder(place, place.write[0], new)
        load.wait_for_writes(WRITES, seconds=30)
        faults.start(old.container)
        wait_until_ready(old)
        wait_until_settled(place.lab)
    taken = watch.since(killed_at, place.write[0], new.container)
    print(f"\naddress on {new.container} {taken:.1f} s after the kill, seen as leader after {led_at - killed_at:.1f} s")
    booted = [look for look in watch.looks if look.at > led_at and old.container in look.holders[place.write[0]]]
    assert booted == [], "a rebooted old leader has it never"
    judge("host killed", watch, load)


@pytest.mark.parametrize("what", ["patroni stopped", "patroni frozen", "host frozen", "cut off"])
def test_a_leader_that_stands_still_or_is_alone(place: Place, what: str) -> None:
    old, via = leader(place.lab), replicas(place.lab)[0]
    with place.watch() as watch, Load(place.dsn(place.write[1])) as load:
        load.wait_for_writes(WRITES, seconds=30)
        begin(place, old, what)
        try:
            new = another_leader(place.lab, old, via.short_name)
            wait_for_holder(place, place.write[0], new)
            load.wait_for_writes(WRITES, seconds=30)
        finally:
            end(old, what)
        wait_until_settled(place.lab)
    judge(what, watch, load)


def begin(place: Place, host: Host, what: str) -> None:
    if what == "patroni stopped":
        run_in(host.container, "systemctl stop patroni")
    elif what == "patroni frozen":
        run_in(host.container, "systemctl kill --kill-whom=main --signal=STOP patroni")
    elif what == "host frozen":
        faults.freeze(host.container)
    else:
        faults.cut_peers(host.container, [one.container for one in place.hosts if one != host])


def end(host: Host, what: str) -> None:
    if what == "patroni stopped":
        run_in(host.container, "systemctl start patroni")
    elif what == "patroni frozen":
        run_in(host.container, "systemctl kill --kill-whom=main --signal=CONT patroni")
    elif what == "host frozen":
        faults.thaw(host.container)
    else:
        faults.heal(host.container)


def test_a_leader_that_all_members_confirm_without_etcd_keeps_it(place: Place) -> None:
    leading = leader(place.lab)
    with place.watch() as watch, Load(place.dsn(place.write[0])) as load:
        load.wait_for_writes(WRITES, seconds=30)
        faults.cut_ports(leading.container, [2379])
        try:
            time.sleep(2 * SMALL["patroni_ttl"])  # what must not happen takes time
            load.wait_for_writes(WRITES, seconds=30)
            assert holder(place, place.write[0]) == leading.container
        finally:
            faults.heal(leading.container)
        wait_until_settled(place.lab)
    judge("etcd cut off, failsafe", watch, load)


@pytest.mark.parametrize("signal", ["KILL", "STOP"])
def test_the_holder_itself_ends_or_stands_still(place: Place, signal: str) -> None:
    leading = leader(place.lab)
    wait_for_holder(place, place.write[0], leading)
    with place.watch() as watch, Load(place.dsn(place.write[0])) as load:
        load.wait_for_writes(WRITES, seconds=30)
        run_in(leading.container, f"systemctl kill --kill-whom=main --signal={signal} vip")
        wait_until("it is gone", lambda: watch.without(place.write[0]) > 0, seconds=30)
        wait_for_holder(place, place.write[0], leading, seconds=60)
        load.wait_for_writes(WRITES, seconds=30)
    judge(f"holder {signal}", watch, load)
