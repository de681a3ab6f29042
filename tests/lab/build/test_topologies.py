"""Other shapes than three colocated hosts with IPv4: each is built by the same command, and proves itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from pprint import pformat
from typing import Any

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.inventory import inventory_groups
from tests.lab.spec import Lab
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    SMALL,
    UNITS,
    Built,
    Run,
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
)

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


@pytest.fixture(scope="class")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members that know each other by IPv6 addresses alone."""
    directory = tmp_path_factory.mktemp("six")
    with site("b-six", directory) as ready:
        # The lab publishes ports of IPv4 addresses alone.
        inventory = inventory_of(directory, (ready.lab, MEMBERS), ipv6=True, haproxy_listen=["*"])
        yield Built(ready.lab, inventory, run(inventory))


def asked_within(lab: Lab, query: str, address: str, port: int) -> str:
    """
    A query from a member, with the name of what answers verified.

    The published ports of this machine lead to IPv4 addresses, where only HAProxy listens.
    """
    where = f"host={address} port={port} user=admin dbname=app sslmode=verify-full"
    ask = f"psql -XAt '{where} sslrootcert=/etc/postgresql/pki/ca.crt' -c '{query}'"
    password = secrets(lab)["PATRONI_ADMIN_PASSWORD"]
    return run_in(lab.host("pg1").container, f"read -r PGPASSWORD; export PGPASSWORD; {ask}", stdin=f"{password}\n")


class TestOverIPv6:
    """Three members that know each other by IPv6 addresses alone."""

    def test_the_cluster_is_built_and_proves_itself(self, six: Built) -> None:
        print(f"three members over IPv6 built in {six.run.seconds:.1f} s")
        assert f"Endpoints on {', '.join(six.lab.host(name).address6 for name in MEMBERS)}" in six.run.log
        assert len(re.findall(r"(leader +running|replica +streaming) +timeline 1", six.run.log)) == len(MEMBERS)

    def test_no_service_uses_an_ipv4_address(self, six: Built) -> None:
        for name in MEMBERS:
            container = six.lab.host(name).container
            files = "/etc/patroni/config.yml /etc/default/etcd /etc/etcd/bootstrap.env /etc/haproxy/haproxy.cfg"
            assert run_in(container, f"grep -F 10.82. {files} || true") == ""
            for port in (2379, 2380, 5432, 8008):
                connected = run_in(container, f"ss -Htn state established '( sport = :{port} or dport = :{port} )'")
                assert "10.82." not in connected
        clients = sql(six.lab, "select host(client_addr) from pg_stat_activity where usename = 'replicator'")
        assert len(clients) == 2 and all(address.startswith("fd82:") for (address,) in clients)

    def test_every_haproxy_leads_to_the_primary_and_to_replicas(self, six: Built) -> None:
        for name in MEMBERS:
            assert asked_within(six.lab, "select pg_is_in_recovery()", six.lab.host(name).address6, 5000) == "f"
            assert asked_within(six.lab, "select pg_is_in_recovery()", six.lab.host(name).address6, 5001) == "t"
            assert sql(six.lab, "select pg_is_in_recovery()", 5000, name) == [(False,)]

    def test_the_second_run_changes_nothing(self, six: Built) -> None:
        def starts() -> list[str]:
            ask = "select pg_postmaster_start_time()"
            return [asked_within(six.lab, ask, six.lab.host(name).address6, 5432) for name in MEMBERS]

        before = starts()
        print(f"a run without changes took {assert_changes_nothing(six.inventory).seconds:.1f} s")
        assert starts() == before


# --- Hosts of their own ---

DEDICATED = ("pg1", "pg2", "etcd1", "haproxy1", "backup1")


@pytest.fixture(scope="class")
def dedicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Members, etcd, HAProxy and backups each on hosts of their own, on which nothing is installed before."""
    with site("b-dedicated", tmp_path_factory.mktemp("dedicated"), hosts=DEDICATED, flavour="bare") as ready:
        yield Built(ready.lab, ready.inventory, run(ready.inventory))


class TestDedicatedHosts:
    """Nothing of a host's work may need what only other hosts have; PostgreSQL on the last one is for its drills."""

    def test_each_host_runs_its_own_service_alone(self, dedicated: Built) -> None:
        print(f"five bare hosts, each with its own work, built in {dedicated.run.seconds:.1f} s")
        units = {"pg1": {"patroni"}, "pg2": {"patroni"}, "etcd1": {"etcd"}, "haproxy1": {"haproxy"}, "backup1": set()}
        certificates = {
            "etcd1": ["/etc/etcd/pki/ca.crt", "/etc/etcd/pki/etcd.crt", "/etc/etcd/pki/etcd.key"],
            "haproxy1": ["/etc/haproxy/pki/ca.crt", "/etc/haproxy/pki/haproxy.pem"],
            "backup1": [
                *("/etc/pgbackrest/pki/ca.crt", "/etc/pgbackrest/pki/pgbackrest.crt"),
                "/etc/pgbackrest/pki/pgbackrest.key",
                *(
                    f"/etc/pgbackrest/server/{name}"
                    for name in ("ca.crt", "pgbackrest.conf", "server.crt", "server.key")
                ),
            ],
        }
        for name, expected in units.items():
            seen = machine(dedicated.lab.host(name))
            assert {unit for unit in UNITS if seen.service(unit).is_running} == expected
            if name in certificates:
                files = seen.check_output(
                    "find /etc/*/pki /etc/patroni/rest /etc/pgbackrest/server -type f 2>/dev/null | sort || true"
                )
                assert files.split() == certificates[name]

    def test_only_the_host_s_own_packages_are_installed(self, dedicated: Built) -> None:
        products = ("etcd-server", "haproxy", "patroni", "postgresql-17")
        installed = {"etcd1": ["etcd-server"], "haproxy1": ["haproxy"], "backup1": ["postgresql-17"]}
        for name, expected in installed.items():
            seen = machine(dedicated.lab.host(name))
            assert [product for product in products if seen.package(product).is_installed] == expected

    def test_haproxy_leads_to_the_primary_and_to_the_replica(self, dedicated: Built) -> None:
        assert f"Endpoints on {dedicated.lab.host('haproxy1').address4}" in dedicated.run.log
        assert sql(dedicated.lab, "select pg_is_in_recovery()", 5000, "haproxy1") == [(False,)]
        assert sql(dedicated.lab, "select pg_is_in_recovery()", 5001, "haproxy1") == [(True,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
            sql(dedicated.lab, "create table never ()", 5001, "haproxy1")
        assert refused.value.sqlstate == READ_ONLY

    def test_the_second_run_changes_nothing(self, dedicated: Built) -> None:
        before = start_times(dedicated.lab, ("pg1", "pg2"))
        print(f"a run without changes took {assert_changes_nothing(dedicated.inventory).seconds:.1f} s")
        assert start_times(dedicated.lab, ("pg1", "pg2")) == before

    def test_a_run_limited_to_a_member_proves_the_cluster(self, dedicated: Built) -> None:
        limited = run(dedicated.inventory, CLUSTER, "--limit", dedicated.lab.host("pg2").container)
        assert changed(limited) == {} and "Endpoints on" in limited.log
        assert left_out(dedicated, "etcd", "etcd1") in words(limited)

    @pytest.mark.parametrize("name", ["haproxy1", "backup1"])
    def test_a_run_limited_to_another_host_names_what_it_leaves_out(self, dedicated: Built, name: str) -> None:
        limited = run(dedicated.inventory, CLUSTER, "--limit", dedicated.lab.host(name).container)
        assert changed(limited) == {} and "Endpoints on" not in limited.log
        assert left_out(dedicated, "etcd and postgres", "etcd1", "pg1") in words(limited)

    def test_a_run_limited_to_a_host_brings_back_what_is_its_own(self, dedicated: Built) -> None:
        container = dedicated.lab.host("haproxy1").container
        run_in(container, "systemctl stop haproxy && rm /etc/haproxy/haproxy.cfg")
        limited = run(dedicated.inventory, CLUSTER, "--limit", container)
        assert changed(limited) == {"HAProxy | Configure and start HAProxy": [container]}
        assert sql(dedicated.lab, "select pg_is_in_recovery()", 5000, "haproxy1") == [(False,)]


def words(done: Run) -> str:
    """What a run said, without the places where its lines end."""
    return " ".join(done.log.split())


def left_out(built: Built, groups: str, *names: str) -> str:
    listed = " and ".join(built.lab.host(name).container for name in names)
    return (
        f"--limit leaves out all hosts of {groups}, and so what is done once for all of them "
        f"HINT: Add {listed} to have it done and proven."
    )


# --- Two clusters in one inventory ---

ALONE = ("pg1",)


@pytest.fixture(scope="class")
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


class TestTwoClusters:
    """Two clusters of one member each, in one inventory."""

    def test_both_are_built_in_one_run(self, pair: tuple[Built, Built]) -> None:
        print(f"two clusters of one member built in {pair[0].run.seconds:.1f} s")
        for built in pair:
            assert f"{built.lab.name}: PostgreSQL 17." in built.run.log
            assert members(built.lab).keys() == {f"{built.lab.name}-pg1"}
        assert len({patroni(built.lab, "pg1", "patroni")["database_system_identifier"] for built in pair}) == 2

    def test_failsafe_mode_is_on_where_patroni_does_it_soundly(self, pair: tuple[Built, Built]) -> None:
        assert [patroni(built.lab, "pg1", "config")["failsafe_mode"] for built in pair] == [True, True]

    def test_they_have_their_own_authorities_and_secrets(self, pair: tuple[Built, Built]) -> None:
        red, blue = (secrets(built.lab) for built in pair)
        assert red.keys() == blue.keys() and not set(red.values()) & set(blue.values())
        authorities = [(secrets_directory(built.lab) / "ca.crt").read_text() for built in pair]
        assert authorities[0] != authorities[1]
        for built, own, other in zip(pair, authorities, authorities[::-1], strict=True):
            trusted = run_in(built.lab.host("pg1").container, "cat /etc/postgresql/pki/ca.crt")
            assert own.strip() in trusted and other.strip() not in trusted

    def test_nothing_of_one_is_in_the_files_of_the_other(self, pair: tuple[Built, Built]) -> None:
        for here, there in (pair, pair[::-1]):
            host = there.lab.host("pg1")
            foreign = [host.container, host.address4, f"{there.lab.name}/", *secrets(there.lab).values()]
            find = "grep -rlIF -f /dev/stdin /etc /var/lib /run /root /home 2> /dev/null || true"
            assert run_in(here.lab.host("pg1").container, find, stdin="\n".join(foreign)) == ""
            assert run_in(host.container, find, stdin="\n".join(foreign)) != ""  # the search finds what is there

    def test_a_cluster_of_one_member_serves_readers_from_its_primary(self, pair: tuple[Built, Built]) -> None:
        for built in pair:
            for port in (5000, 5001, 5004):
                assert sql(built.lab, "select pg_is_in_recovery()", port) == [(False,)]

    def test_the_second_run_changes_nothing(self, pair: tuple[Built, Built]) -> None:
        before = [start_times(built.lab, ALONE) for built in pair]
        print(f"a run without changes took {assert_changes_nothing(pair[0].inventory).seconds:.1f} s")
        assert [start_times(built.lab, ALONE) for built in pair] == before

    def test_a_run_limited_to_one_leaves_the_other_alone(self, pair: tuple[Built, Built]) -> None:
        red, blue = pair
        asked = ("--limit", blue.lab.host("pg1").container, "--data", "patroni_maximum_lag_mib=2")
        done = run(red.inventory, CLUSTER, *asked)
        assert changed(done).keys() == {"PostgreSQL | Apply the dynamic configuration"}
        lags = [patroni(built.lab, "pg1", "config")["maximum_lag_on_failover"] for built in pair]
        assert lags == [1024 * 1024, 2 * 1024 * 1024]
