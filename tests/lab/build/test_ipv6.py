"""
A cluster whose hosts reach each other by IPv6 alone, through what it lives through: restarts, a switchover, a dead
primary, a host that joins and one that leaves, backups. And one that clients reach by either family.
"""

from collections.abc import Iterator

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import ADMIN, MEMBERS, Site, assert_changes_nothing, authority, run, secrets, site
from tests.lab.vocabulary.runs import write_inventory as written
from tests.lab.vocabulary.waiting import wait_until

HOSTS = (*MEMBERS, "pg4", "backup1")
SECONDS = 90
WRITES = 100


class Place(Site):
    """A lab in which no host hears another by IPv4."""

    @property
    def address(self) -> str:
        return str(self.lab.subnet6[0x100])

    def declare(self, *names: str, **settings: object) -> None:
        given = {"vip_mode": "leader", "vip_write": [self.address], **settings}
        written(self.lab, self.inventory.parent, names, ipv6=True, **given)
        voters = [self.lab.host(name).container for name in MEMBERS]  # four are not permitted
        self.inventory.write_text(f"{self.inventory.read_text()}\netcd = {voters}\n")

    def dsn(self) -> str:
        """To the address that follows the primary."""
        return conninfo(self, self.address, 5432)


def conninfo(place: Site, address: str, port: int) -> str:
    return psycopg.conninfo.make_conninfo(
        host=address,
        port=port,
        user=ADMIN,
        password=secrets(place.lab)["PATRONI_ADMIN_PASSWORD"],
        dbname="app",
        sslmode="verify-full",
        sslrootcert=authority(place.lab),
        connect_timeout=3,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with site("t-six", tmp_path_factory.mktemp("t-six"), hosts=HOSTS) as bare:
        found = Place(bare.lab, bare.inventory)
        for host in found.lab.hosts(HOSTS):
            silence(found, host)
        found.declare(*MEMBERS, "backup1")
        yield found


def silence(place: Site, host: Host) -> None:
    """No IPv4 between the hosts any more."""
    subnet = place.lab.subnet4
    faults.cut_ipv4(host.container, str(subnet), str(subnet[1]))


def roles(place: Site, via: str) -> dict[str, str]:
    """The members by role and state, as one of them shows them."""
    said = run_in(place.lab.host(via).container, "patronictl -c /etc/patroni/config.yml list -f tsv | tail -n +2")
    return {line.split("\t")[1]: "/".join(line.split("\t")[3:5]) for line in said.splitlines()}


def settled(place: Site, *names: str) -> bool:
    seen = roles(place, names[0])
    whole = set(seen) == {place.lab.host(name).container for name in names}
    return (
        whole
        and sorted(seen.values())[0] == "Leader/running"
        and all(one in ("Leader/running", "Replica/streaming") for one in seen.values())
    )


def leading(place: Site, via: str) -> Host:
    return next(place.lab.host(name) for name, role in roles(place, via).items() if role == "Leader/running")


def test_it_is_built_and_a_second_run_changes_nothing(place: Place) -> None:
    print(f"built in {run(place.inventory).seconds:.1f} s")
    wait_until("all stream", lambda: settled(place, *MEMBERS), seconds=SECONDS)
    assert_changes_nothing(place.inventory)
    with Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=SECONDS)
    assert not load.verdict().lost


def test_an_ordered_restart_and_a_switchover(place: Place) -> None:
    place.declare(*MEMBERS, "backup1", postgres_parameters={"max_connections": 210})
    with Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=SECONDS)
        run(place.inventory, "deploys/configure.py", "--data", "restart=true")
        load.wait_for_writes(WRITES, seconds=SECONDS)
        old = leading(place, "pg1")
        run(place.inventory, "deploys/switchover.py")
        wait_until("another leads", lambda: leading(place, "pg1") != old, seconds=SECONDS)
        load.wait_for_writes(WRITES, seconds=SECONDS)
    assert not load.verdict().lost
    wait_until("all stream", lambda: settled(place, *MEMBERS), seconds=SECONDS)


def test_a_dead_primary(place: Place) -> None:
    old = leading(place, "pg1")
    via = next(name for name in MEMBERS if place.lab.host(name) != old)
    with Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=SECONDS)
        faults.kill(old.container)
        load.wait_for_writes(WRITES, seconds=SECONDS)
    gap = load.report().longest_gap_seconds
    faults.start(old.container)
    wait_until_ready(old)
    silence(place, old)
    wait_until("all stream", lambda: settled(place, *sorted(MEMBERS, key=lambda name: name != via)), seconds=SECONDS)
    print(f"\nprimary killed: {gap:.1f} s without a write")


def test_a_backup_is_taken_and_proven(place: Place) -> None:
    run(place.inventory, "deploys/backup.py", "--data", "type=full")
    run(place.inventory, "deploys/verify_backup.py")


def test_a_host_joins_and_one_leaves(place: Place) -> None:
    place.declare(*MEMBERS, "pg4", "backup1", postgres_parameters={"max_connections": 210})
    run(place.inventory, "deploys/add_node.py")
    four = (*MEMBERS, "pg4")
    wait_until("all stream", lambda: settled(place, *four), seconds=SECONDS)
    run(place.inventory, "deploys/remove_node.py", "--data", f"node={place.lab.host('pg4').container}")
    place.declare(*MEMBERS, "backup1", postgres_parameters={"max_connections": 210})
    assert_changes_nothing(place.inventory)


def test_back_to_the_backup(place: Place) -> None:
    words = ("latest=true", f"confirm={place.lab.name}")
    run(place.inventory, "deploys/restore.py", *(word for one in words for word in ("--data", one)))
    wait_until("all stream", lambda: settled(place, *MEMBERS), seconds=SECONDS)
    with Load(place.dsn()) as load:
        load.wait_for_writes(WRITES, seconds=SECONDS)
    assert not load.verdict().lost


def test_clients_of_either_family_reach_every_endpoint(tmp_path_factory: pytest.TempPathFactory) -> None:
    with site("t-both", tmp_path_factory.mktemp("t-both")) as both:
        hosts = both.lab.hosts(MEMBERS)
        others = [host.address6 for host in hosts]
        written(both.lab, both.inventory.parent, cluster_extra_names=others)
        run(both.inventory)
        assert_changes_nothing(both.inventory)
        for host in hosts:
            for address in (host.address4, host.address6):
                for port, wants in ((5000, False), (5001, True)):
                    with psycopg.connect(conninfo(both, address, port)) as connection:
                        row = connection.execute("select pg_is_in_recovery()").fetchone()
                        assert row == (wants,), (address, port)
