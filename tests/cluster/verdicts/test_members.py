"""A living member that is elsewhere than the inventory has it, or not in it, is seen before anything is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.address import Address
from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.preflight.hosts import Observed, host_findings
from cluster.verdicts.members import refuse_moved
from cluster.verdicts.removal_notes import remaining
from tests.cluster.preflight_hosts import IDENTIFIER, MEMBERS, a_cluster, rows, running


def keys(leader: str = "pg1", **addresses: str) -> dict[str, str]:
    """What etcd holds of a cluster whose three members are where they are declared. + addresses: of others, too"""
    where = {f"pg{n}": f"10.0.0.{n}" for n in (1, 2, 3)} | addresses
    said = {f"/service/main/members/{name}": _member(address) for name, address in where.items()}
    return {"/service/main/initialize": IDENTIFIER, "/service/main/leader": leader, **said}


def _member(address: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return json.dumps({"conn_url": f"postgres://{host}:5432/postgres", "api_url": f"https://{host}:8008/patroni"})


def voters(**urls: str) -> list[Any]:
    where = {f"pg{n}": f"https://10.0.0.{n}:2380" for n in (1, 2, 3)} | urls
    return [
        {"id": str(n), "name": name, "peer_urls": [url], "learner": False, "started": True}
        for n, (name, url) in enumerate(where.items())
    ]


def judged(
    cluster: Cluster | None = None,
    held: Mapping[str, str] | None = None,
    members: Any = None,
    seen: Mapping[str, Any] | None = None,
    **other: Any,
) -> list[tuple[str, str, str]]:
    """The verdict on running hosts. + held: keys; + members: etcd's; + seen: pictures that differ"""
    cluster = cluster or a_cluster()
    pictures = {node.name: running(int(str(node.address)[-1])) for node in cluster} | dict(seen or {})
    known = Observed(pictures, keys=held, voters=members, judged=frozenset(pictures), **other)
    return rows(host_findings(cluster, known))


def moved(*addresses: str) -> Cluster:
    """The same members, elsewhere."""
    cluster = a_cluster()
    pairs = zip(cluster, addresses, strict=True)
    return replace(cluster, nodes=tuple(replace(node, address=Address(text)) for node, text in pairs))


OLD = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
AWAY = moved("10.0.0.1", "10.0.0.2", "10.0.0.9")
LIVING = ("pg3", "cluster_address", "pg3 is a living member at 10.0.0.3, declared is 10.0.0.9")
VOTING = ("pg3", "cluster_address", "pg3 is a member of etcd at 10.0.0.3, declared is 10.0.0.9")


def test_members_where_they_are_declared_are_no_finding() -> None:
    assert judged(held=keys(), members=voters()) == []


@pytest.mark.parametrize("limit", [MEMBERS, ("pg1",)])
def test_a_living_member_at_another_address_is_refused_beyond_the_limit_too(limit: tuple[str, ...]) -> None:
    pictures = {name: running(n) for name, n in zip(MEMBERS, (1, 2, 9), strict=True)}
    known = Observed(pictures, keys=keys(), voters=voters(), judged=frozenset(limit))
    assert LIVING in rows(host_findings(AWAY, known))


def test_the_way_out_is_the_old_address_or_the_run_that_moves_it() -> None:
    known = Observed({}, keys=keys(), voters=voters(), judged=frozenset())
    (finding,) = host_findings(AWAY, known)
    assert finding.hint == (
        "Set cluster_address = '10.0.0.3'; or with all others as they were let it move: "
        "`pyinfra inventory.py deploys/move_node.py --data node=pg3`."
    )


def test_a_member_of_etcd_that_is_dead_or_has_no_postgresql_is_seen_by_etcd_s_list() -> None:
    held = keys()
    del held["/service/main/members/pg3"]
    assert VOTING in judged(AWAY, held, voters())
    assert VOTING not in judged(AWAY, held, voters(), returning=frozenset({"pg3"})), "replace_node knows what to do"


def test_a_fresh_host_beside_the_membership_of_its_lost_one_is_where_it_should_be() -> None:
    held = keys(pg3="10.0.0.9")
    both = [*voters(), *voters(pg3="https://10.0.0.9:2380")[2:]]
    assert judged(AWAY, held, both) == []


def test_while_no_etcd_answers_its_own_file_tells_where_it_was() -> None:
    single = {"pg3": running(9, etcd_peer_url="https://10.0.0.3:2380")}
    assert VOTING in judged(AWAY, None, None, single)
    assert VOTING not in judged(AWAY, keys(pg3="10.0.0.9"), voters(pg3="https://10.0.0.9:2380"), single)
    fresh = {"pg3": running(9, etcd_peer_url="https://10.0.0.3:2380", etcd_data=False)}
    assert VOTING not in judged(AWAY, None, None, fresh)


def test_another_peer_port_is_refused_with_the_setting() -> None:
    assert judged(a_cluster(etcd_peer_port=2390), keys(), voters())[0] == (
        *("pg1", "etcd_peer_port", "pg1 is a member of etcd at port 2380, declared is 2390"),
    )


def test_a_living_member_that_is_not_declared_is_refused() -> None:
    two = remaining(a_cluster(), {"pg3"})
    assert judged(two, keys(), voters()) == [
        ("pg3", "inventory", "is a living member of main, and the inventory does not have it in the group postgres")
    ]
    leads = judged(two, keys(leader="pg3"), voters())
    assert leads == [("pg3", "inventory", "leads main, and the inventory does not have it in the group postgres")]


def test_a_role_that_was_taken_away_is_seen_like_a_host_that_was() -> None:
    cluster = a_cluster()
    for role, words in (("postgres", "is a living member of main"), ("etcd", "pg3 is a member of etcd")):
        nodes = [replace(one, roles=one.roles - {role} if one.name == "pg3" else one.roles) for one in cluster]
        (found,) = judged(replace(cluster, nodes=tuple(nodes)), keys(), voters())
        assert found[:2] == ("pg3", "inventory") and words in found[2]


def test_a_renamed_host_is_told_that_a_member_keeps_its_name() -> None:
    renamed = a_cluster("pg1", "pg2", "db3")
    (finding,) = host_findings(renamed, Observed({}, keys=keys(), judged=frozenset()))
    assert (finding.where, finding.hint) == (
        "pg3",
        "A member keeps its name: call db3 pg3 again. How ssh reaches it is ssh_hostname alone.",
    )


def test_nobody_is_taken_out_while_another_one_is_elsewhere() -> None:
    seen: Any = {"keys": keys(), "members": voters()}
    refuse_moved(a_cluster(), seen, "pg1")
    refuse_moved(AWAY, seen, "pg3")
    with pytest.raises(ConfigError) as refused:
        refuse_moved(AWAY, seen, "pg1")
    assert str(refused.value).startswith(f"pg3: {LIVING[2]}\nHINT: Set cluster_address")


@given(st.permutations(OLD))
def test_whoever_changes_places_is_named(addresses: list[str]) -> None:
    held, listed = keys(), voters()
    known = Observed({}, keys=held, voters=listed, judged=frozenset())
    found = {one.where for one in host_findings(moved(*addresses), known) if one.what == "cluster_address"}
    assert found == {name for name, old, new in zip(MEMBERS, OLD, addresses, strict=True) if old != new}
