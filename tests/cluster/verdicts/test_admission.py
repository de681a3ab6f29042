"""Who is asked for a certificate by now: nobody whose next connection would be refused for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.declared.model import Cluster
from cluster.verdicts.admission import still_by_password
from tests.cluster.components.test_pg_hba import MEMBERS, cluster

ONE, TWO, THREE = MEMBERS


def left(logins: dict[str, bool], *, touched: int = 3, of: Cluster | None = None) -> list[str]:
    whole = of or cluster()
    everybody = [*whole.members, *whole.followers]
    return [node.name for node in still_by_password(whole, everybody, whole.members[:touched], logins)]


def test_members_that_were_given_one_are_asked_for_it() -> None:
    assert left({TWO: True, THREE: True}) == []


def test_the_leader_and_one_that_does_not_stream_just_now_have_theirs() -> None:
    assert left({}) == []


def test_one_whose_patroni_has_not_noticed_is_let_in_for_a_while() -> None:
    assert left({TWO: False, THREE: True}) == ["pg2"]


@pytest.mark.parametrize(("logins", "names"), [({}, ["pg3"]), ({THREE: True}, []), ({THREE: False}, ["pg3"])])
def test_of_a_host_outside_this_run_only_what_is_seen_counts(logins: dict[str, bool], names: list[str]) -> None:
    assert left(logins, touched=2) == names


FOLLOWERS = ("10.0.1.1", "10.0.1.2", "10.0.1.3")


def with_standby() -> Cluster:
    standby = cluster(addresses=FOLLOWERS, balancer="10.0.1.9")
    named = tuple(replace(node, name=f"dr{n}") for n, node in enumerate(standby.nodes, 1))
    return replace(cluster(), standbys=(replace(standby, nodes=named),))


@pytest.mark.parametrize(
    ("logins", "names"),
    [
        ({}, ["dr1", "dr2", "dr3"]),
        ({"10.0.1.1": False}, ["dr1", "dr2", "dr3"]),
        ({"10.0.1.2": True}, []),
        ({"10.0.1.1": False, "10.0.1.2": True}, ["dr1", "dr2", "dr3"]),
    ],
)
def test_a_standby_cluster_has_them_when_the_one_that_streams_has(logins: dict[str, bool], names: list[str]) -> None:
    assert left(logins, of=with_standby()) == names
