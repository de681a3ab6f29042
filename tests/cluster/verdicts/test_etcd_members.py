"""What etcd's members say, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.verdicts.etcd_members import (
    formed,
    joining,
    moved_members,
    peers_with,
    quorum_obstacle,
    stray_learners,
    unfinished,
    unwell,
)

ADDRESSES = {"etcd1": "10.0.0.1", "etcd2": "10.0.0.2", "etcd3": "10.0.0.3"}


def cluster() -> Cluster:
    hosts = [
        DeclaredHost(name, ("etcd", "postgres"), {"cluster_address": address}, {})
        for name, address in ADDRESSES.items()
    ]
    return declared_clusters(hosts, {})[0]["main"]


def member(who: str, **changes: Any) -> dict[str, Any]:
    url = f"https://{ADDRESSES[who]}:2380"
    return {"id": who, "name": who, "peer_urls": [url], "learner": False, "started": True} | changes


def seen(*members: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"unhealthy": {}, "members": list(members), "alarms": [], "keys": {}, "errors": {}} | changes


ALL = tuple(map(member, ADDRESSES))
UNSTARTED = member("etcd3", name="", started=False)


def test_no_obstacle_while_all_are_well() -> None:
    assert quorum_obstacle(seen(*ALL)) is None
    assert quorum_obstacle(seen(*ALL[:2], member("etcd3", learner=True))) is None


@pytest.mark.parametrize(
    "picture, words",
    [
        (
            seen(members=None, errors={"members": "{}\nError: context deadline exceeded\n"}),
            "etcd does not answer: Error: context deadline exceeded",
        ),
        (seen(members=None), "etcd does not answer: no message"),
        (
            seen(*ALL, unhealthy={"https://10.0.0.2:2379": "context deadline exceeded"}),
            "etcd is not healthy: https://10.0.0.2:2379: context deadline exceeded",
        ),
        (seen(*ALL, alarms=["memberID:1 alarm:NOSPACE"]), "etcd has an alarm: memberID:1 alarm:NOSPACE"),
        (seen(*ALL[:2], UNSTARTED), "an etcd member was added and has never started: https://10.0.0.3:2380"),
    ],
)
def test_an_obstacle_is_a_sentence(picture: dict[str, Any], words: str) -> None:
    assert quorum_obstacle(picture) == words


def test_the_worst_is_said_first() -> None:
    """Without an answer nothing else is known, whatever the picture holds besides."""
    picture = seen(members=None, unhealthy={"https://10.0.0.2:2379": "down"}, alarms=None)
    assert quorum_obstacle(picture) == "etcd does not answer: no message"


def test_who_may_say_why_etcd_is_not_well() -> None:
    names = [node.name for node in unwell(cluster(), seen(*ALL, unhealthy={"https://10.0.0.2:2379": "down"}))]
    assert names == ["etcd2"]
    assert [node.name for node in unwell(cluster(), seen(members=None, unhealthy={"etcd": "exit 1"}))] == ["etcd1"]


def test_formed_is_what_a_member_says_and_silence_is_not() -> None:
    picture = seen(*ALL)
    assert formed({"etcd1": None, "etcd2": seen(members=None), "etcd3": picture}) is picture
    assert formed({"etcd1": None, "etcd2": seen(members=None)}) is None
    assert formed({}) is None


def test_declared_nodes_that_are_no_members_join() -> None:
    assert [node.name for node in joining(cluster(), ALL[:1])] == ["etcd2", "etcd3"]
    assert joining(cluster(), ALL) == ()


def test_a_member_is_known_by_its_peer_url_and_not_by_its_name() -> None:
    assert joining(cluster(), [*ALL[:2], UNSTARTED]) == ()
    assert [
        node.name for node in joining(cluster(), [*ALL[:2], member("etcd3", peer_urls=["https://10.9.9.9:2380"])])
    ] == ["etcd3"]


def test_only_learners_of_ours_go_astray() -> None:
    elsewhere = ["https://10.9.9.9:2380"]
    unstarted = member("etcd3", name="", started=False, learner=True, peer_urls=elsewhere)
    named = member("etcd3", learner=True, peer_urls=elsewhere)
    somebody = member("etcd3", name="other", learner=True, peer_urls=elsewhere)
    voter = member("etcd3", peer_urls=elsewhere)
    for one, astray in ((unstarted, True), (named, True), (somebody, False), (voter, False)):
        assert stray_learners(cluster(), [*ALL[:2], one]) == ((one,) if astray else ())
    assert stray_learners(cluster(), [*ALL[:2], member("etcd3", learner=True)]) == ()
    assert moved_members(cluster(), [*ALL[:2], named]) == [] and moved_members(cluster(), [*ALL[:2], voter]) != []


def test_an_interrupted_join_is_continued() -> None:
    assert [node.name for node, _ in unfinished(cluster(), [*ALL[:2], UNSTARTED])] == ["etcd3"]
    learner = member("etcd3", learner=True)
    assert unfinished(cluster(), [*ALL[:2], learner]) == ((cluster().etcd[2], learner),)
    assert unfinished(cluster(), ALL) == ()


def test_a_joining_member_names_exactly_the_members_there_are_and_itself() -> None:
    third = cluster().etcd[2]
    two = {"etcd1": "https://10.0.0.1:2380", "etcd2": "https://10.0.0.2:2380"}
    assert peers_with(cluster(), third, ALL[:2]) == two | {"etcd3": "https://10.0.0.3:2380"}
    assert peers_with(cluster(), third, ALL[:1]) == {
        "etcd1": "https://10.0.0.1:2380",
        "etcd3": "https://10.0.0.3:2380",
    }


def test_an_unstarted_member_gets_its_declared_name() -> None:
    assert peers_with(cluster(), cluster().etcd[2], [*ALL[:2], UNSTARTED])["etcd3"] == "https://10.0.0.3:2380"
    assert "" not in peers_with(cluster(), cluster().etcd[2], [*ALL[:2], UNSTARTED])
