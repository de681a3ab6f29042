"""
Addresses that members announce to a router by BGP: the primary alone the one for writing, every fit replica the one for
reading. The router is FRR on another host of the lab, and clients come through it.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults, router
from tests.lab.vocabulary.addresses import AddressWatch, judge
from tests.lab.vocabulary.backups import findings
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
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
ASN, PASSWORD = 65010, "only-the-lab-s"
FAULTS = {
    "stopped": lambda host: run_in(host, "systemctl stop patroni"),
    "killed": faults.kill,
    "frozen": faults.freeze,
}
ENDS = {
    "stopped": lambda host: run_in(host, "systemctl start patroni"),
    "killed": faults.start,
    "frozen": faults.thaw,
}


class Place(Site):
    """A lab with a router, and addresses that lie on no network of its hosts."""

    directory: Path

    @property
    def router(self) -> Host:
        return self.lab.host("haproxy1")

    @property
    def hosts(self) -> list[Host]:
        return self.lab.hosts(MEMBERS)

    @property
    def network(self) -> str:
        return f"10.99.{self.lab.index}.0/24"

    @property
    def write(self) -> str:
        return f"10.99.{self.lab.index}.1"

    @property
    def write6(self) -> str:
        return f"fd99:{self.lab.index:x}::1"

    @property
    def read(self) -> str:
        return f"10.99.{self.lab.index}.2"

    def declare(self, **other: object) -> None:
        """Write the inventory. + other: settings besides those of the addresses"""
        password = self.directory / "bgp-password"
        password.write_text(PASSWORD + "\n")
        password.chmod(0o600)
        given = {
            "vip_mode": "bgp",
            "vip_write": [self.write, self.write6],
            "vip_read": [self.read],
            "vip_read_max_lag_mib": 1,
            "bgp_asn": ASN,
            "bgp_neighbors": {self.router.address4: router.ASN, self.router.address6: router.ASN},
            "bgp_password_file": str(password),
            "patroni_synchronous_mode": "on",
        }
        write_inventory(self.lab, self.directory, **{**given, **other})

    def dsn(self) -> str:
        """How a client connects to the address for writing, through the router."""
        return psycopg.conninfo.make_conninfo(dsn(self.lab, connect_timeout=2), host=self.write, port=5432)

    def watch(self) -> AddressWatch:
        return AddressWatch(self.hosts, [self.write, self.write6])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("t-bgp")
    with site("t-bgp", directory, hosts=(*MEMBERS, "haproxy1")) as bare:
        found = Place(bare.lab, bare.inventory)
        object.__setattr__(found, "directory", directory)
        found.declare()
        router.set_up(found.router, found.hosts, ASN, PASSWORD)
        subprocess.run(["ip", "route", "replace", found.network, "via", found.router.address4], check=True)
        try:
            yield found
        finally:
            subprocess.run(["ip", "route", "del", found.network], check=False)


def lead_to(place: Place, address: str, hosts: list[Host]) -> bool:
    """Whether exactly these hosts announce an address."""
    wanted = {host.address6 if ":" in address else host.address4 for host in hosts}
    return router.announcers(place.router, address) == wanted


def told(place: Place) -> set[str]:
    """The members that announce the address for writing."""
    return router.announcers(place.router, place.write)


def test_the_router_leads_to_the_primary_and_to_all_replicas(place: Place) -> None:
    built = run(place.inventory)
    print(f"built in {built.seconds:.1f} s")
    leading, standbys = leader(place.lab), replicas(place.lab)
    for address in (place.write, place.write6):
        wait_until(f"{address} leads to the primary", lambda one=address: lead_to(place, one, [leading]), seconds=30)
    wait_until("both replicas are announced", lambda: lead_to(place, place.read, standbys), seconds=30)
    hops = {host.address4 for host in standbys}
    wait_until("both are next hops", lambda: router.next_hops(place.router, place.read) == hops, seconds=10)
    assert router.announced(place.router) == {f"{place.write}/32", f"{place.write6}/128", f"{place.read}/32"}
    with Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=30)
    assert not load.verdict().lost


def test_a_second_run_changes_nothing(place: Place) -> None:
    assert_changes_nothing(place.inventory)


def test_a_switchover(place: Place) -> None:
    old, via = leader(place.lab), replicas(place.lab)[0]
    with place.watch() as watch, Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=30)
        run(place.inventory, "deploys/switchover.py")
        new = another_leader(place.lab, old, via.short_name)
        wait_until("the route moved", lambda: lead_to(place, place.write, [new]), seconds=30)
        load.wait_for_writes(WRITES, seconds=30)
    judge("switchover", watch, load)
    wait_until_settled(place.lab)


@pytest.mark.parametrize("what", ["stopped", "killed", "frozen"])
def test_the_host_of_the_primary(place: Place, what: str) -> None:
    old, via = leader(place.lab), replicas(place.lab)[0]
    with place.watch() as watch, Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=30)
        began = time.monotonic()
        FAULTS[what](old.container)
        wait_until("its route is gone", lambda: old.address4 not in told(place), seconds=20)
        print(f"\n{what}: the route was gone after {time.monotonic() - began:.1f} s, the look itself included")
        new = another_leader(place.lab, old, via.short_name)
        wait_until("the route moved", lambda: lead_to(place, place.write, [new]), seconds=TAKEOVER_SECONDS)
        load.wait_for_writes(WRITES, seconds=30)
        ENDS[what](old.container)
        wait_until_ready(old)
        wait_until_settled(place.lab)
        assert old.address4 not in told(place), "the former leader announces it"
        # A host that thaws keeps a small machine so busy that the new one's BFD may miss its 0.9 s.
        wait_until("the new one is announced", lambda: lead_to(place, place.write, [new]), seconds=30)
    judge(what, watch, load)


def test_a_replica_that_lags_is_no_next_hop(place: Place) -> None:
    behind, *others = replicas(place.lab)
    wait_until("both are announced", lambda: lead_to(place, place.read, [behind, *others]), seconds=60)
    with faults.replays_nothing(behind.container):
        with psycopg.connect(place.dsn(), autocommit=True) as connection:
            connection.execute("create table filler as select repeat('x', 1000) from generate_series(1, 20000)")
        wait_until("the others alone are announced", lambda: lead_to(place, place.read, others), seconds=60)
    wait_until("it is back", lambda: lead_to(place, place.read, [behind, *others]), seconds=60)


def test_another_password_is_named(place: Place) -> None:
    router.set_up(place.router, place.hosts, ASN, "something-else")
    words = "it drops connections without a word, as with another password"
    # The router's FRR was started again, and BFD comes first.
    wait_until("it is named", lambda: words in findings(place).get("bgp-session", ""), seconds=60)
    router.set_up(place.router, place.hosts, ASN, PASSWORD)
    leading = leader(place.lab)
    wait_until("the primary is announced again", lambda: lead_to(place, place.write, [leading]), seconds=60)


def test_a_community_changes_without_the_end_of_a_session(place: Place) -> None:
    dropped = "vtysh -c 'show bgp summary json' | grep -o '\"connectionsDropped\":[0-9]*'"
    before = run_in(leader(place.lab).container, dropped)
    place.declare(bgp_communities=["65010:7"])
    run(place.inventory)
    assert run_in(leader(place.lab).container, dropped) == before
    seen = f"vtysh -c 'show bgp ipv4 unicast {place.write}'"
    wait_until("the router sees it", lambda: "65010:7" in run_in(place.router.container, seen), seconds=30)


def test_without_the_mode_nothing_is_left(place: Place) -> None:
    place.declare(vip_mode="none", vip_write=[], vip_read=[])
    run(place.inventory)
    wait_until("no route is left", lambda: not router.announced(place.router), seconds=30)
    for host in place.hosts:
        left = "systemctl is-active vip frr; ls /etc/frr/frr.conf /etc/vip /usr/local/lib/vip 2>/dev/null || true"
        assert run_in(host.container, left).split() == ["inactive", "inactive"]
    assert_changes_nothing(place.inventory)
