"""``status.py`` and ``check.py`` on a cluster to which things happen: each is named, and gone when it is fixed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    patroni,
    run,
    secrets,
    site,
    start,
    unit_starts,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

STATUS, CHECK = "deploys/status.py", "deploys/check.py"
SECONDS = 60
QUICK_SECONDS = 15
FROZEN_SECONDS = 45
COLUMNS = 110
CTL = "patronictl -c /etc/patroni/config.yml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members that nobody has touched yet."""
    with site("s-check", tmp_path_factory.mktemp("s-check")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


@dataclass(frozen=True)
class Seen:
    """What one check found. + kinds: pairs of kind and host; + problems: by kind, the last one"""

    code: int
    kinds: set[tuple[str, str]]
    problems: dict[str, str]
    document: dict[str, Any]


def check(built: Built) -> Seen:
    """One check for machines: its document is all that stands on the standard output."""
    process = start(built.inventory, CHECK, "--json")
    said, log = process.communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    document = json.loads(said)["clusters"][built.lab.name]
    findings = document["findings"]
    kinds = {(one["kind"], one["where"]) for one in findings}
    return Seen(process.returncode, kinds, {one["kind"]: one["problem"] for one in findings}, document)


def screen(built: Built, *extra: str) -> str:
    """The status as a person sees it, without a secret anywhere. + extra: words of the command line"""
    process = start(built.inventory, STATUS, *extra)
    said, log = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, log
    assert [name for name, value in secrets(built.lab).items() if value in said + log] == []
    assert max(map(len, said.splitlines())) <= COLUMNS
    print(said)
    return said


def wait_until_well(built: Built) -> None:
    """Return when a check finds nothing any more."""
    wait_until("nothing to complain about", lambda: check(built).kinds == set(), seconds=SECONDS, poll_seconds=1)


def named(built: Built, name: str) -> str:
    return built.lab.host(name).container


def as_postgres(host: Host, statement: str) -> str:
    return run_in(host.container, f'runuser -u postgres -- psql -XAtq -d postgres -c "{statement}"')


def test_a_healthy_cluster_passes_and_nothing_is_changed(built: Built) -> None:
    before = unit_starts(built.lab)
    seen = run(built.inventory, CHECK, as_json=False)
    assert f"{built.lab.name}: nothing to complain about" in seen.log
    assert seen.seconds < QUICK_SECONDS
    said = screen(built, "-vvv")
    assert "Nothing to complain about." in said and "no backups are configured" in said
    assert unit_starts(built.lab) == before
    print(f"a check of a healthy cluster took {seen.seconds:.1f} s")


def test_a_killed_host_is_a_finding_and_a_row_and_so_is_a_stopped_haproxy(built: Built) -> None:
    dead, stopped = named(built, "pg3"), named(built, "pg1")
    run_in(stopped, "systemctl stop haproxy")
    faults.kill(dead)
    try:
        seen = check(built)
        assert "no answer" in screen(built)
    finally:
        faults.start(dead)
        run_in(stopped, "systemctl start haproxy")
    assert seen.code == 1
    killed = {("host-silent", dead), ("etcd-one-left", built.lab.name)}
    assert seen.kinds == {*killed, ("unit-down", stopped)}
    assert seen.problems["unit-down"] == "haproxy is inactive (dead)"
    assert not seen.document["observed"]["members"][dead]["reached"]
    wait_until_settled(built.lab)


def test_a_frozen_host_does_not_hold_the_run_up(built: Built) -> None:
    frozen = named(built, "pg2")
    faults.freeze(frozen)
    try:
        seen = run(built.inventory, CHECK, check=False, as_json=False)
    finally:
        faults.thaw(frozen)
    assert seen.code == 1 and f"{frozen}  host" in seen.log
    assert seen.seconds < FROZEN_SECONDS
    print(f"a check with a frozen host took {seen.seconds:.1f} s\n{seen.log}")
    wait_until_settled(built.lab)
    wait_until_well(built)


def test_a_pause_a_paused_replay_and_a_pending_restart_are_named_with_their_figures(built: Built) -> None:
    """Patroni lets a paused replay go on, but for a paused cluster; and its own list shows no lag then."""
    (leader, *standbys), members = _leader_first(built), {named(built, name) for name in MEMBERS}
    run_in(leader.container, f"{CTL} pause --wait")
    run_in(leader.container, f"{CTL} edit-config --force -p max_connections=210")
    as_postgres(standbys[0], "select pg_wal_replay_pause()")
    as_postgres(leader, "create table lag as select n, repeat('x', 100) from generate_series(1, 100000) n")
    waiting = {("restart-pending", name) for name in members}
    seen = wait_until("all wait for a restart", lambda: _when(waiting, check(built)), seconds=SECONDS)
    by_hand = {("paused", built.lab.name), ("replay-paused", standbys[0].container)}
    assert seen.kinds == {*waiting, *by_hand, ("configuration-differs", built.lab.name)}
    assert seen.problems["restart-pending"] == "waits for a restart: max_connections 200 -> 210"
    assert seen.problems["configuration-differs"] == "max_connections is 210, declared is 200"
    assert seen.problems["replay-paused"].startswith("replay is paused, and lags by 1")
    said = screen(built)
    assert "replay paused" in said and said.count("max_connections") == len(members)
    run_in(leader.container, f"{CTL} edit-config --force -p max_connections=200")
    run_in(leader.container, f"{CTL} resume --wait")
    wait_until_well(built)


def _when(wanted: set[tuple[str, str]], seen: Seen) -> Seen | None:
    return seen if wanted <= seen.kinds else None


def _leader_first(built: Built) -> list[Host]:
    listed = patroni(built.lab, "pg1", "cluster")["members"]
    return [built.lab.host(one["name"]) for one in sorted(listed, key=lambda one: one["role"] != "leader")]
