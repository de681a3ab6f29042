"""Hosts come, go and are replaced while clients write; and nothing of those that went is left behind."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import lifecycle
from tests.lab.docker import docker, run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    Run,
    assert_changes_nothing,
    changed,
    dry,
    dsn,
    etcdctl,
    kill_run,
    leader,
    members,
    run,
    site,
    sql,
    start,
    switchover,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

ADD, REMOVE, REPLACE = (f"deploys/{name}_node.py" for name in ("add", "remove", "replace"))
THREE, ALL = (*MEMBERS, "backup1"), (*MEMBERS, "pg4", "backup1")
SWITCHOVER_SECONDS = 15.0  # 2 to 3 on an idle machine
KEY_SECONDS = 60

# What is written on each host about the others.
FILES = "/etc/patroni/config.yml /etc/haproxy/haproxy.cfg /etc/etcd/bootstrap.env /etc/pgbackrest/pgbackrest.conf"
SAID = "openssl x509 -in $c -noout -ext subjectAltName | tr , '\\n' | sed \"s|^|$c |\""
NAMES = f"for c in /etc/*/pki/*.crt /etc/patroni/rest/*.crt; do {SAID}; done"


@dataclass(frozen=True)
class Growing:
    """A lab of four members and a repository host. + three: without the fourth; + four: of all, etcd on three"""

    lab: Lab
    three: Path
    four: Path

    def words(self, name: str) -> tuple[str, str]:
        """What names a host to a run."""
        return "--data", f"node={self.lab.host(name).container}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    """The cluster of the first three hosts and the repository; the fourth is up and has nothing."""
    directory = tmp_path_factory.mktemp("nodes")
    with site("gr-nodes", directory, hosts=ALL) as ready:
        narrow = directory / "narrow"
        narrow.mkdir()
        three = write_inventory(ready.lab, narrow, THREE)
        declare_voters(ready.lab, ready.inventory)
        run(three)
        wait_until_settled(ready.lab)
        yield Growing(ready.lab, three, ready.inventory)


def declare_voters(lab: Lab, inventory: Path) -> None:
    """etcd is on three hosts, for four are not permitted."""
    voters = [lab.host(name).container for name in MEMBERS]
    inventory.write_text(f"{inventory.read_text()}\netcd = {voters}\n")


def report(load: Load, what: str, seconds: float, gap_seconds: float) -> None:
    """Print what a change cost the clients, and demand that they lost nothing."""
    seen, verdict = load.report(), load.verdict()
    print(f"{what} in {seconds:.1f} s: {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
    assert verdict.is_clean, verdict
    assert seen.longest_gap_seconds <= gap_seconds


def wait_until_all_stream(lab: Lab) -> None:
    """Return when one of the four leads and the others stream on its timeline; not all of them publish a port."""

    def do_they() -> bool:
        shown = [one for one in members(lab).values() if one]
        states, timelines = [one.get("state") for one in shown], {one.get("timeline") for one in shown}
        return sorted(map(str, states)) == ["running", *["streaming"] * 3] and len(timelines) == 1

    wait_until(f"all of {lab.name} stream", do_they, seconds=90)


def traces(lab: Lab, rest: tuple[str, ...], *words: str) -> list[str]:
    """Everything that still knows a host, wherever it is. + rest: who is asked; + words: its name, its address"""
    first = lab.host(rest[0])
    known = [*etcdctl(first, "member list").splitlines(), *etcdctl(first, "get --prefix /service/").splitlines()]
    for name in rest:
        hba = f"/var/lib/postgresql/*/{lab.name}/pg_hba.conf"
        known += run_in(lab.host(name).container, f"grep -H '' {FILES} {hba} 2>&1; {NAMES} 2>&1").splitlines()
    for name in (one for one in rest if lab.host(one).published_ports):
        known += [
            f"slot {slot} on {name}" for (slot,) in sql(lab, "select slot_name from pg_replication_slots", 5432, name)
        ]
    named = re.compile("|".join(rf"{re.escape(word)}(?![\w.-])" for word in words))
    # The note of a removal stays, and so does who led when.
    notes = re.compile(rf"^/service/{lab.name}/removed/|^\[\[")
    return [line for line in known if named.search(line) and not notes.search(line)]


def names_of(host: Host) -> tuple[str, ...]:
    """How a host is named in files, lists and slots."""
    return host.container, host.container.replace("-", "_"), host.address4


def killed_and_run_again(inventory: Path, deploy: str, words: tuple[str, ...], seconds: float) -> Run:
    """Kill a run after some time, and return the next one, which goes on with it."""
    process = start(inventory, deploy, *words)
    time.sleep(seconds)
    kill_run(process)
    done = run(inventory, deploy, *words)
    print(f"{deploy} killed after {seconds} s, the next run changed {', '.join(changed(done)) or 'nothing'}")
    return done


def test_a_host_joins_while_clients_write(built: Growing) -> None:
    said = dry(built.four, ADD)
    assert f"{built.lab.host('pg4').container}   PostgreSQL" in said
    with Load(dsn(built.lab)) as load:
        done = run(built.four, ADD)
    report(load, "a host joined", done.seconds, STEADY_GAP_SECONDS)
    wait_until_all_stream(built.lab)
    shown = members(built.lab)[built.lab.host("pg4").container]
    assert shown["role"] == "replica" and set(shown.get("tags", {})) <= {"clonefrom"}
    assert_changes_nothing(built.four)


def test_a_leader_is_taken_out_and_nothing_is_left_of_it(built: Growing) -> None:
    lab, fourth = built.lab, built.lab.host("pg4")
    order = f"patronictl -c /etc/patroni/config.yml switchover {lab.name} --force --candidate {fourth.container}"
    run_in(fourth.container, order)
    wait_until_all_stream(lab)
    assert leader(lab) == fourth
    said = dry(built.four, REMOVE, *built.words("pg4"))
    assert "then   another member leads first" in said and leader(lab) == fourth
    with Load(dsn(lab)) as load:
        done = run(built.four, REMOVE, *built.words("pg4"))
    print(json.dumps(changed(done), indent=1))
    report(load, "the leader was taken out", done.seconds, SWITCHOVER_SECONDS)
    assert traces(lab, THREE, *names_of(fourth)) == []
    assert run_in(fourth.container, "systemctl is-enabled patroni haproxy || true").split() == ["disabled", "disabled"]
    assert run_in(fourth.container, f"ls /var/lib/postgresql/*/{lab.name}/PG_VERSION")
    assert changed(run(built.four, REMOVE, *built.words("pg4"))) == {}
    assert_changes_nothing(built.three)


def test_it_comes_back_only_when_somebody_says_so(built: Growing) -> None:
    refused = run(built.four, CLUSTER, check=False)
    assert refused.code == 1 and f"was removed from {built.lab.name}" in refused.log
    with Load(dsn(built.lab)) as load:
        done = killed_and_run_again(built.four, ADD, (), 7)
    report(load, "the host came back", done.seconds, STEADY_GAP_SECONDS)
    wait_until_all_stream(built.lab)
    assert_changes_nothing(built.four)


def test_a_removal_that_is_killed_is_gone_on_with(built: Growing) -> None:
    lab, fourth = built.lab, built.lab.host("pg4")
    with Load(dsn(lab)) as load:
        done = killed_and_run_again(built.four, REMOVE, (*built.words("pg4"), "--data", "wipe=true"), 8)
    report(load, "finished", done.seconds, STEADY_GAP_SECONDS)
    assert traces(lab, THREE, *names_of(fourth)) == []
    assert run_in(fourth.container, f"ls -d /var/lib/postgresql/*/{lab.name} || true") == ""
    run(built.four, ADD)
    wait_until_all_stream(lab)


def test_a_dead_host_is_taken_out_and_stays_out_when_it_comes_back(built: Growing) -> None:
    lab, fourth = built.lab, built.lab.host("pg4")
    faults.kill(fourth.container)
    wait_until("its key has run out", lambda: fourth.container not in members(lab), seconds=KEY_SECONDS)
    # pyinfra itself ends with 1 where a host of the inventory cannot be reached.
    done = run(built.four, REMOVE, *built.words("pg4"), check=False)
    print(f"a dead host was taken out in {done.seconds:.1f} s")
    assert f"{fourth.container} is no part of {lab.name} any more" in done.log
    assert traces(lab, THREE, *names_of(fourth)) == []
    assert_changes_nothing(built.three)
    lifecycle.up(lab, ["pg4"])
    skipped = "systemctl show --value -p Result -p ActiveState patroni"
    wait_until(
        "Patroni was asked to start, and did not",
        lambda: run_in(fourth.container, skipped).split() == ["exec-condition", "inactive"],
        seconds=60,
    )
    assert traces(lab, THREE, *names_of(fourth)) == []
    found = " ".join(run(built.four, "deploys/check.py", check=False, as_json=False).log.split())
    assert f"was removed from {lab.name}" in found and "not in the inventory" not in found
    run(built.four, REMOVE, *built.words("pg4"))
    left = "ls -d /etc/patroni/config.yml /etc/haproxy/haproxy.cfg /etc/systemd/system/*/pyinfra-patroni.conf"
    assert run_in(fourth.container, f"{left} /usr/local/bin/patroni-* 2>/dev/null || true") == ""
    assert run_in(fourth.container, "apt-mark showhold") == ""
    run(built.four, ADD)
    wait_until_all_stream(lab)


def test_a_host_that_is_lost_is_replaced_by_a_fresh_one(built: Growing) -> None:
    lab, third = built.lab, built.lab.host("pg3")
    if leader(lab) == third:
        switchover(lab, lab.host("pg1"))
    assert changed(run(built.four, REPLACE, *built.words("pg3"))) == {}
    with Load(dsn(lab)) as load:
        faults.kill(third.container)
        docker("rm", "--force", "--volumes", third.container)
        lifecycle.up(lab, ["pg3"])
        wait_until("its key has run out", lambda: third.container not in members(lab), seconds=KEY_SECONDS)
        done = killed_and_run_again(built.four, REPLACE, built.words("pg3"), 12)
    report(load, "a lost host was replaced", done.seconds, STEADY_GAP_SECONDS)
    wait_until_all_stream(lab)
    assert_three_vote(lab)
    assert_changes_nothing(built.four)


def test_a_host_is_replaced_at_another_address_once_the_old_one_is_dead(built: Growing, tmp_path: Path) -> None:
    lab, old, fresh = built.lab, built.lab.host("pg3"), Host(built.lab, "pg3", moved=True)
    inventory = write_inventory(lab, tmp_path, ("pg1", "pg2", fresh, "pg4", "backup1"))
    declare_voters(lab, inventory)
    buried = f"{old.container}-old"
    docker("rename", old.container, buried)
    lifecycle.replace(fresh)
    if leader(lab).container == old.container:
        switchover(lab, lab.host("pg1"))
    refused = run(inventory, REPLACE, *built.words("pg3"), check=False)
    assert refused.code == 1 and f"the old host still answers at {old.address4}, port 8008" in refused.log
    assert_three_vote(lab)
    with Load(dsn(lab)) as load:
        faults.kill(buried)
        wait_until("its key has run out", lambda: old.container not in members(lab), seconds=KEY_SECONDS)
        done = run(inventory, REPLACE, *built.words("pg3"))
    report(load, "a lost host was replaced at another address", done.seconds, STEADY_GAP_SECONDS)
    wait_until_all_stream(lab)
    assert_three_vote(lab)
    assert traces(lab, ("pg1", "pg2", "pg4", "backup1"), old.address4) == []
    assert_changes_nothing(inventory)


def assert_three_vote(lab: Lab) -> None:
    """etcd has three members, all with a vote."""
    listed = etcdctl(lab.host("pg1"), "member list").splitlines()
    assert len(listed) == 3 and all(line.endswith(", false") for line in listed)
