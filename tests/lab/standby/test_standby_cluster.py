"""A standby cluster on real hosts: built, fed in both ways, promoted when its source is lost, and refused before."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tests.lab.docker import docker, run_in
from tests.lab.inventory import host_data
from tests.lab.paths import ROOT
from tests.lab.spec import Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    DATABASE,
    SMALL,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    run,
    site,
    sql,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

SOURCE, COPY = ("pg1", "pg2"), ("pg3", "pg4")
COPY_NAME = "st-copy"
PROMOTE = "deploys/promote.py"
PHASE_SECONDS = 90
LAG_SECONDS = 5


@dataclass(frozen=True)
class Pair:
    """Two clusters in one lab: the source bears the lab's name. + run: that built both"""

    lab: Lab
    inventory: Path
    run: Run


def shared(lab: Lab) -> dict[str, object]:
    return {
        **SMALL,
        "postgres_hba": [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)],
    }


def entries(lab: Lab, names: tuple[str, ...], **settings: object) -> list[tuple[str, dict[str, object]]]:
    extra = {**shared(lab), **settings}
    return [(lab.host(name).container, host_data(lab.host(name), extra=extra)) for name in names]


def write_pair(lab: Lab, path: Path, **of_copy: object) -> None:
    """The inventory of both clusters. + of_copy: settings of the standby cluster alone"""
    copied = entries(lab, COPY, cluster_name=COPY_NAME, patroni_standby_of=lab.name, **of_copy)
    members = [*entries(lab, SOURCE, cluster_name=lab.name), *copied]
    first, second, third, _ = (name for name, _ in members)
    groups = {"postgres": members, "etcd": [first, third], "haproxy": [first, second, third], "backup": [first]}
    path.write_text("".join(f"{group} = {hosts!r}\n" for group, hosts in groups.items()))


def write_copy(lab: Lab, path: Path) -> None:
    """The inventory of the cluster that was a standby, alone."""
    members = entries(lab, COPY, cluster_name=COPY_NAME)
    first = members[0][0]
    path.write_text(f"postgres = {members!r}\netcd = haproxy = ['{first}']\n")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both clusters, built in one run on fresh hosts."""
    directory = tmp_path_factory.mktemp("st")
    with site("st-source", directory, hosts=(*SOURCE, *COPY)) as ready:
        write_pair(ready.lab, ready.inventory)
        yield Pair(ready.lab, ready.inventory, run(ready.inventory, CLUSTER))
    if os.environ.get("KEEP_LAB") != "1":
        shutil.rmtree(ROOT / ".secrets" / COPY_NAME, ignore_errors=True)


def in_copy(pair: Pair, statement: str, name: str = COPY[0]) -> str:
    """What PostgreSQL on a member of the copy answers, asked on its host."""
    return run_in(
        pair.lab.host(name).container, f'runuser -u postgres -- psql -XAtq {DATABASE} -c "{statement}" || true'
    )


def note(pair: Pair, number: int) -> None:
    sql(pair.lab, f"insert into notes values ({number})")


def arrives(pair: Pair, number: int) -> None:
    """Return when a note is on both members of the copy."""
    asked = f"select count(*) from notes where id = {number}"
    wait_until(
        f"note {number} arrives",
        lambda: [in_copy(pair, asked, one) for one in COPY] == ["1", "1"],
        seconds=PHASE_SECONDS,
    )


def streams(pair: Pair) -> bool:
    return in_copy(pair, "select count(*) from pg_stat_wal_receiver where status = 'streaming'") == "1"


def promote(pair: Pair, *words: str, confirmed: bool = True) -> str:
    """What a promotion that is refused says, in one line; the hosts of the source are asked and not needed."""
    done = run(pair.inventory, PROMOTE, *copy_alone(pair), *data(pair, *words, confirmed=confirmed), check=False)
    assert done.code == 1, done
    return " ".join(done.log.split())


def data(pair: Pair, *words: str, confirmed: bool = True) -> list[str]:
    return [part for word in (*words, *([f"confirm={COPY_NAME}"] if confirmed else [])) for part in ("--data", word)]


def copy_alone(pair: Pair) -> list[str]:
    return [part for name in COPY for part in ("--limit", pair.lab.host(name).container)]


def copy_dsn(pair: Pair, port: int) -> str:
    return dsn(pair.lab, port, COPY[0], sslrootcert=str(ROOT / ".secrets" / COPY_NAME / "ca.crt"))


def test_it_is_a_copy_that_is_read_and_not_written(pair: Pair) -> None:
    print(f"two clusters in {pair.run.seconds:.1f} s")
    sql(pair.lab, "create table notes (id int primary key)")
    note(pair, 1)
    arrives(pair, 1)
    with psycopg.connect(copy_dsn(pair, 5001)) as connection:
        assert connection.execute("select id from notes").fetchall() == [(1,)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(copy_dsn(pair, 5000)).close()
    assert f"streams from {pair.lab.name}" in assert_changes_nothing(pair.inventory).log
    assert run(pair.inventory, "deploys/check.py", as_json=False, check=False).log.count("standby") == 0


def test_it_follows_whoever_leads_the_source(pair: Pair) -> None:
    candidate = pair.lab.host(SOURCE[1]).container
    run_in(
        candidate, f"patronictl -c /etc/patroni/config.yml switchover {pair.lab.name} --force --candidate {candidate}"
    )
    wait_until_settled(pair.lab, SOURCE)
    note(pair, 2)
    arrives(pair, 2)


def test_what_cannot_be_streamed_comes_from_the_archive(pair: Pair) -> None:
    for name in COPY:
        faults.cut_ports(pair.lab.host(name).container, [5432])
    note(pair, 3)
    run_in(pair.lab.host(SOURCE[1]).container, "runuser -u postgres -- psql -XAtq -c 'select pg_switch_wal()'")
    arrives(pair, 3)
    for name in COPY:
        faults.heal(pair.lab.host(name).container)
    note(pair, 4)
    arrives(pair, 4)
    wait_until("it streams again", lambda: streams(pair), seconds=PHASE_SECONDS)


def test_nobody_is_promoted_while_the_source_lives(pair: Pair) -> None:
    for words in ((), ("source_is_lost=true",)):
        hosts = ", ".join(pair.lab.host(name).container for name in SOURCE)
        said = promote(pair, *words)
        assert f"{pair.lab.name} still runs on {hosts}: there would be two primaries" in said
    assert in_copy(pair, "select pg_is_in_recovery()") == "t"


def test_a_source_that_was_stopped_has_nothing_that_did_not_arrive(pair: Pair) -> None:
    note(pair, 5)
    for name in SOURCE:  # the leader is the second by now
        run_in(pair.lab.host(name).container, "systemctl stop patroni")
    said = promote(pair, confirmed=False)
    assert "LOST nothing: all that was written has arrived" in said and "add --data confirm=st-copy" in said
    assert in_copy(pair, "select count(*) from notes where id = 5") == "1"
    for name in SOURCE:
        run_in(pair.lab.host(name).container, "systemctl start patroni")
    wait_until_settled(pair.lab, SOURCE)
    wait_until("it streams again", lambda: streams(pair), seconds=PHASE_SECONDS)


def test_a_source_that_is_lost_is_replaced(pair: Pair) -> None:
    """Between clusters replication is asynchronous: what was acknowledged just before may be missing; it is counted."""
    with Load(dsn(pair.lab)) as load:
        wait_until("clients write", lambda: load.report().acknowledged > 300, seconds=PHASE_SECONDS)
        docker("kill", *(pair.lab.host(name).container for name in SOURCE))
        killed = time.monotonic()
    assert f"it is unknown whether {pair.lab.name} still takes writes" in promote(pair)
    done = run(pair.inventory, PROMOTE, *copy_alone(pair), *data(pair, "source_is_lost=true"))
    verdict = load.verdict(copy_dsn(pair, 5000))
    print(f"promoted in {done.seconds:.1f} s; {len(verdict.lost)} of {load.report().acknowledged} writes are lost")
    assert not verdict.duplicated and not verdict.resurrected
    late = {one.value for one in load.attempts if one.ended > killed - LAG_SECONDS}
    assert verdict.lost <= late
    again = run(pair.inventory, PROMOTE, *copy_alone(pair), *data(pair, "source_is_lost=true"))
    assert changed(again) == {}


def test_afterwards_it_is_a_cluster_like_any_other(pair: Pair) -> None:
    refused = " ".join(run(pair.inventory, CLUSTER, *copy_alone(pair), check=False).log.split())
    assert f"st-copy takes writes and is declared as a standby of {pair.lab.name}" in refused
    assert in_copy(pair, "select pg_is_in_recovery()") == "f"
    write_copy(pair.lab, pair.inventory)
    run(pair.inventory)
    with psycopg.connect(copy_dsn(pair, 5000)) as connection:
        connection.execute("insert into notes values (6)")
    arrives(pair, 6)
    assert_changes_nothing(pair.inventory)
