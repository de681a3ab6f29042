"""The order of a restore in place: who is stopped, restored, started and rebuilt when, and where it stops instead."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.plans.restore.target import Target, asked_target
from operations.acts import restore_followers
from operations.runs.restore.in_place import give_back, restore_in_place
from tests.world.hosts import run_operation
from tests.world.restore_world import KEPT, RestoreWorld

LATEST = Target("latest")
STOPPED = [
    "archive h1",
    *("note h2", "note h3", "note h1"),
    *("halt h2", "halt h3", "halt h1"),
    "archive the rest h1",
    "forget h1",
]
RESTORED = ["program h2", "spaces h2", "restore h2"]
LED = ["forget h1", "release h2"]
REJOINED = ["disarm h1", "disarm h3", "reinitialize h1", "reinitialize h3"]
OVER = ["over h1", "over h3", "over h2"]


def cluster() -> Cluster:
    roles = {"h1": ("postgres", "etcd"), "h2": ("postgres",), "h3": ("postgres",), "h4": ("backup",)}
    hosts = [
        DeclaredHost(name, given, {"cluster_address": f"10.0.0.{n}"}, {})
        for n, (name, given) in enumerate(roles.items(), 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that does not change while it is asked is not waited for."""
    monkeypatch.setattr(restore_followers, "LEAD_SECONDS", 0)


def restore(monkeypatch: pytest.MonkeyPatch, world: RestoreWorld, target: Target = LATEST, **said: Any) -> list[str]:
    run_operation(monkeypatch, world, cluster(), restore_in_place, target=target, **{"confirmed": True, **said})
    return world.done


def refusal(monkeypatch: pytest.MonkeyPatch, world: RestoreWorld, **said: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        restore(monkeypatch, world, **said)
    return str(refused.value)


def test_the_leader_is_stopped_last_and_one_standby_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld()
    assert restore(monkeypatch, world) == [*STOPPED, *RESTORED, *LED, *REJOINED, *OVER]
    assert world.leader == "h2" and world.running == {"h1", "h2", "h3"} and world.orders == {}


def test_a_copy_that_goes_on_is_waited_for_and_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld()
    world.copying = {"h3"}
    once = [act for act in REJOINED if act != "reinitialize h3"]
    assert restore(monkeypatch, world) == [*STOPPED, *RESTORED, *LED, *once, *OVER]


SPACES = {name: {"/srv/old", "/srv/young"} for name in ("h1", "h2", "h3")}


def test_what_etcd_remembers_of_the_old_data_goes_and_its_configuration_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A synchronous cluster's key names who was in step with the data that were, and nobody else may lead."""
    world = RestoreWorld()
    restore(monkeypatch, world)
    assert world.leader == "h2" and world.keys == set(KEPT)


def test_files_of_tablespaces_that_the_backup_does_not_know_make_way_on_every_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the restored one before its files are touched; on the others when it leads, so that they can be given back."""
    world = RestoreWorld(spaces={name: set(spaces) for name, spaces in SPACES.items()}, known={"/srv/old"})
    rejoined = ["aside h1", "disarm h1", "aside h3", "disarm h3", "reinitialize h1", "reinitialize h3"]
    assert restore(monkeypatch, world) == [*STOPPED, "aside h2", *RESTORED, *LED, *rejoined, *OVER]
    assert world.spaces == {name: {"/srv/old"} for name in SPACES}


def test_a_member_whose_files_were_moved_aside_is_made_anew_when_the_restore_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = RestoreWorld(spaces={name: set(spaces) for name, spaces in SPACES.items()}, known={"/srv/old"})

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks["aside"] = cut
    with pytest.raises(KeyboardInterrupt):
        restore(monkeypatch, world)
    world.done.clear()
    run_operation(monkeypatch, world, cluster(), give_back)
    assert world.done[:5] == ["end h2", "release h1", "release h3", "disarm h2", "reinitialize h2"]
    assert world.spaces["h1"] == SPACES["h1"], "the others' are untouched"


def test_nothing_is_touched_without_a_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld()
    assert refusal(monkeypatch, world, confirmed=False) == (
        "nothing was touched\nHINT: add --data confirm=main to begin."
    )
    assert world.done == []


def test_a_primary_that_cannot_archive_is_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(left="000000030000000000000009")
    assert "h1 cannot archive 000000030000000000000009" in refusal(monkeypatch, world)
    assert world.done == ["archive h1"] and world.running == {"h1", "h2", "h3"}


def test_what_is_not_archived_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(left="000000030000000000000009")
    done = restore(monkeypatch, world, unarchived=True)
    assert [act for act in done if act.startswith("archive")] == [] and world.leader == "h2"


def test_a_last_segment_that_stays_back_stops_the_restore_before_any_data_are_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = RestoreWorld()
    world.hooks["archive"] = lambda: setattr(world, "left", "00000003000000000000000A")
    said = refusal(monkeypatch, world)
    assert "the cluster is stopped, and its data are as they were" in said and "--data cancel=true" in said
    assert world.begun == set()


def test_nobody_is_restored_while_somebody_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(leads_still="h3")
    assert refusal(monkeypatch, world).startswith("h3 still leads main in etcd")
    assert world.begun == set()


def test_a_failed_restore_names_the_cause_and_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(fails="ERROR: FATAL:  recovery ended before configured recovery target was reached")
    said = refusal(monkeypatch, world, target=asked_target({"name": "never"}))
    assert said.startswith("the restore of h2 failed: FATAL:  recovery ended before configured recovery target")
    assert world.done == [*STOPPED, *RESTORED]


@pytest.mark.parametrize("act", ["note", "halt", "archive the rest", "forget", "restore", "release", "disarm", "over"])
def test_cut_off_after_any_act_the_next_run_finishes(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    world = RestoreWorld()

    def cut() -> None:
        world.hooks.clear()
        raise KeyboardInterrupt

    world.hooks[act] = cut
    with pytest.raises(KeyboardInterrupt):
        restore(monkeypatch, world)
    restored_before = set(world.results)
    world.done.clear()
    restore(monkeypatch, world)
    assert world.leader == "h2" and world.running == {"h1", "h2", "h3"}
    assert (world.orders, world.lame, world.begun) == ({}, set(), set())
    assert ("restore h2" in world.done) is not ("h2" in restored_before), "what is restored is not restored again"


def test_before_any_data_are_touched_the_cluster_is_given_back_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(leads_still="h3")
    refusal(monkeypatch, world)
    world.done.clear()
    run_operation(monkeypatch, world, cluster(), give_back)
    assert world.done == ["end h2", "release h1", "release h2", "release h3", "over h1", "over h2", "over h3"]


def test_a_touched_member_is_made_anew_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(fails="ERROR: FATAL:  no such moment")
    refusal(monkeypatch, world)
    world.done.clear()
    run_operation(monkeypatch, world, cluster(), give_back)
    rejoined = ["release h1", "release h3", "disarm h2", "reinitialize h2"]
    assert world.done == ["end h2", *rejoined, "over h1", "over h2", "over h3"]
    assert world.leader == "h1" and world.orders == {}


def test_the_one_that_led_is_given_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was stopped last: a standby that led before it would throw away what only it has."""
    world = RestoreWorld(leader="h3", leads_still="h3")
    refusal(monkeypatch, world)
    world.done.clear()
    run_operation(monkeypatch, world, cluster(), give_back)
    assert world.done[:4] == ["end h1", "release h3", "release h1", "release h2"]
    assert world.leader == "h3"


def test_without_a_restore_nothing_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld()
    run_operation(monkeypatch, world, cluster(), give_back)
    assert world.done == []


# --- A PostgreSQL that does not start with what was declared ---


def test_the_repository_is_asked_for_the_last_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """What PostgreSQL counts or marks as archived is what it was told."""
    world = RestoreWorld()
    restore(monkeypatch, world)
    assert len(world.archive) == 2 and all("--repo=1" in one and "archive-get" in one for one in world.archive)
    assert not any("pg_stat_archiver" in one for one in world.archive)


def test_one_that_does_not_start_is_named_with_its_words_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(stuck={"h2"})
    said = refusal(monkeypatch, world)
    words = "its PostgreSQL ended with: could not map anonymous shared memory: Cannot allocate memory\nHINT: "
    assert f"h2 does not lead; {words}" in said
    assert "`pyinfra inventory.py deploys/configure.py`; then run this again." in said
    world.stuck.clear()
    world.leader = "h2"
    world.done.clear()
    assert restore(monkeypatch, world) == [*REJOINED, *OVER], "corrected, the same words finish it"


def test_data_that_never_led_are_given_back_though_their_patroni_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld(stuck={"h2"})
    refusal(monkeypatch, world)
    world.done.clear()
    run_operation(monkeypatch, world, cluster(), give_back)
    rejoined = ["release h1", "release h3", "disarm h2", "reinitialize h2"]
    assert world.done == ["end h2", "halt h2", *rejoined, "over h1", "over h2", "over h3"]
    assert world.leader == "h1"


def test_data_that_have_led_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    world = RestoreWorld()
    world.hooks["disarm"] = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        restore(monkeypatch, world)
    world.hooks.clear()
    with pytest.raises(UnsafeError, match="h2 runs with the restored data already\nHINT: run again without cancel"):
        run_operation(monkeypatch, world, cluster(), give_back)
