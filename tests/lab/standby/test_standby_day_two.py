"""Day-2 runs on a standby cluster: another member leads it, members restart, and all of it stops and starts."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.paths import ROOT
from tests.lab.spec import Lab
from tests.lab.standby.test_standby_cluster import PHASE_SECONDS, entries
from tests.lab.vocabulary.runs import CLUSTER, DATABASE, Run, assert_changes_nothing, run, site, sql
from tests.lab.vocabulary.waiting import wait_until

SOURCE, COPY = ("pg1",), ("pg2", "pg3")
COPY_NAME = "sd-copy"
SWITCHOVER, PENDING, DEMAND, CONFIGURE, STOP, START = (
    f"deploys/{name}.py" for name in ("switchover", "restart_pending", "restart", "configure", "stop", "start")
)


@dataclass(frozen=True)
class Pair:
    """A cluster of one member that bears the lab's name, and its copy of two."""

    lab: Lab
    inventory: Path

    def write(self, **parameters: object) -> None:
        """The inventory. + parameters: of PostgreSQL, declared for the copy"""
        copied = {"cluster_name": COPY_NAME, "patroni_standby_of": self.lab.name, "postgres_parameters": parameters}
        members = [
            *entries(self.lab, SOURCE, cluster_name=self.lab.name),
            *entries(self.lab, COPY, **copied),
        ]
        first, second, _ = (name for name, _ in members)
        groups = {"postgres": members, "etcd": [first, second], "haproxy": [first, second]}
        self.inventory.write_text("".join(f"{group} = {hosts!r}\n" for group, hosts in groups.items()))

    def run(self, deploy: str, *words: str, check: bool = True) -> Run:
        """A run on the hosts of the copy alone."""
        limits = [part for name in COPY for part in ("--limit", self.lab.host(name).container)]
        return run(self.inventory, deploy, *limits, *words, check=check)

    def in_copy(self, statement: str, name: str) -> str:
        """What PostgreSQL on a member of the copy answers."""
        asked = f'runuser -u postgres -- psql -XAtq {DATABASE} -c "{statement}" || true'
        return run_in(self.lab.host(name).container, asked).strip()

    def leader(self) -> str:
        """The member that leads the copy, as Patroni says."""
        said = run_in(self.lab.host(COPY[0]).container, "patronictl -c /etc/patroni/config.yml list -f json")
        leading = [one["Member"] for one in json.loads(said) if one["Role"] == "Standby Leader"]
        assert len(leading) == 1, said
        return self.lab.host(leading[0]).short_name

    def began(self) -> list[str]:
        return [self.in_copy("select pg_postmaster_start_time()", name) for name in COPY]

    def shown(self, name: str) -> list[str]:
        return [self.in_copy(f"show {name}", one) for one in COPY]

    def arrives(self, number: int) -> None:
        """Return when a note that is written to the source is on every member of the copy."""
        sql(self.lab, f"insert into notes values ({number})")
        asked = f"select count(*) from notes where id = {number}"
        there = ["1"] * len(COPY)
        what = f"note {number} arrives"
        wait_until(what, lambda: [self.in_copy(asked, one) for one in COPY] == there, seconds=PHASE_SECONDS)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both clusters, built in one run on fresh hosts."""
    directory = tmp_path_factory.mktemp("sd")
    with site("sd-source", directory, hosts=(*SOURCE, *COPY)) as ready:
        made = Pair(ready.lab, ready.inventory)
        made.write()
        run(made.inventory, CLUSTER)
        sql(made.lab, "create table notes (id int primary key)")
        yield made
    if os.environ.get("KEEP_LAB") != "1":
        shutil.rmtree(ROOT / ".secrets" / COPY_NAME, ignore_errors=True)


def words(done: Run) -> str:
    return " ".join(done.log.split())


def test_another_member_leads_it(pair: Pair) -> None:
    old = pair.leader()
    done = pair.run(SWITCHOVER)
    print(f"\n{words(done).partition('Switchover of')[2][:500]}")
    assert pair.leader() != old
    pair.arrives(1)
    again = pair.run(SWITCHOVER, "--data", f"candidate={pair.lab.host(pair.leader()).container}")
    assert "leads sd-copy already: nothing is done" in words(again)


def test_a_raised_value_becomes_active_and_one_below_the_source_is_refused(pair: Pair) -> None:
    of_source = int(sql(pair.lab, "show max_connections")[0][0])
    leading = pair.leader()
    pair.write(max_connections=of_source + 20)
    pair.run(CONFIGURE)
    done = pair.run(PENDING)
    print(f"\n{words(done).partition('ordered restart')[2][:600]}")
    assert pair.shown("max_connections") == [str(of_source + 20)] * 2
    assert pair.leader() == leading
    pair.arrives(2)
    pair.write(max_connections=of_source - 20)
    pair.run(CONFIGURE)
    before = pair.began()
    for deploy in (PENDING, DEMAND):
        done = pair.run(deploy, check=False)
        assert done.code == 1
        below = f"max_connections {of_source - 20} is below the {of_source} of {pair.lab.name}"
        assert f"{below}: {COPY_NAME} would stop replaying" in words(done)
        assert f"declare at least {of_source} for {COPY_NAME}, or lower it in {pair.lab.name} first" in words(done)
    assert pair.began() == before
    pair.write()
    pair.run(CONFIGURE)
    pair.run(PENDING)
    assert pair.shown("max_connections") == [str(of_source)] * 2
    pair.arrives(3)


@pytest.mark.parametrize("by", ["restart", "switchover"])
def test_all_restart_on_demand(pair: Pair, by: str) -> None:
    before, leading = pair.began(), pair.leader()
    done = pair.run(DEMAND, "--data", f"by={by}")
    print(f"\n{words(done).partition('restart on demand')[2][:500]}")
    assert not set(before) & set(pair.began())
    assert (pair.leader() == leading) is (by == "restart")
    pair.arrives(4 if by == "restart" else 5)


def test_it_stops_and_starts_and_gets_what_was_written_meanwhile(pair: Pair) -> None:
    done = pair.run(STOP, "--data", f"confirm={COPY_NAME}")
    assert f"{COPY_NAME} is stopped; {pair.lab.name} goes on without it" in words(done)
    for name in COPY:
        assert "inactive" in run_in(pair.lab.host(name).container, "systemctl is-active patroni || true")
    sql(pair.lab, "insert into notes values (6)")
    done = pair.run(START)
    print(f"\n{words(done)[-700:]}")
    pair.arrives(7)
    assert [pair.in_copy("select count(*) from notes where id = 6", name) for name in COPY] == ["1", "1"]
    assert_changes_nothing(pair.inventory)
