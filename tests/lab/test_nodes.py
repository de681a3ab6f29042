"""Hosts come, go and are replaced while clients write; and nothing of those that went is left behind."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import faults, lifecycle
from tests.lab.docker import docker, run_in
from tests.lab.load import Load
from tests.lab.runs import (
    CLUSTER,
    MEMBERS,
    assert_changes_nothing,
    changed,
    dsn,
    etcdctl,
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
from tests.lab.spec import Host, Lab
from tests.lab.waiting import wait_until

ADD, REMOVE, REPLACE = (f"deploys/{name}_node.py" for name in ("add", "remove", "replace"))
ALL = (*MEMBERS, "pg4")
GAP_SECONDS = 1.0
SWITCHOVER_SECONDS = 8.0


@dataclass(frozen=True)
class Growing:
    """A lab of four hosts. + three: the inventory of the first three of them; + four: of all, etcd on three"""

    lab: Lab
    three: Path
    four: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    """The cluster of the first three hosts; the fourth is up and has nothing."""
    directory = tmp_path_factory.mktemp("nodes")
    with site("n-nodes", directory, hosts=ALL) as ready:
        narrow = directory / "narrow"
        narrow.mkdir()
        three = write_inventory(ready.lab, narrow, MEMBERS)
        voters = [ready.lab.host(name).container for name in MEMBERS]
        ready.inventory.write_text(f"{ready.inventory.read_text()}\netcd = {voters}\n")
        run(three)
        wait_until_settled(ready.lab)
        yield Growing(ready.lab, three, ready.inventory)


def report(load: Load, what: str, seconds: float, gap_seconds: float) -> None:
    """Print what a change cost the clients, and demand that they lost nothing."""
    seen, verdict = load.report(), load.verdict()
    print(f"{what} in {seconds:.1f} s: {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
    assert verdict.is_clean, verdict
    assert seen.longest_gap_seconds <= gap_seconds


def wait_until_all_stream(lab: Lab) -> None:
    """Return when one of the four leads and the others stream on its timeline; the fourth publishes no port."""

    def do_they() -> bool:
        shown = [members(lab).get(lab.host(name).container, {}) for name in ALL]
        states, timelines = [one.get("state") for one in shown], {one.get("timeline") for one in shown}
        return sorted(map(str, states)) == ["running", *["streaming"] * 3] and len(timelines) == 1

    wait_until(f"all of {lab.name} stream", do_they, seconds=90)


def traces(lab: Lab, gone: str, rest: tuple[str, ...]) -> list[str]:
    """Everything that still knows a host, wherever it is."""
    host, first = lab.host(gone), lab.host(rest[0])
    known = etcdctl(first, "member list").splitlines()
    known += etcdctl(first, f"get --prefix --keys-only /service/{lab.name}/members/").splitlines()
    slot = host.container.replace("-", "_")
    asked = f"select slot_name from pg_replication_slots where slot_name = '{slot}'"
    known += [f"slot on {name}: {host.container}" for name in rest if sql(lab, asked, 5432, name)]
    for name in rest:
        known += run_in(lab.host(name).container, f"grep -H '' {files_of(lab)}").splitlines()
    return [line for line in known if any(word in line for word in words_for(host))]


def files_of(lab: Lab) -> str:
    """What is written about the other hosts on each."""
    hba = f"/var/lib/postgresql/*/{lab.name}/pg_hba.conf"
    return f"/etc/patroni/config.yml /etc/haproxy/haproxy.cfg /etc/etcd/bootstrap.env {hba}"


def words_for(host: Host) -> tuple[str, ...]:
    """How a host is named in files and lists."""
    return host.container, f"{host.address4}:", f"{host.address4}/"


def test_a_host_joins_while_clients_write(built: Growing) -> None:
    with Load(dsn(built.lab)) as load:
        done = run(built.four, ADD)
    report(load, "a host joined", done.seconds, GAP_SECONDS)
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
    with Load(dsn(lab)) as load:
        done = run(built.four, REMOVE, "--data", f"node={fourth.container}")
    print(json.dumps(changed(done), indent=1))
    report(load, "the leader was taken out", done.seconds, SWITCHOVER_SECONDS)
    assert traces(lab, "pg4", MEMBERS) == []
    assert run_in(fourth.container, "systemctl is-enabled patroni haproxy || true").split() == ["disabled", "disabled"]
    assert changed(run(built.four, REMOVE, "--data", f"node={fourth.container}")) == {}
    assert_changes_nothing(built.three)


def test_it_comes_back_only_when_somebody_says_so(built: Growing) -> None:
    refused = run(built.four, CLUSTER, check=False)
    assert refused.code == 1 and f"was taken out of {built.lab.name}" in refused.log
    run(built.four, ADD)
    wait_until_all_stream(built.lab)
    assert_changes_nothing(built.four)


def test_a_host_that_is_lost_is_replaced_by_a_fresh_one(built: Growing) -> None:
    lab, third = built.lab, built.lab.host("pg3")
    in_place = run(built.four, REPLACE, "--data", f"node={third.container}")
    assert changed(in_place) == {}
    with Load(dsn(lab)) as load:
        faults.kill(third.container)
        docker("rm", "--force", "--volumes", third.container)
        lifecycle.up(lab, ["pg3"])
        wait_until("its key has run out", lambda: third.container not in members(lab), seconds=60)
        done = run(built.four, REPLACE, "--data", f"node={third.container}")
    report(load, "a lost host was replaced", done.seconds, SWITCHOVER_SECONDS)
    wait_until_all_stream(lab)
    listed = etcdctl(lab.host("pg1"), "member list").splitlines()
    assert len(listed) == 3 and all(line.endswith(", false") for line in listed)
    assert_changes_nothing(built.four)


@pytest.mark.parametrize("seconds", [5, 9, 13])
def test_a_removal_that_is_killed_is_gone_on_with(built: Growing, seconds: int) -> None:
    words = ("--data", f"node={built.lab.host('pg4').container}")
    with Load(dsn(built.lab)) as load:
        process = start(built.four, REMOVE, *words)
        time.sleep(seconds)
        kill_run(process)
        done = run(built.four, REMOVE, *words)
    print(f"killed after {seconds} s, the next run changed {', '.join(changed(done)) or 'nothing'}")
    report(load, "finished", done.seconds, GAP_SECONDS)
    assert traces(built.lab, "pg4", MEMBERS) == []
    assert_changes_nothing(built.three)
    run(built.four, ADD)
    wait_until_all_stream(built.lab)


def test_a_dead_host_is_taken_out_without_waiting_for_it(built: Growing) -> None:
    lab, fourth = built.lab, built.lab.host("pg4")
    faults.kill(fourth.container)
    wait_until("its key has run out", lambda: fourth.container not in members(lab), seconds=60)
    done = run(built.four, REMOVE, "--data", f"node={fourth.container}", "--exclude", fourth.container)
    print(f"a dead host was taken out in {done.seconds:.1f} s")
    assert traces(lab, "pg4", MEMBERS) == []
    assert_changes_nothing(built.three)
