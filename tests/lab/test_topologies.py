"""Other shapes than three colocated hosts with IPv4: each is built by the same command, and proves itself."""

from collections.abc import Iterator
from pathlib import Path
from pprint import pformat
from typing import Any

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.inventory import inventory_groups
from tests.lab.runs import (
    MEMBERS,
    SMALL,
    Built,
    Site,
    assert_changes_nothing,
    changed,
    machine,
    members,
    patroni,
    run,
    secrets,
    secrets_directory,
    site,
    sql,
    start_times,
    wait_until_settled,
)
from tests.lab.spec import Lab

READ_ONLY = "25006"


def inventory_of(directory: Path, *labs: tuple[Lab, tuple[str, ...]], ipv6: bool = False, **settings: Any) -> Path:
    """One inventory of the hosts of one or more labs, of which each is a cluster of its own."""
    groups: dict[str, list[Any]] = {}
    for lab, hosts in labs:
        hba = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
        extra = {"cluster_name": lab.name, **SMALL, "postgres_hba": hba, **settings}
        for group, entries in inventory_groups(lab, hosts, ipv6=ipv6, extra=extra).items():
            groups.setdefault(group, []).extend(entries)
    path = directory / "inventory.py"
    path.write_text("".join(f"{group} = {pformat(entries)}\n" for group, entries in groups.items()))
    return path


# --- IPv6 only ---


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members that know each other by IPv6 addresses alone."""
    directory = tmp_path_factory.mktemp("six")
    with site("b-six", directory) as ready:
        inventory = inventory_of(directory, (ready.lab, MEMBERS), ipv6=True)
        first = run(inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, inventory, first)


def test_over_ipv6_the_cluster_is_built_and_proves_itself(six: Built) -> None:
    print(f"three members over IPv6 in {six.run.seconds:.1f} s")
    addresses = ", ".join(six.lab.host(name).address6 for name in MEMBERS)
    assert f"Endpoints on {addresses}" in six.run.log
    assert len({one["timeline"] for one in members(six.lab).values()}) == 1
    assert patroni(six.lab, "pg1", "config")["failsafe_mode"] is True


def test_over_ipv6_no_service_uses_an_ipv4_address(six: Built) -> None:
    for name in MEMBERS:
        host = six.lab.host(name)
        files = "/etc/patroni/config.yml /etc/default/etcd /etc/etcd/bootstrap.env /etc/haproxy/haproxy.cfg"
        assert run_in(host.container, f"grep -F 10.82. {files} || true") == ""
        peers = run_in(host.container, "ss -Htn state established '( sport = :2380 or dport = :2380 )'")
        assert peers and "10.82." not in peers
    clients = sql(six.lab, "select host(client_addr) from pg_stat_replication order by 1")
    assert len(clients) == 2 and all(address.startswith("fd82:") for (address,) in clients)


def test_over_ipv6_clients_are_led_to_the_primary_and_to_replicas(six: Built) -> None:
    for name in MEMBERS:
        # From within the network, since the published ports of this machine lead to IPv4.
        for port, is_standby in ((5000, "f"), (5001, "t")):
            dsn = f"host={six.lab.host(name).address6} port={port} user=admin dbname=app sslmode=verify-full"
            ask = f"psql -XAt '{dsn} sslrootcert=/etc/postgresql/pki/ca.crt' -c 'select pg_is_in_recovery()'"
            password = f"export PGPASSWORD; read -r PGPASSWORD; {ask}"
            given = secrets(six.lab)["PATRONI_ADMIN_PASSWORD"]
            assert run_in(six.lab.host("pg1").container, password, stdin=f"{given}\n") == is_standby
        # Through the loopback, which is in each certificate.
        assert sql(six.lab, "select pg_is_in_recovery()", 5000, name) == [(False,)]


def test_over_ipv6_the_second_run_changes_nothing(six: Built) -> None:
    assert_untouched(six, MEMBERS)


# --- Hosts of their own ---

DEDICATED = ("pg1", "pg2", "etcd1", "haproxy1", "backup1")


@pytest.fixture(scope="module")
def dedicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Members, etcd, HAProxy and backups each on hosts of their own; bare enough to show what is installed where."""
    with site("b-dedicated", tmp_path_factory.mktemp("dedicated"), hosts=DEDICATED) as ready:
        yield Built(ready.lab, ready.inventory, run(ready.inventory))


def test_dedicated_hosts_run_their_own_service_alone(dedicated: Built) -> None:
    print(f"two members with etcd, HAProxy and backup elsewhere in {dedicated.run.seconds:.1f} s")
    running = {
        name: {unit for unit in ("etcd", "patroni", "haproxy") if machine(dedicated.lab.host(name)).service(unit).is_running}
        for name in DEDICATED
    }
    assert running == {"pg1": {"patroni"}, "pg2": {"patroni"}, "etcd1": {"etcd"}, "haproxy1": {"haproxy"}, "backup1": set()}
    keys = "find /etc/etcd/pki /etc/patroni/pki /etc/postgresql/pki /etc/haproxy/pki -type f 2> /dev/null | sort || true"
    assert run_in(dedicated.lab.host("etcd1").container, keys).split() == [
        *("/etc/etcd/pki/ca.crt", "/etc/etcd/pki/etcd.crt", "/etc/etcd/pki/etcd.key"),
    ]
    assert run_in(dedicated.lab.host("haproxy1").container, keys).split() == [
        *("/etc/haproxy/pki/ca.crt", "/etc/haproxy/pki/haproxy.pem"),
    ]
    assert run_in(dedicated.lab.host("backup1").container, keys) == ""


def test_dedicated_hosts_lead_to_the_primary_and_to_the_replica(dedicated: Built) -> None:
    assert f"Endpoints on {dedicated.lab.host('haproxy1').address4}" in dedicated.run.log
    assert sql(dedicated.lab, "select pg_is_in_recovery()", 5000, "haproxy1") == [(False,)]
    assert sql(dedicated.lab, "select pg_is_in_recovery()", 5001, "haproxy1") == [(True,)]
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
        sql(dedicated.lab, "create table never ()", 5001, "haproxy1")
    assert refused.value.sqlstate == READ_ONLY


def test_dedicated_hosts_are_left_alone_by_a_second_run(dedicated: Built) -> None:
    assert_untouched(dedicated, ("pg1", "pg2"))


@pytest.mark.parametrize("name", ["pg2", "haproxy1", "etcd1", "backup1"])
def test_a_run_limited_to_one_host_changes_nothing_and_does_not_crash(dedicated: Built, name: str) -> None:
    done = run(dedicated.inventory, "deploys/cluster.py", "--limit", dedicated.lab.host(name).container, check=False)
    print(name, done)
    assert done.code == 0
    assert changed(done) == {}


# --- Two clusters in one inventory ---

ALONE = ("pg1",)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Built, Built]]:
    """Two clusters of one member each, built by one run."""
    directories = [tmp_path_factory.mktemp(name) for name in ("red", "blue", "both")]
    with (
        site("b-red", directories[0], hosts=ALONE) as red,
        site("b-blue", directories[1], hosts=ALONE) as blue,
    ):
        inventory = inventory_of(directories[2], (red.lab, ALONE), (blue.lab, ALONE))
        first = run(inventory)
        yield Built(red.lab, inventory, first), Built(blue.lab, inventory, first)


def test_two_clusters_are_built_in_one_run(pair: tuple[Built, Built]) -> None:
    print(f"two clusters of one member in {pair[0].run.seconds:.1f} s")
    for built in pair:
        assert f"{built.lab.name}: PostgreSQL 17." in built.run.log
        assert members(built.lab).keys() == {f"{built.lab.name}-pg1"}
    assert len({patroni(built.lab, "pg1", "patroni")["database_system_identifier"] for built in pair}) == 2


def test_two_clusters_have_their_own_authorities_and_secrets(pair: tuple[Built, Built]) -> None:
    red, blue = (secrets(built.lab) for built in pair)
    assert red.keys() == blue.keys() and not set(red.values()) & set(blue.values())
    authorities = [(secrets_directory(built.lab) / "ca.crt").read_text() for built in pair]
    assert authorities[0] != authorities[1]
    for built, authority in zip(pair, authorities, strict=True):
        assert run_in(built.lab.host("pg1").container, "cat /etc/postgresql/pki/ca.crt") == authority.rstrip("\n")


def test_nothing_of_one_cluster_is_in_the_files_of_the_other(pair: tuple[Built, Built]) -> None:
    for here, there in (pair, pair[::-1]):
        host = there.lab.host("pg1")
        foreign = [host.container, host.address4, f"{there.lab.name}/", *secrets(there.lab).values()]
        find = "grep -rlIF -f /dev/stdin /etc /var/lib /run /root /home 2> /dev/null || true"
        assert run_in(here.lab.host("pg1").container, find, stdin="\n".join(foreign)) == ""
        assert run_in(host.container, find, stdin="\n".join(foreign)) != ""  # the search finds what is there


def test_a_cluster_of_one_member_serves_readers_from_its_primary(pair: tuple[Built, Built]) -> None:
    for built in pair:
        for port in (5000, 5001, 5004):
            assert sql(built.lab, "select pg_is_in_recovery()", port) == [(False,)]


def test_two_clusters_are_left_alone_by_a_second_run(pair: tuple[Built, Built]) -> None:
    assert_untouched(pair[0], ALONE)


def test_a_run_limited_to_one_cluster_leaves_the_other_alone(pair: tuple[Built, Built]) -> None:
    red, blue = pair
    asked = ("--limit", blue.lab.host("pg1").container, "--data", "patroni_maximum_lag_mib=2")
    done = run(red.inventory, "deploys/cluster.py", *asked)
    assert changed(done).keys() == {"PostgreSQL | dynamic configuration"}
    lags = [patroni(built.lab, "pg1", "config")["maximum_lag_on_failover"] for built in pair]
    assert lags == [1024 * 1024, 2 * 1024 * 1024]


def assert_untouched(built: Site, names: tuple[str, ...]) -> None:
    """Run again: no operation reports a change, and PostgreSQL was not started anew."""
    before = start_times(built.lab, names)
    again = assert_changes_nothing(built.inventory)
    assert start_times(built.lab, names) == before
    print(f"a run without changes took {again.seconds:.1f} s")
