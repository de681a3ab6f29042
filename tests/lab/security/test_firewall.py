"""Hosts that accept what is declared and nothing else, and that take rules back with which nobody reaches them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cluster.components.all import port_matrix
from cluster.components.firewall.rules import GUARD, RULES, TABLE, UNIT
from tests.inventories import clusters_of
from tests.lab.docker import docker, run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.runs import (
    MEMBERS,
    assert_changes_nothing,
    changed,
    dsn,
    kill_run,
    leader,
    members,
    run,
    site,
    sql,
    start,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

BUILT, GROWN = (*MEMBERS, "backup1"), (*MEMBERS, "pg4", "backup1")
CLIENT, STRANGER = "etcd1", "etcd2"  # hosts of the lab that are in no inventory
TAKEN_BACK_SECONDS = 60

# Every port below 10000: a closed one answers at once, and one that is dropped would not.
SCAN = """python3 - <<'END'
import socket
found = []
for port in range(1, 10000):
    with socket.socket(socket.AF_INET6 if ":" in "{address}" else socket.AF_INET) as one:
        one.settimeout(2)
        if one.connect_ex(("{address}", port)) == 0:
            found.append(port)
print(*found)
END"""

# A run that skips the look at the hosts, which would refuse what is tried here.
UNLOOKED = """from deploys.components.firewall import deploy_firewall
from deploys.parts.begin import running_cluster

cluster = running_cluster()
if cluster is not None:
    deploy_firewall(cluster)
"""


@dataclass(frozen=True)
class Walled:
    """A cluster with a firewall. + four: its inventory with a fourth member; + directory: for others"""

    lab: Lab
    three: Path
    four: Path
    directory: Path

    @property
    def hosts(self) -> list[Host]:
        """Those of the cluster."""
        return self.lab.hosts(BUILT)

    def declared(self, name: str, hosts: tuple[str, ...] = BUILT, **settings: Any) -> Path:
        """Another inventory of the same hosts."""
        place = self.directory / name
        place.mkdir()
        return write_inventory(self.lab, place, hosts, **{**settings_of(self.lab), **settings})


def settings_of(lab: Lab) -> dict[str, Any]:
    """Clients are one host and this machine, which comes from the network's first address."""
    here = f"{lab.subnet4[1]}/32"
    return {
        "firewall_mode": "nftables",
        "firewall_ssh_networks": [here],
        "firewall_client_networks": [here, f"{lab.host(CLIENT).address4}/32"],
        "firewall_monitoring_networks": [here],
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walled]:
    """The cluster of three members and a repository; a fourth host is up and has nothing."""
    directory = tmp_path_factory.mktemp("firewall")
    with site("t-firewall", directory, hosts=(*GROWN, CLIENT, STRANGER)) as ready:
        walled = Walled(ready.lab, ready.inventory, ready.inventory, directory)
        three = walled.declared("three")
        four = walled.declared("four", GROWN)
        voters = [ready.lab.host(name).container for name in MEMBERS]
        four.write_text(f"{four.read_text()}\netcd = {voters}\n")
        run(three)
        wait_until_settled(ready.lab)
        for name in BUILT:
            run_in(ready.lab.host(name).container, "nft add table inet of_somebody")
        yield Walled(ready.lab, three, four, directory)


def open_to(source: Host, target: Host, address: str = "") -> set[int]:
    """The ports of a host that another one reaches. + address: where it is not the one that is declared"""
    found = run_in(source.container, SCAN.replace("{address}", address or target.address4), timeout_seconds=300)
    return set(map(int, found.split()))


def declared_for(inventory: Path, lab: Lab, source: str, target: str) -> set[int]:
    """The same by what is declared. + source, target: hosts of the lab"""
    (cluster,) = clusters_of(inventory).values()
    own = f"{lab.host(source).address4}/32"
    rows = [row for row in port_matrix(cluster) if row.host == lab.host(target).container]
    return {row.port for row in rows if own in row.networks and row.port is not None}


def rules(host: Host) -> str:
    return run_in(host.container, f"nft -s list table {TABLE}")


def is_on_trial(host: Host) -> bool:
    return run_in(host.container, f"systemctl is-active {GUARD}.timer || true") == "active"


def has_table(host: Host) -> bool:
    return f"table {TABLE}" in run_in(host.container, "nft list tables").splitlines()


def test_a_scan_finds_what_is_declared(built: Walled) -> None:
    for source in ("pg1", "backup1", CLIENT, STRANGER):
        for target in (name for name in BUILT if name != source):
            found = open_to(built.lab.host(source), built.lab.host(target))
            print(f"{source} -> {target}: {sorted(found)}")
            assert found == declared_for(built.three, built.lab, source, target), (source, target)
    assert open_to(built.lab.host(STRANGER), built.lab.host("pg1")) == set()
    # Each port answers that it is closed, which takes neighbour discovery.
    assert open_to(built.lab.host(CLIENT), built.lab.host("pg1"), built.lab.host("pg1").address6) == set()
    assert open_to(built.lab.host(CLIENT), built.lab.host("pg1")) == {5000, 5001, 5004, 5432}


def test_a_second_run_changes_nothing(built: Walled) -> None:
    assert_changes_nothing(built.three)


def test_every_run_works_behind_it(built: Walled) -> None:
    run(built.three, "deploys/backup.py", "--data", "type=full")
    run(built.three, "deploys/status.py", as_json=False)
    run(built.three, "deploys/check.py", as_json=False)
    before = leader(built.lab)
    run(built.three, "deploys/switchover.py")
    wait_until_settled(built.lab)
    assert leader(built.lab) != before
    pending = built.declared("pending", postgres_parameters={"max_connections": 150})
    run(pending)
    assert changed(run(pending, "deploys/restart_pending.py"))
    wait_until_settled(built.lab)
    run(built.three)
    run(built.three, "deploys/restart_pending.py")
    wait_until_settled(built.lab)


def test_a_machine_that_would_shut_itself_out_is_refused_before_anything(built: Walled) -> None:
    done = run(built.declared("shut", firewall_ssh_networks=["192.0.2.0/24"]), check=False)
    assert done.code == 1 and "nothing was changed" in done.log
    assert f"this machine comes to the host from {built.lab.subnet4[1]}" in " ".join(done.log.split())


def test_rules_that_lock_ssh_out_are_taken_back_by_the_host(built: Walled) -> None:
    unlooked = built.directory / "unlooked.py"
    unlooked.write_text(UNLOOKED)
    host = built.lab.host("pg1")
    before = rules(host)
    began = time.monotonic()
    done = run(built.declared("locked", firewall_ssh_networks=["192.0.2.0/24"]), str(unlooked), check=False)
    assert done.code == 1 and "cannot be reached over a new connection with its new firewall rules" in done.log
    assert rules(host) != before
    wait_until("the former rules are back", lambda: rules(host) == before, seconds=TAKEN_BACK_SECONDS)
    seconds = time.monotonic() - began
    print(f"taken back {seconds:.1f} s after the run began, which took {done.seconds:.1f} s")
    wait_until("the trial is over on all hosts", lambda: not any(map(is_on_trial, built.hosts)), seconds=10)
    assert_changes_nothing(built.three)


def test_rules_of_a_run_that_died_are_taken_back(built: Walled) -> None:
    """Fewer clients: what only opens cannot lock anybody out, and is on no trial."""
    client = built.lab.host(CLIENT).address4
    other = built.declared("other", firewall_client_networks=[f"{built.lab.subnet4[1]}/32"])
    host = built.lab.host("pg2")
    before = rules(host)
    process = start(other)
    try:
        wait_until("rules are on trial", lambda: is_on_trial(host), seconds=300, poll_seconds=0.1)
    finally:
        kill_run(process)
    began = time.monotonic()
    wait_until("the trial is over", lambda: not is_on_trial(host), seconds=TAKEN_BACK_SECONDS)
    print(f"the trial was over {time.monotonic() - began:.1f} s after the run was killed")
    # What is loaded is what a boot would load, in whichever moment the run died.
    assert (client in rules(host)) == (client in run_in(host.container, f"cat {RULES}"))
    run(built.three)
    assert rules(host) == before


def test_connections_that_are_open_go_on(built: Walled) -> None:
    only = built.declared("only", firewall_client_networks=[f"{built.lab.host(CLIENT).address4}/32"])
    with psycopg.connect(dsn(built.lab), autocommit=True) as connection:
        run(only)
        assert connection.execute("select 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            sql(built.lab, "select 1")
        assert connection.execute("select 2").fetchone() == (2,)
    wide = run(built.three)
    assert "Firewall | Open the ports that will be needed" in changed(wide)
    assert sql(built.lab, "select 3") == [(3,)]


def test_rules_that_were_taken_away_are_missed_and_loaded_again(built: Walled) -> None:
    host = built.lab.host("pg2")
    run_in(host.container, f"nft delete table {TABLE}")
    done = run(built.three, "deploys/check.py", check=False, as_json=False)
    assert done.code == 1 and f"there is no table {TABLE}" in " ".join(done.log.split())
    assert changed(run(built.three)) == {"Firewall | Accept what is needed, and nothing else": [host.container]}
    assert has_table(host)
    run(built.three, "deploys/check.py", as_json=False)


def test_a_host_that_boots_has_its_rules(built: Walled) -> None:
    host = built.lab.host("backup1")
    docker("restart", host.container)
    active = f"systemctl is-active {UNIT} || true"
    wait_until("it has booted", lambda: run_in(host.container, active) == "active", seconds=60)
    assert has_table(host)
    checked = lambda: run(built.three, "deploys/check.py", check=False, as_json=False).code == 0  # noqa: E731
    wait_until("nothing is wrong with it", checked, seconds=120)


def test_a_host_that_joins_and_leaves_is_let_in_and_out(built: Walled) -> None:
    run(built.four, "deploys/add_node.py")
    assert members(built.lab)[built.lab.host("pg4").container]["state"] == "streaming"
    for source, target in (("pg4", "pg1"), ("pg1", "pg4"), (STRANGER, "pg4")):
        found = open_to(built.lab.host(source), built.lab.host(target))
        assert found == declared_for(built.four, built.lab, source, target), (source, target)
    assert_changes_nothing(built.four)
    run(built.four, "deploys/remove_node.py", "--data", f"node={built.lab.host('pg4').container}")
    wait_until_settled(built.lab)
    assert not has_table(built.lab.host("pg4"))
    assert open_to(built.lab.host("pg4"), built.lab.host("pg1")) == set()
    assert_changes_nothing(built.three)


def test_tables_of_others_were_not_touched(built: Walled) -> None:
    for name in MEMBERS:
        assert "table inet of_somebody" in run_in(built.lab.host(name).container, "nft list tables").splitlines()


def test_switched_off_it_is_missed_by_nothing(built: Walled) -> None:
    off = built.declared("off", firewall_mode="off")
    done = run(off, "deploys/check.py", check=False, as_json=False)
    assert f"the table {TABLE} is loaded" in " ".join(done.log.split())
    ((step, hosts),) = changed(run(off)).items()
    assert step == "Firewall | Open the ports that will be needed"
    assert sorted(hosts) == sorted(host.container for host in built.hosts)
    for name in BUILT:
        host = built.lab.host(name)
        assert not has_table(host)
        assert run_in(host.container, f"ls {RULES} /etc/systemd/system/{UNIT}.service 2>/dev/null || true") == ""
    assert_changes_nothing(off)


def test_it_goes_with_the_cluster(built: Walled) -> None:
    run(built.three)
    assert has_table(built.lab.host("pg1"))
    run(built.three, "deploys/destroy.py", "--data", f"confirm={built.lab.name}")
    for name in BUILT:
        host = built.lab.host(name)
        assert not has_table(host)
        assert run_in(host.container, f"ls -d /etc/pyinfra-patroni {RULES} 2>/dev/null || true") == ""
