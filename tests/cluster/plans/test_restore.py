"""Whether a cluster can be taken back, on which member, and what the operator reads before it is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.plans.restore.in_place import Restore, giving_back_obstacle, restore_plan
from cluster.plans.restore.new_cluster import new_plan
from cluster.plans.restore.obstacles import order_of
from cluster.plans.restore.target import Target, asked_target
from cluster.plans.restore.text import restore_lines
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_patroni, with_postgres
from tests.cluster.preflight_hosts import MEMBERS, a_cluster

NOON = 1795262400
MIB = 1 << 20
BACKUP: dict[str, Any] = {
    "label": "20261121-110000F",
    "repository": 1,
    "type": "full",
    "stopped_at": NOON - 3600,
    "size": 100 * MIB,
    "wal_stop": "000000030000000000000008",
    "lsn_stop": 1 << 20,
    "damaged": False,
}
LATEST = Target("latest")


def repository(**said: Any) -> Any:
    well = {"answers": True, "error": "", "status": 0, "message": "ok", "identifiers": ["76"], "backups": [BACKUP]}
    newest = {"id": "17-1", "min": "000000010000000000000001", "max": "000000030000000000000009"}
    return {**well, "archive": newest, "running": None, "attempts": {}, "holes": None, **said}


def member(**said: Any) -> Any:
    quiet = {"order": None, "begun": False, "result": None, "running": False, "failed": False, "error": ""}
    return {**quiet, "progress": "", "patroni": "active", "now": NOON, "room_mib": 1000, "tablespaces": [], **said}


def seen(**members: Any) -> Any:
    return {name: members.get(name, member()) for name in MEMBERS}


def live(**slots: Any) -> Live:
    found = replace(healthy(), etcd=etcd())
    for name in MEMBERS:
        found = with_postgres(found, name, slots=slots.get(name, []))
    return found


def etcd(**keys: str) -> Any:
    known = {f"/service/main/{name}": value for name, value in keys.items()}
    return {"unhealthy": {}, "members": [], "alarms": [], "keys": known, "errors": {}}


def plan(now: Live, said: Any = None, members: Any = None, target: Target = LATEST, name: str | None = None) -> Restore:
    return restore_plan(a_cluster(), now, said or repository(), members or seen(), target, name)


def refusal(*arguments: Any, **named: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        plan(*arguments, **named)
    assert "\nHINT: " in str(refused.value)
    return str(refused.value)


def test_a_standby_is_restored_so_that_the_primary_s_data_stay_until_it_leads() -> None:
    found = plan(live())
    assert (found.member, found.leader, found.led, found.timeline, found.goes_on) == ("pg2", "pg1", "pg1", 3, False)


def test_the_operator_may_name_another_member() -> None:
    assert plan(live(), name="pg1").member == "pg1"


def test_the_timeline_is_the_leader_s_and_not_the_newest_in_the_archive() -> None:
    stray = {"id": "17-1", "min": "000000010000000000000001", "max": "000000050000000000000009"}
    assert plan(live(), repository(archive=stray)).timeline == 3
    assert plan(live(), target=asked_target({"set": BACKUP["label"]}, 3)).timeline == 3


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"answers": False, "error": "[055]: unable"}, "the repository does not answer: [055]: unable"),
        ({"backups": [], "status": 2}, "there is no backup of main"),
        ({"identifiers": ["99"]}, "the repository has the backups of another cluster main"),
        ({"running": {"done": 1, "total": 2}}, "a backup is under way"),
    ],
)
def test_a_repository_that_cannot_serve_is_refused(said: dict[str, Any], words: str) -> None:
    assert refusal(live(), repository(**said)).startswith(f"main is not restored now: {words}")


def test_a_cluster_in_no_state_for_it_is_refused() -> None:
    assert "main is paused: " in refusal(with_patroni(live(), paused=True))
    planned = with_patroni(live(), scheduled_switchover={"at": "noon"})
    assert "a switchover is scheduled for noon\n" in refusal(planned)
    silent: Any = {**etcd(), "members": None, "errors": {"members": "no leader"}}
    assert "HINT: fix etcd first" in refusal(replace(live(), etcd=silent))


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"time": "2026-11-21T12:00:01Z"}, "2026-11-21 12:00:01+00:00 is in the future: it is 2026-11-21 12:00:00 UTC"),
        ({"lsn": "0/40000001"}, "the position 0/40000001 in the WAL is not written yet: 0/40000000 is"),
        ({"time": "2026-11-21T10:00:00Z"}, "2026-11-21 10:00:00+00:00 is before the end of the first backup"),
    ],
)
def test_a_moment_that_cannot_be_reached_is_refused(target: dict[str, Any], words: str) -> None:
    assert refusal(live(), target=asked_target(target)).startswith(f"main is not restored now: {words}")


def test_a_member_without_room_is_refused_with_figures() -> None:
    assert refusal(live(), members=seen(pg2=member(room_mib=50))) == (
        "main is not restored now: pg2 has room for 50 MiB of data, the backup 20261121-110000F takes 110\n"
        "HINT: make room, or name another member with --data node=NAME; nothing was changed."
    )


def test_a_member_beyond_the_run_is_refused_while_etcd_knows_its_patroni() -> None:
    away = replace(live(), postgres={**live().postgres, "pg3": None}, etcd=etcd(**{"members/pg3": "{}"}))
    assert "pg3 is beyond this run, and its Patroni is alive\n" in refusal(away, members=seen(pg3=None))
    gone = replace(away, etcd=etcd())
    assert plan(gone, members=seen(pg3=None)).member == "pg2"


def test_an_unfinished_restore_goes_on_with_its_member_timeline_and_leader() -> None:
    """It has begun a timeline itself, and its member may lead by now."""
    order = {**plan(live(), name="pg3").order, "to_timeline": 3}
    going = with_patroni(with_postgres(live(), "pg3", timeline=5), leader="pg3")
    found = plan(going, members=seen(pg3=member(order=order, begun=True), pg1=member(order=order)))
    assert (found.member, found.timeline, found.led, found.goes_on) == ("pg3", 3, "pg1", True)
    assert found.order == order


def test_another_moment_waits_for_a_restore_that_runs() -> None:
    members = seen(pg2=member(order=plan(live()).order, running=True))
    other = asked_target({"set": BACKUP["label"]})
    assert "pg2 is being restored to the end of the archive\n" in refusal(live(), members=members, target=other)
    assert plan(live(), members=members).goes_on


def test_the_order_of_the_member_that_was_touched_counts() -> None:
    assert order_of(seen()) is None
    assert order_of(seen(pg1=member(order={"n": 1}), pg2=member(order={"n": 2}, begun=True))) == {"n": 2}


def test_the_operator_reads_where_to_on_what_and_what_is_lost() -> None:
    target = asked_target({"time": "2026-11-21T11:15:00Z"})
    mine = {"name": "reports", "type": "logical"}, {"name": "pg2", "type": "physical"}
    now = live(pg1=list(mine))
    assert restore_lines(a_cluster(), now, plan(now, target=target), NOON) == [
        "Restore of main to 2026-11-21 11:15:00+00:00",
        "  from    20261121-110000F, 100.0 MiB, complete at 2026-11-21 11:00:00 UTC, timeline 3; "
        "then WAL on timeline 3",
        "  on      pg2; then pg1, pg3 from it and the backup",
        "  costs   no writes and no reads from the stop until pg2 leads; every connection ends",
        "  LOST    everything committed after 2026-11-21 11:15:00+00:00: the last 45 min 0 s",
        "  LOST    the replication slots reports: backups have none",
    ]


def test_damage_that_the_backup_has_is_said_before_it_is_restored() -> None:
    found = plan(live())
    broken = replace(found, backup={**found.backup, "damaged": True})  # type: ignore[typeddict-item]
    assert "DAMAGED" in restore_lines(a_cluster(), live(), broken, NOON)[2]


def test_the_latest_loses_nothing_only_while_somebody_leads() -> None:
    assert "nothing that pg1 has acknowledged" in restore_lines(a_cluster(), live(), plan(live()), NOON)[4]
    headless = with_patroni(live(), leader=None)
    assert "what was not archived" in restore_lines(a_cluster(), headless, plan(headless), NOON)[4]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "pg2 cannot be reached"),
        (member(begun=True, result={"timeline": 4}, patroni="active"), "pg2 runs with the restored data already"),
    ],
)
def test_what_cannot_be_given_back_is_said(state: Any, words: str) -> None:
    said = giving_back_obstacle(a_cluster(), live(), seen(pg2=state) | {"pg2": state}, "pg2")
    assert said is not None and said.reason.startswith(words) and said.hint


def test_a_cluster_is_given_back_unless_its_only_data_were_touched() -> None:
    touched = seen(pg2=member(begun=True, patroni="inactive"))
    assert giving_back_obstacle(a_cluster(), live(), touched, "pg2") is None
    alone = {"pg1": member(begun=True, patroni="inactive")}
    said = giving_back_obstacle(a_cluster("pg1"), live(), alone, "pg1")
    assert said is not None and said.reason == "the data of pg1 were touched, and there are no others"


# --- A new cluster from another's backup ---


def a_new_plan(
    said: Any = None, target: Target = LATEST, version: int = 17, room_mib: int = 1000, **state: Any
) -> Restore:
    source = a_cluster(cluster_name="orders", pgbackrest_path="/backups")
    new = a_cluster("pg8", cluster_name="copy", postgres_version=version)
    return new_plan(new, source, said or repository(), member(room_mib=room_mib, **state), {1: 1, 2: 2}, target)


def test_a_new_cluster_begins_on_the_newest_timeline_of_the_archive() -> None:
    found = a_new_plan()
    assert (found.member, found.timeline, found.leader) == ("pg8", 3, None)


def test_a_new_cluster_goes_on_with_the_timeline_that_it_began_with() -> None:
    """With its own backup it archives where it reads: its own new timeline is the newest one there by then."""
    order = a_new_plan().order
    begun = {"id": "17-1", "min": "000000010000000000000001", "max": "000000040000000000000009"}
    found = a_new_plan(repository(archive=begun), order=order, begun=True)
    assert (found.timeline, found.goes_on, found.order) == (3, True, order)


def test_another_moment_waits_for_a_new_cluster_that_is_being_restored() -> None:
    order = a_new_plan().order
    with pytest.raises(UnsafeError, match=r"now: pg8 is being restored to the end of the archive\nHINT: wait"):
        a_new_plan(target=asked_target({"set": BACKUP["label"]}), order=order, running=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"said": repository(backups=[], status=2)}, "there is no backup of orders"),
        ({"version": 16}, "orders is PostgreSQL 17, copy is declared with 16"),
        ({"target": asked_target({"time": "2100-01-01T00:00:00Z"})}, "2100-01-01 00:00:00+00:00 is in the future"),
        ({"target": asked_target({"lsn": "0/A000001"})}, "the position 0/A000001 in the WAL is not in the archive"),
        ({"room_mib": 10}, "pg8 has room for 10 MiB of data"),
    ],
)
def test_a_source_that_cannot_serve_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsafeError) as refused:
        a_new_plan(**arguments)
    assert str(refused.value).startswith(f"copy does not begin with a backup now: {words}")
    assert "\nHINT: " in str(refused.value)


def test_a_repository_that_answers_no_other_host_is_no_source() -> None:
    hosts = [DeclaredHost("a", ("postgres", "etcd", "backup"), {"cluster_address": "10.0.0.1"}, {})]
    alone = declared_clusters(hosts, {})[0]["main"]
    with pytest.raises(UnsafeError, match=r"now: the repository host of main is its only member, and answers no"):
        new_plan(a_cluster("pg8", cluster_name="copy"), alone, repository(), member(room_mib=1000), {}, LATEST)


def test_a_copy_of_a_moment_that_was_lived_twice_is_asked_which_life_is_meant() -> None:
    turn = [2, 5000, "before 2026-11-21 11:30:00+00", "2026-11-21T11:50:00+00:00", "pg1"]
    new, source = a_cluster("pg8", cluster_name="copy"), a_cluster()
    keys = {"/service/main/history": json.dumps([turn])}
    moment = {"time": "2026-11-21T11:40:00+00:00"}
    with pytest.raises(UnsafeError, match="is on two timelines: on 2, which a restore left, and on 3, "):
        new_plan(new, source, repository(), member(), {2: 5000}, asked_target(moment), keys)
