"""etcd's procedure over all members: joins, restarts one at a time, refusals; and that a second run does nothing."""

from __future__ import annotations

import logging

import pytest

from cluster.errors import UnsafeError
from operations import etcd
from operations.live import etcd_loaded
from tests.world.etcd_world import EtcdWorld
from tests.world.hosts import changed, fake_cluster, run_operation


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulation that does not change while it is asked is not waited for."""
    monkeypatch.setattr(etcd, "QUORUM_SECONDS", 0)


def test_nothing_to_do_where_all_is_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    assert changed(run_operation(monkeypatch, world, cluster, etcd.quorum)) == []
    assert world.done == []


def test_a_changed_configuration_restarts_one_member_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for host in world.hosts.values():
        host.config = 2
    assert changed(run_operation(monkeypatch, world, cluster, etcd.quorum)) == ["h1"]
    assert world.done == ["restart h1", "restart h2", "restart h3"]
    assert world.least_up == 2, "every restart while both others are up"


def test_only_the_member_with_the_changed_file_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    world.hosts["h3"].config = 2
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["restart h3"]


def test_a_member_that_does_not_come_back_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for host in world.hosts.values():
        host.config = 2
    world.breaks = {"h2"}
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert str(refused.value) == (
        "etcd is not healthy: https://10.0.0.2:2379: context deadline exceeded\n"
        "HINT: fix what the last lines of h2 name; where they complain of its data, "
        "`pyinfra inventory.py deploys/etcd_reinit.py --data node=h2` puts these aside and lets it join again; "
        "no other member is touched meanwhile."
    )
    assert world.done == ["restart h1", "restart h2"]


def test_an_interrupted_procedure_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    world.hosts["h2"].config = world.hosts["h3"].config = 2
    world.breaks = {"h2"}
    with pytest.raises(UnsafeError):
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    world.hosts["h2"].healthy, world.breaks = True, set()
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["restart h2", "restart h3"]


def test_who_is_not_well_with_other_files_than_its_own_is_restarted_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it runs with may be why, an address that it does not have any more or another CA: a restart is the cure."""
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for host in world.hosts.values():
        host.config = 2
    world.hosts["h3"].healthy = False
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["restart h3", "restart h1", "restart h2"]
    assert world.least_up == 2


def test_without_a_quorum_those_that_run_with_other_files_get_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for name in ("h2", "h3"):
        world.hosts[name].config, world.hosts[name].healthy = 2, False
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["restart h2", "restart h3"]


def test_the_plan_has_the_restarts_for_files_that_are_yet_to_be_written(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pyinfra")
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for module in (etcd, etcd_loaded):
        monkeypatch.setattr(module, "dry_run", lambda: True)
    assert changed(run_operation(monkeypatch, world, cluster, etcd.quorum)) == []
    for name in ("h2", "h3"):
        world.hosts[name].files["/etc/default/etcd"] += "ETCD_HEARTBEAT_INTERVAL=500\n"
    world.hosts["h1"].files["/usr/local/bin/data-mounts"] = "another version's"  # read by nobody that runs
    assert changed(run_operation(monkeypatch, world, cluster, etcd.quorum)) == ["h1"]
    assert "restarts etcd, one after the other: h2, h3" in caplog.text


@pytest.mark.parametrize(
    "trouble, words",
    [
        ("unhealthy", "etcd is not healthy: https://10.0.0.3:2379: context deadline exceeded"),
        ("alarm", "etcd has an alarm: memberID:10 alarm:NOSPACE"),
    ],
)
def test_nobody_is_restarted_while_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, trouble: str, words: str
) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    world.hosts["h1"].config = 2
    if trouble == "alarm":
        world.alarms = ["memberID:10 alarm:NOSPACE"]
    else:
        world.hosts["h3"].healthy = False
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert str(refused.value).partition("\n")[0] == words
    assert world.done == []


def test_without_a_quorum_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    world.hosts["h2"].healthy = world.hosts["h3"].healthy = False
    world.hosts["h1"].config = 2
    with pytest.raises(UnsafeError, match=r"^etcd does not answer: Error: context deadline exceeded\nHINT: fix "):
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == []


def joining_world(**third: bool) -> tuple[EtcdWorld, object]:
    """Three declared, of which the third is not a member yet, or only half of one."""
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    late = world.hosts["h3"]
    late.member, late.loaded, late.bootstrap = False, None, ""
    for name, value in third.items():
        setattr(late, name, value)
    return world, cluster


def test_a_later_member_joins_as_a_learner_and_is_promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = joining_world()
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["add h3", "write h3 existing", "start h3", "promote h3"]
    assert "h3=https://10.0.0.3:2380" in world.hosts["h3"].bootstrap
    world.done.clear()
    assert changed(run_operation(monkeypatch, world, cluster, etcd.quorum)) == []
    assert world.done == []


def test_a_join_that_died_after_the_add_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = joining_world(member=True, learner=True, started=False)
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["write h3 existing", "start h3", "promote h3"]


def test_a_join_that_died_before_the_promotion_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = joining_world(member=True, learner=True, started=True)
    world.hosts["h3"].loaded = 1
    world.hosts["h3"].bootstrap = world.hosts["h1"].bootstrap
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["promote h3"]


def test_a_host_that_the_others_do_not_reach_is_taken_out_again_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = joining_world()
    world.deaf = {"h3"}
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert str(refused.value).startswith(
        "h3 did not get etcd's data at https://10.0.0.3:2380 within 0 s and was taken out again\nHINT: "
    )
    assert world.done == ["add h3", "write h3 existing", "start h3", "stop and empty h3", "remove h3"]
    world.deaf.clear()
    world.done.clear()
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["add h3", "write h3 existing", "start h3", "promote h3"]


def test_a_learner_at_an_address_that_nobody_declares_any_more_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    world, cluster = joining_world()
    world.strays = {"ff": "https://10.9.9.9:2380"}
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["remove the stray", "add h3", "write h3 existing", "start h3", "promote h3"]


def test_nobody_joins_while_a_member_is_unwell(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster(5)
    world = EtcdWorld.of(cluster)
    late = world.hosts["h5"]
    late.member, late.loaded = False, None
    world.hosts["h4"].healthy = False
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert str(refused.value) == (
        "h5 cannot join: etcd is not healthy: https://10.0.0.4:2379: context deadline exceeded\n"
        "HINT: fix what the last lines of h4 name; where they complain of its data, "
        "`pyinfra inventory.py deploys/etcd_reinit.py --data node=h4` puts these aside and lets it join again; "
        "only then."
    )
    assert world.done == []


def test_once_formed_no_member_would_form_another_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = fake_cluster()
    world = EtcdWorld.of(cluster)
    for host in world.hosts.values():
        host.bootstrap = host.bootstrap.replace("=existing", "=new")
    run_operation(monkeypatch, world, cluster, etcd.quorum)
    assert world.done == ["write h1 existing", "write h2 existing", "write h3 existing"]
