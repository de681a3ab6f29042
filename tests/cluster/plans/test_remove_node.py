"""Whether a host may go: the quorum first, then everybody who would be missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.model import Cluster
from cluster.errors import ConfigError, UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.plans.remove_node import (
    farewell_lines,
    quorum_loss,
    refuse_half_done,
    refuse_indispensable,
    refuse_removal,
    removal_lines,
    traces_of,
)
from cluster.verdicts.live import Live
from cluster.verdicts.removal_notes import Removal, removal_key
from tests.cluster.live_members import healthy, with_member, with_patroni, with_postgres
from tests.cluster.preflight_hosts import a_cluster, host

FIVE = a_cluster(*(f"pg{n}" for n in range(1, 6)))


def members(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"{n}", "name": f"pg{n}", "peer_urls": [f"https://10.0.0.{n}:2380"], "learner": False, "started": True}
        for n in range(1, count + 1)
    ]


def etcd(count: int = 3, unhealthy: Any = ()) -> Any:
    ill = {f"https://10.0.0.{n}:2379": "down" for n in unhealthy}
    return {"unhealthy": ill, "members": members(count), "alarms": [], "keys": {}, "errors": {}}


def live(**other: Any) -> Live:
    ready = replace(healthy(), etcd=etcd())
    for name in ("pg1", "pg2", "pg3"):
        ready = with_postgres(ready, name, slots=[])
    return with_patroni(ready, **other)


def refusal(picture: Live, name: str = "pg3", *, reached: bool = True, alone: bool = False) -> str:
    cluster = a_cluster()
    try:
        refuse_removal(cluster, picture, cluster.node(name), reached=reached, alone=alone)
    except UnsafeError as refused:
        return str(refused)
    return ""


@given(count=st.sampled_from([1, 3, 5]), unhealthy=st.sets(st.integers(1, 5)), leaving=st.integers(1, 5))
def test_whoever_goes_the_others_have_the_majority_among_themselves(
    count: int, unhealthy: set[int], leaving: int
) -> None:
    cluster = FIVE
    rest = [n for n in range(1, count + 1) if n != leaving]
    lost = quorum_loss(cluster, etcd(count, unhealthy), cluster.node(f"pg{leaving}"))
    if leaving > count:
        assert lost is None, "it is no member"
    else:
        assert (lost is None) == (2 * len([n for n in rest if n not in unhealthy]) > len(rest))


def test_a_learner_takes_no_vote_away() -> None:
    seen = etcd(unhealthy=[2])
    seen["members"][2]["learner"] = True
    assert quorum_loss(a_cluster(), seen, a_cluster().node("pg3")) is None


def test_silence_of_etcd_is_no_quorum() -> None:
    silent: Any = {**etcd(), "members": None}
    cluster = a_cluster()
    for seen in (None, silent):
        assert quorum_loss(cluster, seen, cluster.node("pg3")) == "etcd does not say who its members are"
    unread: Any = {**etcd(), "unhealthy": {"etcd": "exit 1"}}
    assert "0 of them healthy" in (quorum_loss(cluster, unread, cluster.node("pg3")) or "")


def test_a_standby_may_go_and_a_leader_too_while_two_others_stream() -> None:
    assert refusal(live()) == "" and refusal(live(), "pg1") == ""


def test_for_a_leader_one_more_has_to_be_there() -> None:
    lame = with_member(live(), "pg2", streaming=False, state="start failed")
    assert "without it no member could take over from the leader, pg2 does not stream: start failed" in refusal(
        lame, "pg1"
    )
    assert refusal(lame, "pg1", alone=True) == ""


def test_the_synchronous_standby_may_go_where_another_becomes_it() -> None:
    synchronous = with_member(live(config={"synchronous_mode": True}), "pg3", synchronous=True)
    assert refusal(synchronous) == ""
    assert "no member could take over" in refusal(with_member(synchronous, "pg2", streaming=False))


@pytest.mark.parametrize("tags", [{"nosync": True}, {"sync_priority": 0}, {"replicatefrom": "pg3"}])
def test_the_last_one_that_may_be_synchronous_stays(tags: dict[str, Any]) -> None:
    synchronous = with_member(live(config={"synchronous_mode": True}), "pg3", synchronous=True)
    said = refusal(with_member(synchronous, "pg2", tags=tags))
    assert "leader, pg2 may not be synchronous by its tags, and the cluster is\nHINT: " in said
    assert refusal(with_member(live(), "pg2", tags=tags)) == ""


def test_what_the_inventory_has_to_say_differently_without_it_is_told() -> None:
    cluster = a_cluster(patroni_synchronous_mode="on", patroni_synchronous_node_count=2)
    said = removal_lines(cluster, live(), cluster.node("pg3"), reached=True, wipe=False)
    assert (
        "  note   the inventory without it is refused until you change patroni_synchronous_node_count: "
        "2 synchronous standbys beside the leader, and only pg1, pg2 may be one"
    ) in said


def test_a_host_out_of_reach_that_etcd_knows_may_be_alive() -> None:
    assert refusal(live(config={"ttl": 45}), reached=False) == (
        "pg3 is not removed from main now: this run does not reach it, and its Patroni is known to etcd: it runs, "
        "or died less than 45 s ago\nHINT: wait 45 s if it is dead; run without --limit and --exclude if it lives; "
        "nothing was changed."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"paused": True}, "main is paused: no standby takes over"),
        ({"leader": None}, "there is no leader"),
        ({"scheduled_switchover": {"at": "noon"}}, "a switchover is scheduled for noon"),
        ({"answers": False, "error": "refused"}, "no Patroni answers: refused"),
    ],
)
def test_the_cluster_is_in_no_state_for_it(changes: dict[str, Any], words: str) -> None:
    assert words in refusal(live(**changes), alone=True)


def test_the_last_host_of_a_role_stays() -> None:
    hosts = [
        host("pg1", "postgres", "etcd", "haproxy", cluster_address="10.0.0.1"),
        host("pg2", "postgres", cluster_address="10.0.0.2"),
        host("store", "backup", cluster_address="10.0.0.3"),
    ]
    cluster: Cluster = declared_clusters(hosts, {})[0]["main"]
    with pytest.raises(ConfigError, match=r"^pg1 is the only host of main with etcd and HAProxy\nHINT: add another"):
        refuse_indispensable(cluster, cluster.node("pg1"))
    with pytest.raises(ConfigError, match=r"^store is the repository host of main, and the WAL archive goes on in it"):
        refuse_indispensable(cluster, cluster.node("store"))
    refuse_indispensable(cluster, cluster.node("pg2"))


def test_one_goes_after_the_other() -> None:
    cluster = a_cluster()
    note = {removal_key(cluster, "pg2"): Removal("2026").text}
    half: Any = {**etcd(3), "keys": note}
    with pytest.raises(ConfigError) as refused:
        refuse_half_done(cluster, half, "pg3")
    assert str(refused.value) == (
        "the removal of pg2 from main is not finished, or the host came back\n"
        "HINT: finish it first: run this with --data node=pg2; or keep the host, with deploys/add_node.py."
    )
    refuse_half_done(cluster, half, "pg2")
    out: Any = {**half, "members": [one for one in half["members"] if one["name"] != "pg2"]}
    refuse_half_done(cluster, out, "pg3")
    with pytest.raises(ConfigError, match=r"^the removal of pg2 from main is not finished"):
        refuse_half_done(cluster, {**out, "keys": {**note, cluster.key("members", "pg2"): "{}"}}, "pg3")


def test_what_the_others_know_of_a_host() -> None:
    cluster = a_cluster()
    assert not traces_of(cluster, replace(healthy("pg1", "pg2"), postgres={}, etcd=etcd(2)), cluster.node("pg3")).any
    slots = [{"name": "pg3", "status": "reserved"}]
    found = traces_of(cluster, with_postgres(live(), "pg2", slots=slots), cluster.node("pg3"))
    assert found.listed and found.slots == ("pg2",) and [one["id"] for one in found.voters] == ["3"]


def test_the_plan_in_its_words() -> None:
    cluster = a_cluster()
    assert removal_lines(cluster, live(), cluster.node("pg1"), reached=True, wipe=False) == [
        "pg1 is removed from main",
        "  then   another member leads first",
        "  then   its Patroni and PostgreSQL are stopped and disabled",
        "  then   it leaves etcd",
        "  then   its data are kept",
        "  note   etcd has 2 members then; take out one more, or add one: the inventory takes 1, 3 or 5",
    ]
    left = farewell_lines(cluster, cluster.node("pg1"), reached=False)
    assert left[0] == "pg1 is no part of main any more" and "Patroni there does not start any more" in left[1]
