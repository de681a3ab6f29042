"""Tags, cascades and synchronous modes: declared, applied while everything runs, and worth what they promise."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load, Outcome
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    SMALL,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    leader,
    members,
    run,
    site,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CONFIGURED = "PostgreSQL | Configure and start Patroni"
FORMED = "PostgreSQL | Wait for a leader and streaming standbys"
ADD, CHECK, REMOVE, RESTART, SWITCHOVER = (
    f"deploys/{name}.py" for name in ("add_node", "check", "remove_node", "restart_pending", "switchover")
)
ALL = (*MEMBERS, "pg4")
GAP_SECONDS = 45  # the lock runs out, a standby is promoted, HAProxy finds it
SILENCE_SECONDS = 3
BARRED = {"nofailover": True, "noloadbalance": True, "nosync": True}
NEVER_LEADS = {"pg4": {"nofailover": True}}  # it publishes no port
STRICT = {"patroni_synchronous_mode": "on", "patroni_synchronous_mode_strict": True}
Tags = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Four members, etcd on three of them, begun in the mode that asks most."""
    directory = tmp_path_factory.mktemp("modes")
    with site("mo-modes", directory, hosts=ALL) as ready:
        run(declared(ready.lab, directory, **STRICT))
        wait_until_all_stream(ready.lab)
        wait_until("a standby is synchronous", lambda: len(synchronous(ready.lab)) == 1, seconds=60)
        yield ready.lab


def declared(lab: Lab, directory: Path, tags: Tags = NEVER_LEADS, **settings: Any) -> Path:
    """The inventory with these tags by short name and these settings."""
    path = write_inventory(lab, directory, ALL, **settings)
    named = {lab.host(name).container: dict(own) for name, own in tags.items()}
    apart = f'for _name, _data in postgres:\n    _data["patroni_tags"] = {named!r}.get(_name, {{}})\n'
    voters = f"etcd = {[lab.host(name).container for name in MEMBERS]}\n"
    path.write_text(f"{path.read_text()}\n{voters}\n{apart}")
    return path


def applied(inventory: Path) -> Run:
    """What ``cluster.py`` makes of it, without a restart; a second run and a check have nothing to say."""
    done = run(inventory)
    print(json.dumps(changed(done)))
    assert_changes_nothing(inventory)
    return done


def wait_until_all_stream(lab: Lab, via: str = "pg1") -> None:
    """Return when one of the four leads and the others stream on its timeline; the fourth publishes no port."""

    def do_they() -> bool:
        shown = [members(lab, via).get(lab.host(name).container, {}) for name in ALL]
        states, timelines = [one.get("state") for one in shown], {one.get("timeline") for one in shown}
        return sorted(map(str, states)) == ["running", *["streaming"] * 3] and len(timelines) == 1

    wait_until(f"all of {lab.name} stream", do_they, seconds=120)


def roles(lab: Lab, via: str = "pg1") -> dict[str, str]:
    """The members' roles by short name, as Patroni on one of them lists them."""
    return {lab.host(name).short_name: one["role"] for name, one in members(lab, via).items()}


def synchronous(lab: Lab, via: str = "pg1") -> set[str]:
    """The short names of those that Patroni counts as synchronous."""
    return {name for name, role in roles(lab, via).items() if role in ("sync_standby", "quorum_standby")}


def started(lab: Lab) -> dict[str, str]:
    """When PostgreSQL was started on each member, past network and HAProxy."""
    return {name: asked(lab, name, "select pg_postmaster_start_time()") for name in ALL}


def asked(lab: Lab, name: str, query: str) -> str:
    """A member's own answer; empty while its PostgreSQL is down."""
    return run_in(lab.host(name).container, f'runuser -u postgres -- psql -XtAc "{query}" || true').strip()


def streams_to(lab: Lab, name: str) -> set[str]:
    """The short names of the standbys that stream from a member."""
    rows = asked(lab, name, "select application_name from pg_stat_replication where state = 'streaming'").split()
    return {lab.host(row).short_name for row in rows}


def test_tags_and_a_cascade_are_applied_while_everything_runs(lab: Lab, tmp_path: Path) -> None:
    before = started(lab)
    leaf, source = "pg4", next(name for name in MEMBERS if lab.host(name) != leader(lab))
    tags = {leaf: {"replicatefrom": lab.host(source).container, **BARRED}, source: {"failover_priority": 2}}
    inventory = declared(lab, tmp_path, tags)
    with Load(dsn(lab)) as load:
        run(inventory)
    wait_until(f"{leaf} streams from {source}", lambda: streams_to(lab, source) == {leaf}, seconds=60)
    shown = members(lab)[lab.host(leaf).container]["tags"]
    assert shown == {"clonefrom": True, "replicatefrom": lab.host(source).container, **BARRED}
    assert_changes_nothing(inventory)  # though it has all the tags of one that joins
    checked = run(inventory, CHECK, check=False, as_json=False).log
    assert "is inactive and keeps" not in checked and "does not stream" not in checked
    assert started(lab) == before and load.verdict().is_clean


def test_a_cascade_goes_on_when_its_source_is_dead_and_is_taken_back(lab: Lab, tmp_path: Path) -> None:
    leading, source = leader(lab).short_name, next(name for name in MEMBERS if streams_to(lab, name) == {"pg4"})
    faults.kill(lab.host(source).container)
    via = next(name for name in MEMBERS if name != source)
    began = time.monotonic()
    wait_until("pg4 streams from the leader", lambda: "pg4" in streams_to(lab, leading), seconds=90)
    print(f"its source is dead, the leaf streams from the leader after {time.monotonic() - began:.1f} s")
    faults.start(lab.host(source).container)
    wait_until_ready(lab.host(source))
    wait_until(f"pg4 streams from {source} again", lambda: "pg4" in streams_to(lab, source), seconds=90)
    wait_until_all_stream(lab)
    before = started(lab)
    # Its tags were those of a member that joins: a Patroni that has not taken the new ones yet is waited for.
    assert {CONFIGURED} <= set(changed(applied(declared(lab, tmp_path)))) <= {CONFIGURED, FORMED}
    wait_until("pg4 streams from the leader", lambda: "pg4" in streams_to(lab, leading), seconds=60)
    assert members(lab, via)[lab.host("pg4").container]["tags"] == {"clonefrom": True, "nofailover": True}
    assert started(lab) == before


@pytest.mark.parametrize("mode", ["on", "quorum"])
def test_a_commit_that_was_acknowledged_outlives_its_primary(lab: Lab, tmp_path: Path, mode: str) -> None:
    before = started(lab)
    inventory = declared(lab, tmp_path, patroni_synchronous_mode=mode)
    done = run(inventory)
    assert len(synchronous(lab)) == (1 if mode == "on" else 2), done.log
    assert_changes_nothing(inventory)
    assert started(lab) == before
    old, able = leader(lab), synchronous(lab)
    via = next(name for name in MEMBERS if name != old.short_name)
    with Load(dsn(lab, host=via, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged > 200, seconds=30)
        faults.kill(old.container)
        wait_until("another member leads", lambda: another_leads(lab, via, old), seconds=SMALL["patroni_ttl"] + 40)
        count = load.report().acknowledged
        wait_until("the load goes on", lambda: load.report().acknowledged > count + 200, seconds=GAP_SECONDS)
        new = leader(lab, via)
        faults.start(old.container)
        wait_until_ready(old)
        wait_until_all_stream(lab, via)
    seen, verdict = load.report(), load.verdict()
    print(f"{mode}: {seen.acknowledged} acknowledged, longest gap {seen.longest_gap_seconds:.1f} s, {verdict}")
    assert verdict.is_clean and seen.longest_gap_seconds < GAP_SECONDS
    assert new.short_name in able
    wait_until("somebody is synchronous", lambda: bool(synchronous(lab, via)), seconds=60)
    assert_changes_nothing(inventory)  # Patroni itself has moved the leader and its synchronous standby


def another_leads(lab: Lab, via: str, old: Host) -> bool:
    """Whether a member other than one leads."""
    leading = [name for name, role in roles(lab, via).items() if role == "leader"]
    return leading not in ([], [old.short_name])


def test_day_two_runs_keep_what_a_commit_was_promised(lab: Lab, tmp_path: Path) -> None:
    applied(declared(lab, tmp_path, patroni_synchronous_mode="on"))
    able = synchronous(lab)
    under_load(lab, declared(lab, tmp_path, patroni_synchronous_mode="on"), SWITCHOVER)
    assert {leader(lab).short_name} == able
    more = declared(lab, tmp_path, patroni_synchronous_mode="on", postgres_parameters={"max_connections": 90})
    run(more)
    under_load(lab, more, RESTART)
    assert all(asked(lab, name, "show max_connections") == "90" for name in ALL)
    old, able = leader(lab), synchronous(lab)
    under_load(lab, more, REMOVE, "--data", f"node={old.container}")
    assert {name for name, role in roles(lab, *able).items() if role == "leader"} == able
    run(more, ADD)
    wait_until_all_stream(lab)
    assert_changes_nothing(more)


def under_load(lab: Lab, inventory: Path, deploy: str, *words: str) -> None:
    """A run while clients write: nothing that was acknowledged is lost, and afterwards commits wait for a standby."""
    via = next(name for name in MEMBERS if lab.host(name) != leader(lab))
    with Load(dsn(lab, host=via, connect_timeout=2)) as load:
        done = run(inventory, deploy, *words)
    seen, verdict = load.report(), load.verdict()
    print(f"{deploy} in {done.seconds:.1f} s, synchronous: {seen.acknowledged} acknowledged", end=", ")
    print(f"longest gap {seen.longest_gap_seconds:.1f} s, {verdict}")
    assert verdict.is_clean
    wait_until("somebody is synchronous", lambda: bool(synchronous(lab, via)), seconds=60)


def test_strict_waits_for_a_standby_and_goes_on_with_it(lab: Lab, tmp_path: Path) -> None:
    wait_until_settled(lab)
    inventory = declared(lab, tmp_path, **STRICT)
    applied(inventory)
    leading = leader(lab).short_name
    standbys = [name for name in ALL if name != leading]
    with Load(dsn(lab, host=leading)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged > 50, seconds=30)
        for name in standbys:
            run_in(lab.host(name).container, "systemctl stop patroni")
        wait_until("nobody is synchronous", lambda: not synchronous(lab, leading), seconds=60)
        wait_until("writes wait", lambda: silence_seconds(load) > SILENCE_SECONDS, seconds=60)
        checked = run(inventory, CHECK, check=False, as_json=False)
        assert checked.code == 1 and "the mode is strict" in " ".join(checked.log.split())
        assert silence_seconds(load) > SILENCE_SECONDS
        run_in(lab.host(standbys[0]).container, "systemctl start patroni")
        began = time.monotonic()
        wait_until("writes go on", lambda: silence_seconds(load) < 1, seconds=60)
        print(f"a standby is back, and writes go on after {time.monotonic() - began:.1f} s")
    assert load.verdict().is_clean
    for name in standbys[1:]:
        run_in(lab.host(name).container, "systemctl start patroni")
    wait_until_all_stream(lab, leading)


def silence_seconds(load: Load) -> float:
    """For how long no write was acknowledged."""
    ended = [one.ended for one in load.attempts if one.outcome is Outcome.ACKNOWLEDGED]
    return time.monotonic() - max(ended)


def test_it_is_asynchronous_again_when_it_is_declared_so(lab: Lab, tmp_path: Path) -> None:
    before = started(lab)
    done = run(declared(lab, tmp_path), CLUSTER)
    assert "commits wait for no standby" in done.log
    assert synchronous(lab) == set() and asked(lab, leader(lab).short_name, "show synchronous_standby_names") == ""
    assert started(lab) == before
