"""What is wrong is said in one table, with a way out, and nothing on any host is another than before."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import CLUSTER, Built, Run, patroni, run, secrets_directory, site, write_inventory

OLD, NEW = "pg1", "pg2"
WEAK = "admin-password-123"
MARK = "/run/mark"

# What a living host writes by itself, or because somebody logged in.
OF_ITSELF = ("/var/log/*", "/var/lib/systemd/*", "/var/lib/etcd/*", "/var/lib/postgresql/17/b-refusals*/*")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A cluster of one member, and beside it a host that is to become the second one."""
    directory = tmp_path_factory.mktemp("refusals")
    with site("b-refusals", directory, hosts=(OLD, NEW)) as ready:
        alone = write_inventory(ready.lab, directory, (OLD,))
        yield Built(ready.lab, alone, run(alone))


def declared(built: Built, directory: Path, *names: str, **settings: Any) -> Path:
    """An inventory with these members, and etcd where it is."""
    path = write_inventory(built.lab, directory, names, **settings)
    path.write_text(f"{path.read_text()}\netcd = ['{built.lab.host(OLD).container}']\n")
    return path


def refused(built: Built, inventory: Path, *words: str) -> str:
    """Run in vain, and return the table without the places where its lines end."""
    hosts = [built.lab.host(name) for name in (OLD, NEW)]
    before, made = [state(host) for host in hosts], control(built)
    for host in hosts:
        run_in(host.container, f"touch {MARK}")
    done = run(inventory, CLUSTER, *words, check=False)
    assert done.code == 1, done
    assert [state(host) for host in hosts] == before
    assert [written(host) for host in hosts] == [[], []]
    assert control(built) == made
    table = " ".join(done.log.split())
    assert "nothing was changed" in table, done
    print(f"refused after {done.seconds:.1f} s: {count(done)}")
    return table


def state(host: Host) -> str:
    """What is installed, what runs, and as which processes."""
    ask = "dpkg-query -W; systemctl list-unit-files --no-legend; systemctl show -P MainPID etcd patroni haproxy"
    return run_in(host.container, f"{ask}; pgrep -a postgres | grep -e ' -D' || true")


def written(host: Host) -> list[str]:
    """The files that are newer than the mark."""
    left_out = " ".join(f"-not -path '{pattern}'" for pattern in OF_ITSELF)
    return run_in(host.container, f"find / -xdev -type f -newer {MARK} {left_out}").splitlines()


def control(built: Built) -> dict[str, str]:
    """What the control machine keeps for the cluster."""
    return {path.name: path.read_text() for path in secrets_directory(built.lab).iterdir()}


def count(done: Run) -> str:
    found = re.search(r"\d+ findings?", done.log)
    return found[0] if found else done.log


def test_a_host_that_cannot_be_reached(built: Built, tmp_path: Path) -> None:
    absent = built.lab.host("pg3").container
    assert (
        f"{absent} connection cannot be reached HINT: See the connection error above: "
        f"an ssh login to {absent} must work from here without a question."
    ) in refused(built, declared(built, tmp_path, OLD, "pg3"))


def test_an_address_that_is_not_on_the_host(built: Built, tmp_path: Path) -> None:
    host, inventory = built.lab.host(NEW), declared(built, tmp_path, OLD, NEW)
    wrong = str(built.lab.subnet4[99])
    inventory.write_text(inventory.read_text().replace(f'"{host.address4}"', f'"{wrong}"'))
    assert (
        f"{host.container} cluster_address {wrong} is on no interface of the host, "
        f"which has {host.address4} on eth0, {host.address6} on eth0 "
        "HINT: Declare an address that the host itself has: etcd, Patroni and PostgreSQL listen on it."
    ) in refused(built, inventory)


def test_a_port_that_a_firewall_blocks(built: Built, tmp_path: Path) -> None:
    old, new = built.lab.host(OLD), built.lab.host(NEW)
    faults.cut_ports(new.container, [8008])
    try:
        table = refused(built, declared(built, tmp_path, OLD, NEW))
    finally:
        faults.heal(new.container)
    hint = "HINT: Let the firewalls on the way and on this host pass TCP between the hosts of the cluster."
    for there, here in ((new, old), (old, new)):
        problem = f"port 8008 of {there.address4} cannot be reached from {here.container}: no answer in 5 seconds"
        assert f"{there.container} firewall {problem} {hint}" in table


def test_a_foreign_postgresql_that_runs(built: Built, tmp_path: Path) -> None:
    host = built.lab.host(NEW).container
    run_in(host, "systemctl unmask postgresql && pg_createcluster 17 main && pg_ctlcluster 17 main start")
    try:
        table = refused(built, declared(built, tmp_path, OLD, NEW))
    finally:
        run_in(host, "pg_dropcluster --stop 17 main")
    assert (
        f"{host} PostgreSQL a PostgreSQL that is not Patroni's runs here: data in /var/lib/postgresql/17/main, "
        "unit postgresql@17-main.service "
        "HINT: If it is not needed: `pg_dropcluster --stop 17 main`. Otherwise take another host."
    ) in table


def test_a_data_directory_that_is_somebody_s(built: Built, tmp_path: Path) -> None:
    host, data = built.lab.host(NEW).container, f"/var/lib/postgresql/17/{built.lab.name}"
    run_in(host, f"mkdir -p {data} && touch {data}/thesis.tex")
    try:
        table = refused(built, declared(built, tmp_path, OLD, NEW))
    finally:
        run_in(host, f"rm -r {data}")
    assert (
        f"{host} data directory {data} is not empty and holds no PostgreSQL data, but thesis.tex "
        "HINT: Look what it is and move it away, or declare another postgres_data_directory."
    ) in table


def test_data_of_another_cluster_than_the_one_that_etcd_knows(built: Built, tmp_path: Path) -> None:
    host, data = built.lab.host(NEW).container, f"/var/lib/postgresql/17/{built.lab.name}"
    initdb = f"runuser -u postgres -- /usr/lib/postgresql/17/bin/initdb -D {data} > /dev/null"
    run_in(host, f"install -d -m 700 -o postgres {data} && {initdb}")
    try:
        said = run_in(host, f"/usr/lib/postgresql/17/bin/pg_controldata {data} | grep 'system identifier'")
        table = refused(built, declared(built, tmp_path, OLD, NEW))
    finally:
        run_in(host, f"rm -r {data}")
    known = patroni(built.lab, OLD, "patroni")["database_system_identifier"]
    assert (
        f"{host} data directory {data} holds a PostgreSQL 17 cluster with system identifier {said.split()[-1]}, "
        f"the cluster {built.lab.name} in etcd has {known} "
        "HINT: It is another cluster's data. Move it away, and Patroni makes a new copy: "
        f"`mv {data} {data}.old`."
    ) in table


def test_a_setting_that_does_not_exist(built: Built) -> None:
    assert (
        "--data postgres_prot is neither an option of cluster.py nor a setting "
        "HINT: Did you mean postgres_port? "
        "This run takes adopt, break_lock, rotate; settings stand in docs/settings.md."
    ) in refused(built, built.inventory, "--data", "postgres_prot=5433")


def test_a_postgresql_that_the_distribution_does_not_have(built: Built, tmp_path: Path) -> None:
    host = built.lab.host(NEW).container
    assert (
        f"{host} postgres_version PostgreSQL 18 is not offered by distribution packages of Debian 13 (trixie), "
        "which has 17 HINT: Set postgres_version = 17, or packages_source = 'pgdg'."
    ) in refused(built, declared(built, tmp_path, OLD, NEW, postgres_version=18))


def test_a_locale_that_is_not_there_and_the_way_out(built: Built, tmp_path: Path) -> None:
    old, new = (built.lab.host(name).container for name in (OLD, NEW))
    wanted = {"postgres_locale": "de_DE.utf8", "postgres_parameters": {"timezone": "Mars/Olympus"}}
    table = refused(built, declared(built, tmp_path, OLD, NEW, **wanted))
    command = "apt-get install -y locales && echo 'de_DE.UTF-8 UTF-8' >> /etc/locale.gen && locale-gen"
    for host in (old, new):
        absent = "the locale de_DE.utf8 is not on this host, and PostgreSQL does not start without it"
        assert f"{host} postgres_locale {absent} HINT: As root there: `{command}`" in table
        assert f"{host} postgres_parameters timezone 'Mars/Olympus' is no time zone of this host" in table
    run_in(new, command)
    table = refused(built, declared(built, tmp_path, OLD, NEW, **wanted), "--dry")
    assert f"{old} postgres_locale" in table and f"{new} postgres_locale" not in table


def test_parameters_that_postgresql_does_not_take(built: Built, tmp_path: Path) -> None:
    wanted = {"max_conections": 300, "work_mem": "7XB", "shared_buffers": "1kB"}
    table = refused(built, declared(built, tmp_path, OLD, postgres_parameters=wanted), "--dry")
    assert "max_conections 300 is no parameter of PostgreSQL 17 HINT: Did you mean max_connections?" in table
    assert "work_mem '7XB' has the unit XB" in table and "shared_buffers '1kB' is below 16 (8kB)" in table


def test_a_weak_password_in_the_environment(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATRONI_ADMIN_PASSWORD", WEAK)
    table = refused(built, built.inventory)
    assert (
        "environment PATRONI_ADMIN_PASSWORD is little more than well-known words "
        "HINT: Take `openssl rand -hex 24`, or unset it: a secret that is not given is generated."
    ) in table
    assert WEAK not in table


def test_everything_that_is_wrong_is_in_one_table(built: Built, tmp_path: Path) -> None:
    inventory = declared(built, tmp_path, OLD, NEW, "pg3", postgres_version=18)
    table = refused(built, inventory)
    for word in ("pg3 connection", "pg2 postgres_version", "pg1 postgres_version"):
        assert f"{built.lab.name}-{word}" in table


def test_after_all_that_the_cluster_is_as_it_was(built: Built) -> None:
    assert run(built.inventory).results["totals"]["success"] == 0
