"""etcd's data lost on two of three hosts, and all keys of the cluster wiped: the data of PostgreSQL outlive both."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Lab
from tests.lab.vocabulary.backups import REPOSITORY
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
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
    system_identifier,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

SNAPSHOT, RESTORE, ADD = (f"deploys/{name}.py" for name in ("etcd_snapshot", "etcd_restore", "add_node"))
EMPTY = "pg4"
KEPT = "/var/lib/pyinfra-patroni/etcd-snapshots"
# A machine with other labs on it; on a quiet one it is a third of that.
GAP_SECONDS = 120.0


@dataclass(frozen=True)
class Doomed:
    """Three members with etcd and a repository host. + four: the inventory with a fourth member, which has nothing"""

    lab: Lab
    three: Path
    four: Path

    @property
    def confirmed(self) -> tuple[str, str]:
        return "--data", f"confirm={self.lab.name}"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doomed]:
    """The cluster of the first three hosts, with a first snapshot of etcd."""
    directory = tmp_path_factory.mktemp("sn-etcd")
    with site("sn-etcd", directory, hosts=(*MEMBERS, EMPTY, REPOSITORY)) as ready:
        narrow = directory / "narrow"
        narrow.mkdir()
        three = write_inventory(ready.lab, narrow, (*MEMBERS, REPOSITORY))
        voters = [ready.lab.host(name).container for name in MEMBERS]
        ready.inventory.write_text(f"{ready.inventory.read_text()}\netcd = {voters}\n")
        run(three)
        wait_until_settled(ready.lab)
        yield Doomed(ready.lab, three, ready.inventory)


def destroy(lab: Lab, *names: str) -> None:
    """What a lost disk does to etcd."""
    for name in names:
        run_in(
            lab.host(name).container,
            f"systemctl kill -s KILL etcd; systemctl stop etcd; rm -rf /var/lib/etcd/{lab.name}",
        )


def snapshots(lab: Lab, name: str) -> list[str]:
    """Mode and name of every snapshot on a host."""
    return run_in(lab.host(name).container, f"find {KEPT} -name '*.db' -printf '%m %f\\n'").splitlines()


def rows(lab: Lab) -> int:
    return int(sql(lab, "select count(*) from pg_class where relname = 'kept'")[0][0])


def test_snapshots_lie_on_every_host_of_etcd_and_beside_the_backups(built: Doomed) -> None:
    run(built.three, SNAPSHOT)
    for name in (*MEMBERS, REPOSITORY):
        assert [line.split()[0] for line in snapshots(built.lab, name)] == ["600"], name
        # The repository host gets a copy, for etcd would not let it take one.
        timer = run_in(built.lab.host(name).container, "systemctl is-active etcd-snapshot.timer || true")
        assert timer.strip() == ("inactive" if name == REPOSITORY else "active"), name
    assert_changes_nothing(built.three)


def test_a_healthy_etcd_is_not_rebuilt(built: Doomed) -> None:
    refused = run(built.three, RESTORE, *built.confirmed, check=False)
    assert refused.code == 1 and "has its quorum" in refused.log and "deploys/replace_node.py" in refused.log


def test_two_of_three_are_lost_and_nothing_that_was_acknowledged(built: Doomed) -> None:
    lab, before = built.lab, system_identifier(built.lab)
    sql(lab, "create table kept as select 1 as id")
    with Load(dsn(lab)) as load:
        destroy(lab, "pg2", "pg3")
        told = run(built.three, RESTORE, check=False)
        assert told.code == 1 and f"add --data confirm={lab.name} to begin" in told.log
        assert "no data that can be read" in told.log and "the data of its member on" in told.log
        done = run(built.three, RESTORE, *built.confirmed)
    seen, verdict = load.report(), load.verdict()
    print(f"rebuilt in {done.seconds:.1f} s: {seen.acknowledged} writes, gap {seen.longest_gap_seconds:.1f} s")
    assert verdict.is_clean, verdict
    assert seen.longest_gap_seconds <= GAP_SECONDS
    wait_until_settled(lab)
    assert system_identifier(lab) == before and rows(lab) == 1
    listed = etcdctl(lab.host("pg1"), "member list").splitlines()
    assert len(listed) == 3 and all(line.endswith(", false") for line in listed)
    assert_changes_nothing(built.three)


def test_all_of_it_is_lost_but_the_snapshot_beside_the_backups_and_the_run_is_killed(built: Doomed) -> None:
    lab, before, lead = built.lab, system_identifier(built.lab), leader(built.lab)
    run(built.three, SNAPSHOT)
    destroy(lab, *MEMBERS)
    for name in MEMBERS:
        run_in(lab.host(name).container, f"rm {KEPT}/*.db")
    process = start(built.three, RESTORE, *built.confirmed)
    stopped = "systemctl is-active patroni || true"
    wait_until("a member is stopped", lambda: run_in(lead.container, stopped).strip() != "active", seconds=120)
    kill_run(process)
    refused = run(built.three, CLUSTER, check=False)
    assert refused.code == 1 and "the rebuilding of etcd was started and is not finished" in refused.log
    done = run(built.three, RESTORE, *built.confirmed)
    print(f"gone on with in {done.seconds:.1f} s: {', '.join(changed(done))}")
    wait_until_settled(lab)
    assert system_identifier(lab) == before and rows(lab) == 1
    assert_changes_nothing(built.three)


def test_an_empty_host_begins_no_cluster_when_all_keys_are_wiped(built: Doomed) -> None:
    lab, before = built.lab, system_identifier(built.lab)
    fourth = lab.host(EMPTY).container
    run(built.four, ADD)
    wait_until("the fourth streams", lambda: members(lab).get(fourth, {}).get("state") == "streaming", seconds=120)
    # It is empty again, and starts at the very moment at which nobody has a key in etcd.
    run_in(fourth, f"systemctl stop patroni; rm -rf /var/lib/postgresql/*/{lab.name}")
    with Load(dsn(lab)) as load:
        etcdctl(lab.host("pg1"), f"del --prefix /service/{lab.name}/")
        run_in(fourth, "systemctl start patroni")
        time.sleep(5)
    verdict = load.verdict()
    assert verdict.is_clean, verdict
    wait_until("the fourth streams", lambda: members(lab).get(fourth, {}).get("state") == "streaming", seconds=120)
    assert system_identifier(lab) == before == str(patroni_identifier(lab, EMPTY)) and rows(lab) == 1


def patroni_identifier(lab: Lab, name: str) -> str:
    """Of the data on a host that publishes no port."""
    command = f"/usr/lib/postgresql/*/bin/pg_controldata -D /var/lib/postgresql/*/{lab.name}"
    text = run_in(lab.host(name).container, f"LC_ALL=C {command} | sed -n 's/^Database system identifier: *//p'")
    return text.strip()
