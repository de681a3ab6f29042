"""
Clients, replication and backups on networks of their own: given to a cluster that lives, one after the other cut off,
and a cluster that is built with them from the start.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab import networks
from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.addresses import looked
from tests.lab.vocabulary.backups import archived, findings, take, write_segments
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
    TAKEOVER_SECONDS,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    is_settled,
    leader,
    replicas,
    run,
    site,
    unit_starts,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

HOSTS, BESIDE = (*MEMBERS, "backup1"), ("client", "backup")
DESTROY, RESTART = (f"deploys/{name}.py" for name in ("destroy", "restart_pending"))
CLIENTS_AT, BACKUPS_AT = "eth1", "eth2"  # in the order in which the hosts joined their networks
WRITES = 100
WAIT_SECONDS = 90


def settings_of(lab: Lab) -> dict[str, Any]:
    """This machine is a client in every network, and looks after the cluster in the lab's own."""
    here = [f"{network[1]}/32" for network in (lab.subnet4, lab.beside("client"))]
    return {
        "firewall_mode": "nftables",
        "firewall_ssh_networks": here[:1],
        "firewall_client_networks": here,
        "firewall_monitoring_networks": here[:1],
        "postgres_hba": [f"hostssl all all {network} scram-sha-256" for network in here],
    }


def declared(lab: Lab, place: Path, beside: tuple[str, ...] = BESIDE, **settings: Any) -> Path:
    place.mkdir(exist_ok=True)
    return write_inventory(lab, place, HOSTS, networks=beside, **{**settings_of(lab), **settings})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A cluster with one address on each host; the inventory is the one that gives them the others."""
    directory = tmp_path_factory.mktemp("networks")
    with site("t-nets", directory, hosts=HOSTS) as ready:
        networks.join_all(ready.lab.hosts(HOSTS), BESIDE)
        done = run(declared(ready.lab, directory / "one", ()))
        wait_until("it has settled", lambda: is_settled(ready.lab), seconds=WAIT_SECONDS)
        yield Built(ready.lab, declared(ready.lab, directory / "three"), done)


def at(lab: Lab, address: str, port: int = 5000, **parameters: Any) -> str:
    """How a client connects to an address itself; its name is verified."""
    return psycopg.conninfo.make_conninfo(dsn(lab, **{"connect_timeout": 5, **parameters}), host=address, port=port)


def ask(conninfo: str, query: str) -> Any:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def listening(host: Host, port: int) -> set[str]:
    """The addresses on which something listens at a port."""
    lines = run_in(host.container, f"ss -Hltn 'sport = :{port}'").splitlines()
    return {line.split()[3].rpartition(":")[0] for line in lines}


def postgres_starts(lab: Lab) -> dict[str, str]:
    """When PostgreSQL was started, by its own file: over which network it is asked is what changes here."""
    command = f"sed -n 3p /var/lib/postgresql/17/{lab.name}/postmaster.pid"
    return {name: run_in(lab.host(name).container, command) for name in MEMBERS}


def received(host: Host, interface: str) -> int:
    """Bytes that came in at an interface since the host was made."""
    return int(run_in(host.container, f"cat /sys/class/net/{interface}/statistics/rx_bytes"))


def settle(lab: Lab) -> None:
    wait_until("it has settled", lambda: is_settled(lab), seconds=TAKEOVER_SECONDS + WAIT_SECONDS)


def test_clients_that_would_be_cut_off_are_named_before_anything_is_changed(built: Built) -> None:
    lab = built.lab
    before = unit_starts(lab)
    with psycopg.connect(dsn(lab)) as client:
        refused = run(built.inventory, check=False, as_json=False)
        assert client.execute("select 1").fetchone() == (1,)
    said = f"clients are connected to {lab.host('pg1').address4}, port 5000, which is not declared"
    assert refused.code == 1 and said in " ".join(refused.log.split()), refused
    assert unit_starts(lab) == before


def test_a_cluster_that_lives_gets_them_without_a_restart_of_postgresql(built: Built) -> None:
    lab, before = built.lab, postgres_starts(built.lab)
    leading = leader(lab)
    with psycopg.connect(dsn(lab, 5432, leading.short_name), autocommit=True) as session:
        done = run(built.inventory)
        assert session.execute("select pg_is_in_recovery()").fetchone() == (False,), "sessions go on"
    print(f"\ngiven in {done.seconds:.1f} s: {list(changed(done))}")
    assert postgres_starts(lab) == before
    assert "a restart of PostgreSQL is pending on" in done.log
    for host in lab.hosts(MEMBERS):
        assert listening(host, 5000) == {host.address_in("client"), "127.0.0.1"}
        assert listening(host, 8432) == {host.address_in("backup")}
        assert listening(host, 5432) == {host.address4, "127.0.0.1"}, "until it is restarted"
        assert ask(at(lab, host.address_in("client")), "select pg_is_in_recovery()") is False
    assert_changes_nothing(built.inventory)


def test_a_restart_opens_postgresql_to_clients_at_their_address(built: Built) -> None:
    lab = built.lab
    run(built.inventory, RESTART)
    settle(lab)
    for host in lab.hosts(MEMBERS):
        assert listening(host, 5432) == {host.address4, host.address_in("client"), "127.0.0.1"}
        assert listening(host, 2379) == {host.address4, "127.0.0.1"} and listening(host, 8008) == {host.address4}
    assert_changes_nothing(built.inventory)


def test_everything_goes_where_it_is_declared(built: Built) -> None:
    lab, leading = built.lab, leader(built.lab)
    direct, through = (at(lab, leading.address_in("client"), port) for port in (5432, 5000))
    gateway = str(lab.beside("client")[1])
    assert ask(direct, "select host(inet_server_addr())") == leading.address_in("client")
    assert ask(direct, "select host(inet_client_addr())") == gateway
    # Through HAProxy, which reaches members by the cluster's own network.
    assert ask(through, "select host(inet_client_addr())") == leading.address4
    assert ask(through, "select host(inet_server_addr())") == leading.address4
    streams = ask(direct, "select string_agg(host(client_addr), ' ') from pg_stat_replication")
    assert set(streams.split()) == {host.address4 for host in replicas(lab)}
    with pytest.raises(psycopg.OperationalError, match="refused"):
        ask(at(lab, leading.address4, 5432), "select 1")


def test_backups_go_over_their_network_and_nothing_else_does(built: Built) -> None:
    lab, repository = built.lab, built.lab.host("backup1")
    interfaces = ("eth0", CLIENTS_AT, BACKUPS_AT)
    before = [received(repository, one) for one in interfaces]
    started = time.monotonic()
    take(built, "full")
    came = [(received(repository, one) - first) / 2**20 for one, first in zip(interfaces, before, strict=True)]
    print(
        f"\nfull backup in {time.monotonic() - started:.1f} s; came in, MiB: {dict(zip(interfaces, came, strict=True))}"
    )
    own, clients, backups = came
    assert backups > 2 and backups > 5 * (own + clients)
    assert ask(
        at(lab, leader(lab).address_in("client")),
        "select last_failed_time is null or last_archived_time > last_failed_time from pg_stat_archiver",
    )


def test_without_the_network_of_the_backups_clients_and_replication_go_on(built: Built) -> None:
    lab, leading = built.lab, leader(built.lab)
    hosts = [host.address_in("client") for host in lab.hosts(MEMBERS)]
    with Load(at(lab, ",".join(hosts), "5000,5000,5000", connect_timeout=2)) as load:
        load.wait_for_writes(WRITES, seconds=30)
        networks.leave(leading, "backup")
        newest = write_segments_at(built, 2)
        load.wait_for_writes(WRITES, seconds=30)
        wait_until("archiving fails", lambda: failed(lab, leading) > 0, seconds=WAIT_SECONDS)
        assert leader(lab) == leading and is_settled(lab)
        assert archived(built) < newest
        assert findings(built)["address-absent"] == (
            f"{leading.address_in('backup')} (backup_address) is on no interface of the host"
        )
        networks.join(leading, "backup")
        began = time.monotonic()
        wait_until(f"{newest} is archived", lambda: archived(built) >= newest, seconds=2 * WAIT_SECONDS)
        print(f"\narchived {time.monotonic() - began:.1f} s after the network was back")
    assert load.verdict().is_clean
    print(f"longest gap without a write {load.report().longest_gap_seconds:.1f} s")


def write_segments_at(built: Built, count: int) -> str:
    return write_segments(built, count, leader(built.lab).short_name)


def failed(lab: Lab, host: Host) -> int:
    return int(ask(at(lab, host.address_in("client"), 5432), "select failed_count from pg_stat_archiver"))


def test_a_member_that_lost_its_data_gets_them_over_the_network_of_the_backups(built: Built) -> None:
    lab, host = built.lab, replicas(built.lab)[0]
    data = f"/var/lib/postgresql/17/{lab.name}"
    run_in(host.container, f"systemctl stop patroni && find {data} -mindepth 1 -delete")
    before = {one: received(host, one) for one in ("eth0", BACKUPS_AT)}
    began = time.monotonic()
    run_in(host.container, "systemctl start patroni")
    settle(lab)
    own, backups = ((received(host, one) - first) / 2**20 for one, first in before.items())
    print(f"\nmade again in {time.monotonic() - began:.1f} s; MiB on eth0 {own:.1f}, on {BACKUPS_AT} {backups:.1f}")
    assert backups > 2 and backups > own


def test_the_network_of_clients_is_cut_off_from_the_leader(built: Built, tmp_path: Path) -> None:
    """With an address that follows the primary: that waits with it, and other hosts' HAProxy leads there."""
    lab, address = built.lab, str(built.lab.beside("client")[100])
    inventory = declared(lab, tmp_path / "leader", vip_mode="leader", vip_write=[address])
    run(inventory)
    run(inventory, RESTART)
    settle(lab)
    leading = leader(lab)
    hosts = lab.hosts(MEMBERS)
    wait_until(
        "the leader has it", lambda: looked(hosts, [address]).holders[address] == {leading.container}, seconds=60
    )
    assert address in run_in(leading.container, f"ip -4 -br address show dev {CLIENTS_AT}")
    assert_changes_nothing(inventory)
    others = [host for host in hosts if host != leading]
    with Load(at(lab, others[0].address_in("client"), connect_timeout=2)) as load:
        load.wait_for_writes(WRITES, seconds=30)
        run_in(leading.container, f"ip link set {CLIENTS_AT} down")
        load.wait_for_writes(WRITES, seconds=30)
        with pytest.raises(psycopg.OperationalError):
            ask(at(lab, address, 5432), "select 1")
        assert leader(lab, others[0].short_name) == leading and is_settled(lab)
        run_in(leading.container, f"ip link set {CLIENTS_AT} up")
        began = time.monotonic()
        wait_until("the address leads there", lambda: answers(lab, address), seconds=60)
        print(f"\nthe address answers {time.monotonic() - began:.1f} s after the network was back")
    assert load.verdict().is_clean
    print(f"longest gap without a write through another host {load.report().longest_gap_seconds:.1f} s")


def answers(lab: Lab, address: str, port: int = 5432) -> bool:
    try:
        return ask(at(lab, address, port, connect_timeout=2), "select pg_is_in_recovery()") is False
    except psycopg.Error:
        return False


def test_built_from_the_start_in_declared_networks(built: Built, tmp_path: Path) -> None:
    """And an address that HAProxy's hosts have: it leaves the host that is cut off from clients."""
    lab, address = built.lab, str(built.lab.beside("client")[101])
    for_good = ("wipe=true", "backups=true", f"confirm={lab.name}")
    run(built.inventory, DESTROY, *(word for one in for_good for word in ("--data", one)))
    given = {f"{name}_network": str(lab.beside(name)) for name in BESIDE}
    published = {"vip_mode": "haproxy", "vip_interface": CLIENTS_AT, "vip_write": [address]}
    inventory = declared(lab, tmp_path / "networks", (), **given, **published)
    done = run(inventory)
    print(f"\nbuilt in {done.seconds:.1f} s")
    assert f"Endpoints on {lab.host('pg1').address_in('client')}" in done.log
    settle(lab)
    assert_changes_nothing(inventory)
    hosts = lab.hosts(MEMBERS)
    (old,) = holders(hosts, address)
    with Load(at(lab, address, connect_timeout=2)) as load:
        load.wait_for_writes(WRITES, seconds=30)
        run_in(old, f"ip link set {CLIENTS_AT} down")
        began = time.monotonic()
        wait_until("another host has it", lambda: holders(hosts, address) - {old}, seconds=60)
        print(f"another host has it after {time.monotonic() - began:.1f} s")
        load.wait_for_writes(WRITES, seconds=30)
        run_in(old, f"ip link set {CLIENTS_AT} up")
    assert load.verdict().is_clean
    print(f"longest gap without a write {load.report().longest_gap_seconds:.1f} s")
    settle(lab)


def holders(hosts: list[Host], address: str) -> frozenset[str]:
    return looked(hosts, [address]).holders[address]
