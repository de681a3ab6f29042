"""A living member gets another address: refused before anything is written, and moved by the run that is for it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.keys import KNOWN_HOSTS
from tests.lab.membership.test_nodes import SWITCHOVER_SECONDS, killed_and_run_again, report
from tests.lab.paths import lab_directory
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    Built,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    etcdctl,
    leader,
    members,
    patroni,
    run,
    site,
    start_times,
    switchover,
    wait_until_settled,
    write_inventory,
)

CHECK, MOVE, REMOVE = (f"deploys/{name}.py" for name in ("check", "move_node", "remove_node"))
FILES = "/etc/default/etcd /etc/etcd/*.env /etc/patroni/*.yml /etc/patroni/*/* /etc/haproxy/* /etc/*/pki/*"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = tmp_path_factory.mktemp("addresses")
    # The lab publishes ports of IPv4 addresses alone, and HAProxy has to be there whatever a member's address is.
    with site("gr-addresses", directory, haproxy_listen=["*"]) as ready:
        done = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, done)


def elsewhere(built: Built, directory: Path, address: str, name: str = "pg3") -> Path:
    """The same inventory with a member at another address, which its host has by then beside its own."""
    speak(built.lab, name, address)
    host = built.lab.host(name)
    inventory = write_inventory(built.lab, directory, haproxy_listen=["*"])
    text = inventory.read_text()
    declared = f'"cluster_address": "{host.address4}"'
    assert text.count(declared) == 1
    inventory.write_text(text.replace(declared, f'"cluster_address": "{address}"'))
    return inventory


def speak(lab: Lab, name: str, address: str) -> None:
    """
    Let a host speak to the others from an address. Its first one stays beside another, for there the lab's ports lead;
    another one does not stay beside that.
    """
    subnet, host = lab.subnet4, lab.host(name)
    if ":" in address:
        return
    run_in(host.container, f"ip address replace {address}/{subnet.prefixlen} dev eth0")
    run_in(host.container, f"ip route replace {subnet} dev eth0 src {address}")
    if address == host.address4:
        run_in(host.container, f"ip address del {other4(lab)}/{subnet.prefixlen} dev eth0 2> /dev/null || true")


def other4(lab: Lab) -> str:
    """A free address of the lab's network, of which the lab itself knows as that of a host in another's place."""
    return Host(lab, "pg3", moved=True).address4


def written(lab: Lab) -> dict[str, str]:
    """What lies on each host about addresses."""
    ask = f"ls -l --time-style=full-iso {FILES} 2>/dev/null; cat {FILES} 2>/dev/null | sha256sum"
    return {name: run_in(lab.host(name).container, ask) for name in MEMBERS}


def refused_untouched(lab: Lab, inventory: Path, deploy: str, *words: str) -> str:
    """Run in vain, in the plan and then in earnest; returns what is said, on one line."""
    before = written(lab), start_times(lab)
    done: Run | None = None
    for how in (("--dry",), ()):
        done = run(inventory, deploy, *how, *words, check=False, as_json=False)
        assert done.code == 1 and "Traceback" not in done.log, done
        assert (written(lab), start_times(lab)) == before
    assert done is not None
    return " ".join(done.log.split())


def test_another_way_by_ssh_changes_nothing(built: Built, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text((lab_directory() / KNOWN_HOSTS).read_text().replace("127.0.0.1", "localhost"))
    text = built.inventory.read_text().replace(f".lab/{KNOWN_HOSTS}", str(known))
    inventory = tmp_path / "inventory.py"
    inventory.write_text(text.replace('"ssh_hostname": "127.0.0.1"', '"ssh_hostname": "localhost"'))
    assert_changes_nothing(inventory)


@pytest.mark.parametrize("name", ["pg1", "pg3"])
def test_another_address_is_refused_before_anything_is_written(built: Built, tmp_path: Path, name: str) -> None:
    lab, host = built.lab, built.lab.host(name)
    inventory = elsewhere(built, tmp_path, other4(lab), name)
    for deploy in (CLUSTER, "deploys/configure.py"):
        said = refused_untouched(lab, inventory, deploy)
        assert f"{host.container} is a living member at {host.address4}, declared is {other4(lab)}" in said
    checked = run(inventory, CHECK, check=False, as_json=False)
    assert f"is a living member at {host.address4}" in checked.log and "member remove" not in checked.log
    speak(lab, name, host.address4)
    assert_changes_nothing(built.inventory)


def test_a_living_member_that_the_inventory_no_longer_has_is_refused(built: Built, tmp_path: Path) -> None:
    lab, third = built.lab, built.lab.host("pg3")
    inventory = tmp_path / "inventory.py"
    inventory.write_text(f"{built.inventory.read_text()}\netcd = list(postgres)\npostgres = postgres[:2]\n")
    said = refused_untouched(lab, inventory, CLUSTER)
    assert f"{third.container} inventory is a living member of {lab.name}" in said
    assert f"`pyinfra inventory.py {REMOVE} --data node={third.container}`" in said
    switchover(lab, third)
    assert f"{third.container} inventory leads {lab.name}" in refused_untouched(lab, inventory, CLUSTER)
    for deploy in ("deploys/restart_pending.py", "deploys/switchover.py", "deploys/promote.py"):
        assert "Traceback" not in run(inventory, deploy, check=False, as_json=False).log
    assert_changes_nothing(built.inventory)


def addresses(lab: Lab) -> dict[str, str]:
    """Where each member is, as Patroni says; and each voter, as etcd does, which has to be the same."""
    shown = {lab.host(name).short_name: one["host"] for name, one in members(lab).items()}
    found = re.findall(r"started, (\S+), https://(\S+):2380, .*, false", etcdctl(lab.host("pg1"), "member list"))
    assert shown == {lab.host(name).short_name: url.strip("[]") for name, url in found}
    return shown


def moved(built: Built, inventory: Path, address: str, name: str = "pg3", kill_after: float = 0) -> None:
    """Let a member move under load, and demand that it is there, with its data, and the clients lost nothing."""
    lab, host = built.lab, built.lab.host(name)
    stays = {one: lab.host(one).address4 for one in MEMBERS if one != name}
    started = {one: start_times(lab, [one]) for one in stays}
    words = ("--data", f"node={host.container}")
    with Load(dsn(lab)) as load:
        done = killed_and_run_again(inventory, MOVE, words, kill_after) if kill_after else run(inventory, MOVE, *words)
    report(load, f"{name} moved to {address}", done.seconds, SWITCHOVER_SECONDS)
    assert addresses(lab) == {**stays, name: address}
    assert patroni(lab, "pg1", "cluster")["members"]
    assert {one: start_times(lab, [one]) for one in stays} == started, "nobody else was restarted"
    assert changed(run(inventory, MOVE, *words)) == {}
    assert_changes_nothing(inventory)


def test_a_leader_moves_while_clients_write_though_its_run_is_killed(built: Built, tmp_path: Path) -> None:
    lab = built.lab
    if leader(lab) != lab.host("pg3"):
        switchover(lab, lab.host("pg3"))
    moved(built, elsewhere(built, tmp_path, other4(lab)), other4(lab), kill_after=20)


def test_the_former_inventory_is_refused_and_moves_it_back(built: Built) -> None:
    """The network was changed first: where the cluster knows the host nobody answers any more."""
    lab, third = built.lab, built.lab.host("pg3")
    assert f"is a living member at {other4(lab)}" in " ".join(run(built.inventory, check=False).log.split())
    speak(lab, "pg3", third.address4)
    moved(built, built.inventory, third.address4)
    wait_until_settled(lab)


def test_a_member_does_not_move_alone_to_another_family_of_addresses(built: Built, tmp_path: Path) -> None:
    second = built.lab.host("pg2")
    inventory = elsewhere(built, tmp_path, second.address6, "pg2")
    said = refused_untouched(built.lab, inventory, MOVE, "--data", f"node={second.container}")
    # Before the run's own refusal comes that of the preflight: nobody can speak to it from where pg_hba expects him.
    assert f"{second.container} cluster_address {second.address6}: connections to" in said


def test_without_haproxy_the_members_own_doors_are_used(built: Built, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.py"
    inventory.write_text(f"{built.inventory.read_text()}\nhaproxy = []\n")
    done = run(inventory, CLUSTER, as_json=False)
    assert "Endpoints: the members themselves" in done.log and "PostgreSQL 17." in done.log
