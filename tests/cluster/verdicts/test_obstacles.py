"""Every run that acts looks for the same obstacles, and shows all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.obstacles import refuse
from cluster.plans.add_node import refuse_addition
from cluster.plans.move_node import refuse_move
from cluster.plans.promote import promotion_obstacles
from cluster.plans.reinit_node import reinit_obstacles
from cluster.plans.remove_node import refuse_removal
from cluster.plans.replace_node import Newcomer, refuse_replacement
from cluster.plans.restart_pending.obstacles import restart_obstacles
from cluster.plans.restore.obstacles import state_obstacles
from cluster.plans.restore.target import Target
from cluster.plans.stop import refuse_stop
from cluster.plans.switchover import switchover_plan
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_minutes, backup_obstacles, cluster_obstacles
from cluster.verdicts.removal_notes import Removal, removal_key
from tests.cluster.live_members import healthy, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster
from tests.cluster.restart_live import restart_live

CLUSTER = a_cluster()
END: Any = {"in_recovery": True, "replayed": 1, "replayed_at": ""}
REPOSITORY: Any = {
    "answers": True,
    "status": 0,
    "backups": [{}],
    "running": None,
    "identifiers": ["76"],
    "archive": None,
}


def power(live: Live) -> dict[str, Any]:
    """What a stop is told of the same members."""
    return {
        name: {"patroni": "active", "server": True, "held": False, "restoring": bool(seen and seen["restoring"])}
        | {"in_recovery": name != live.leader}
        for name, seen in live.postgres.items()
    }


def members(live: Live) -> dict[str, Any]:
    """What a restore is told of the same members."""
    return dict.fromkeys(live.postgres)


def reinit(cluster: Cluster, live: Live) -> None:
    refuse("", reinit_obstacles(cluster, live, "pg3", force=True))


def promote(cluster: Cluster, live: Live) -> None:
    refuse("", promotion_obstacles(cluster, live, {}, END, lost=True))


def restart(cluster: Cluster, live: Live) -> None:
    refuse("", restart_obstacles(cluster, live))


def restore(cluster: Cluster, live: Live) -> None:
    refuse("", state_obstacles(cluster, live, REPOSITORY, members(live), Target("latest"), archive=True))


def replace_pg3(cluster: Cluster, live: Live) -> None:
    refuse_replacement(cluster, live, cluster.node("pg3"), Newcomer())


def join_pg3(cluster: Cluster, live: Live) -> None:
    keys = {cluster.key("config"): "{}", **{cluster.key("members", name): "{}" for name in ("pg1", "pg2")}}
    members = [
        {"id": node.name, "name": node.name, "peer_urls": [peer_url(cluster, node)], "learner": False, "started": True}
        for node in cluster.etcd
    ]
    seen: Any = {**(healthy().etcd or {}), "keys": keys, "members": members}
    refuse_addition(cluster, seen, {}, live)


# Each run, as it looks at a cluster before it acts.
RUNS: Mapping[str, Callable[[Cluster, Live], object]] = {
    "add_node": join_pg3,
    "move_node": lambda cluster, live: refuse_move(cluster, live, cluster.node("pg3")),
    "promote": promote,
    "reinit_node": reinit,
    "remove_node": lambda cluster, live: refuse_removal(cluster, live, cluster.node("pg3"), reached=True),
    "replace_node": replace_pg3,
    "restart_pending": restart,
    "restore": restore,
    "stop": lambda cluster, live: refuse_stop(cluster, live, power(live), ()),
    "switchover": switchover_plan,
}


def with_keys(live: Live, keys: dict[str, str]) -> Live:
    etcd: Any = {**(live.etcd or {}), "keys": keys}
    return replace(live, etcd=etcd)


def half_removed(live: Live) -> Live:
    note = {removal_key(CLUSTER, "pg2"): Removal("2026").text, CLUSTER.key("members", "pg2"): "{}"}
    return with_keys(live, note)


# What can be in the way of all of them: how a healthy cluster comes to it, and the words that name it.
OBSTACLES: Mapping[str, tuple[Callable[[Live], Live], str]] = {
    "patroni": (
        lambda live: with_patroni(live, answers=False, error="refused", leader=None, members={}),
        "no Patroni answers: refused",
    ),
    "leader": (lambda live: with_patroni(live, leader=None), "there is no leader"),
    "pause": (lambda live: with_patroni(live, paused=True), "main is paused: no standby takes over"),
    "switchover": (
        lambda live: with_patroni(live, scheduled_switchover={"at": "noon"}),
        "a switchover is scheduled for noon",
    ),
    "restart": (lambda live: with_member(live, "pg3", scheduled_restart=True), "a restart is scheduled on pg3"),
    "restore": (
        lambda live: with_postgres(live, "pg2", restoring=True),
        "a restore is not finished, which is noted on pg2",
    ),
    "removal": (half_removed, "the removal of pg2 is not finished, or the host came back"),
    "etcd": (lambda live: replace(live, etcd=None), "etcd has no quorum: it does not answer"),
}

# What a run can do without, or is there to end.
NEEDLESS = {
    ("restore", "patroni"): "it stops Patroni everywhere",
    ("restore", "leader"): "a cluster without a leader is what one is for",
    ("restore", "restore"): "it finishes what was begun",
    ("stop", "removal"): "what is stopped is not written without the host",
    ("stop", "etcd"): "to stop is a way out of it",
}


def refusal(run: str, live: Live) -> str:
    try:
        RUNS[run](CLUSTER, live)
    except UnsafeError as refused:
        return str(refused)
    return ""


# Nothing of the healthy picture may be an obstacle itself to what is tried.
def picture() -> Live:
    return replace(restart_live(), etcd=healthy().etcd)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", OBSTACLES)
def test_every_run_finds_what_is_in_the_way(run: str, name: str) -> None:
    spoiled, words = OBSTACLES[name]
    said = refusal(run, spoiled(picture()))
    assert (words in said) == ((run, name) not in NEEDLESS), NEEDLESS.get((run, name))
    if words in said:
        assert f"{words}\n" in said, "its way out follows"
        assert "HINT: " in said


@pytest.mark.parametrize("run", RUNS)
def test_all_of_them_are_shown_at_once(run: str) -> None:
    live = picture()
    for name in ("pause", "switchover", "restart"):
        live = OBSTACLES[name][0](live)
    said = refusal(run, live)
    assert all(f"  {OBSTACLES[name][1]}\n    HINT: " in said for name in ("pause", "switchover", "restart"))


def test_a_healthy_cluster_has_none() -> None:
    assert cluster_obstacles(CLUSTER, healthy()) == []


def test_the_host_that_a_run_takes_out_may_be_half_way_out() -> None:
    assert cluster_obstacles(CLUSTER, half_removed(healthy()), leaving=["pg2"]) == []
    gone = with_keys(healthy(), {removal_key(CLUSTER, "pg2"): Removal("2026").text})
    assert cluster_obstacles(CLUSTER, gone) == [], "it is out: what is left is the note"


def test_an_etcd_that_does_not_say_is_one_obstacle_and_not_a_removal_besides() -> None:
    unread: Any = {**(healthy().etcd or {}), "keys": None}
    found = cluster_obstacles(CLUSTER, replace(healthy(), etcd=unread))
    assert [one.reason for one in found] == ["etcd has no quorum: it does not answer"]


# --- A backup under way ---

# The runs that end a session of the backup, each with the member whose session it ends.
ENDING = {
    "move_node": "pg3",
    "promote": "pg1",
    "remove_node": "pg3",
    "stop": "pg2",
    "switchover": "pg1",
}


@pytest.mark.parametrize(("run", "name"), ENDING.items())
def test_a_backup_that_would_break_off_is_noticed(run: str, name: str) -> None:
    live = with_postgres(picture(), name, backup_seconds=754.0)
    assert f"a backup has been under way for 12 min on {name}, and would break off\n" in refusal(run, live)


def test_a_copy_is_not_made_of_the_member_that_a_backup_reads_from() -> None:
    live = with_postgres(with_member(healthy(), "pg3", streaming=False), "pg3", backup_seconds=61.0)
    assert [one.reason for one in reinit_obstacles(CLUSTER, live, "pg3")] == [
        "a backup has been under way for 1 min on pg3, and would break off"
    ]
    assert reinit_obstacles(CLUSTER, live, "pg3", force=True) == []


def test_a_backup_counts_where_it_has_a_session_that_ends() -> None:
    live = with_postgres(with_postgres(healthy(), "pg1", backup_seconds=30.0), "pg2", backup_seconds=95.0)
    assert backup_minutes(live, ("pg1", "pg2", "pg3")) == {"pg1": 0, "pg2": 1}
    assert backup_obstacles(live, ("pg3",), force=False) == []
    assert backup_obstacles(live, ("pg1",), force=True) == []
    unknown = replace(live, postgres={**live.postgres, "pg1": None})
    assert backup_minutes(unknown, ("pg1", "pg9")) == {}
