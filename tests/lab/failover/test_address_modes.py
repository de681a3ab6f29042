"""
Virtual addresses that pass from one way of keeping them to another: at no moment two hosts have one, none is left
behind, and clients that write at one all the time are without it no longer than in a switchover.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import router
from tests.lab.vocabulary.addresses import AddressWatch, judge, looked
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    Run,
    Site,
    assert_changes_nothing,
    dsn,
    leader,
    run,
    site,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

WRITES = 100
ASN = 65010
RESTART = "deploys/restart_pending.py"
KEEPS = "keeps the addresses until PostgreSQL listens on them"


class Place(Site):
    """Three members with HAProxy on each, a router, and one address for writing."""

    directory: Path

    @property
    def router(self) -> Host:
        return self.lab.host("haproxy1")

    @property
    def hosts(self) -> list[Host]:
        return self.lab.hosts(MEMBERS)

    @property
    def address(self) -> str:
        return str(self.lab.subnet4[100])

    def declare(self, mode: str, **other: object) -> None:
        """Write the inventory, with the address where the mode has any."""
        addresses = {"vip_write": [self.address], "vip_interface": "eth0"} if mode != "none" else {}
        bgp = {"bgp_asn": ASN, "bgp_neighbors": {self.router.address4: router.ASN}} if mode == "bgp" else {}
        write_inventory(self.lab, self.directory, vip_mode=mode, **addresses, **bgp, **other)

    def dsn(self) -> str:
        """How a client connects that knows both ports: HAProxy's, and PostgreSQL's."""
        known = dsn(self.lab, connect_timeout=2, target_session_attrs="read-write")
        return psycopg.conninfo.make_conninfo(known, host=f"{self.address},{self.address}", port="5000,5432")

    def holders(self) -> frozenset[str]:
        return looked(self.hosts, [self.address]).holders[self.address]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("t-pass")
    with site("t-pass", directory, hosts=(*MEMBERS, "haproxy1")) as bare:
        found = Place(bare.lab, bare.inventory)
        object.__setattr__(found, "directory", directory)
        router.set_up(found.router, found.hosts, ASN, None)
        yield found


def passes(place: Place, what: str, *runs: str) -> list[Run]:
    """Let runs change who keeps the address, under clients that write at it. A second run changes nothing."""
    with AddressWatch(place.hosts, [place.address]) as watch, Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=30)
        done = [run(place.inventory, each) for each in runs]
        load.wait_for_writes(WRITES, seconds=60)
    judge(f"{what}, {' and '.join(f'{one.seconds:.1f} s' for one in done)}", watch, load)
    assert_changes_nothing(place.inventory)
    return done


def led_by_the_primary(place: Place) -> None:
    leading = leader(place.lab)
    wait_until("the primary has the address", lambda: place.holders() == {leading.container}, seconds=30)


def left_of(place: Place, unit: str) -> list[str]:
    """The members on which a unit is active, or is enabled."""
    ask = f"systemctl is-active {unit}; systemctl is-enabled {unit}; true"
    return [host.short_name for host in place.hosts if {"active", "enabled"} & set(run_in(host.container, ask).split())]


def test_keepalived_keeps_the_address_until_postgresql_listens_there(place: Place) -> None:
    place.declare("haproxy")
    run(place.inventory)
    place.declare("leader")
    (first,) = passes(place, "haproxy to leader, first run", CLUSTER)
    assert KEEPS in first.log and "until deploys/restart_pending.py has run" in first.log
    assert left_of(place, "keepalived") == list(MEMBERS)
    passes(place, "the restart", RESTART)
    led_by_the_primary(place)
    assert left_of(place, "keepalived") == []


def test_the_members_let_go_when_keepalived_is_ready(place: Place) -> None:
    place.declare("haproxy")
    passes(place, "leader to haproxy", CLUSTER)
    wait_until("one host has it", lambda: len(place.holders()) == 1, seconds=30)
    assert left_of(place, "vip") == []


def test_members_that_listen_take_the_address_at_once(place: Place) -> None:
    """They do since they were asked to: to stop listening needs a restart, too."""
    place.declare("leader")
    (only,) = passes(place, "haproxy to leader", CLUSTER)
    assert KEEPS not in only.log
    led_by_the_primary(place)
    assert left_of(place, "keepalived") == []


def test_the_address_is_announced_and_is_kept_on_the_network_again(place: Place) -> None:
    for mode in ("bgp", "leader"):
        place.declare(mode)
        passes(place, f"to {mode}", CLUSTER)
        led_by_the_primary(place)
    wait_until("no route is left", lambda: not router.announced(place.router), seconds=30)
    assert left_of(place, "frr") == []


def test_from_routers_to_keepalived_and_back(place: Place) -> None:
    for mode in ("bgp", "haproxy", "bgp"):
        place.declare(mode)
        passes(place, f"to {mode}", CLUSTER)
    led_by_the_primary(place)
    assert left_of(place, "keepalived") == []


@pytest.mark.parametrize("mode", ["haproxy", "leader", "bgp"])
def test_behind_a_firewall_it_moves_as_without_one(place: Place, mode: str) -> None:
    clients = [str(place.lab.subnet4), str(place.lab.subnet6)]
    place.declare(mode, firewall_mode="nftables", firewall_client_networks=clients)
    run(place.inventory)
    wait_until("one host has it", lambda: len(place.holders()) == 1, seconds=30)
    (old,) = place.holders()
    with AddressWatch(place.hosts, [place.address]) as watch, Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=30)
        if mode == "haproxy":
            run_in(old, "systemctl stop haproxy")
        else:
            run(place.inventory, "deploys/switchover.py")
        wait_until("another host has it", lambda: len(place.holders() - {old}) == 1, seconds=60)
        load.wait_for_writes(WRITES, seconds=60)
    judge(f"{mode} behind a firewall", watch, load)
    run_in(old, "systemctl start haproxy")
    if mode == "bgp":
        wait_until("the router knows", lambda: router.announced(place.router) == {f"{place.address}/32"}, seconds=30)
    assert_changes_nothing(place.inventory)


def test_without_a_mode_no_host_has_the_address(place: Place) -> None:
    place.declare("none")
    run(place.inventory)
    assert place.holders() == frozenset()
    assert left_of(place, "vip") == left_of(place, "frr") == left_of(place, "keepalived") == []
    assert_changes_nothing(place.inventory)
