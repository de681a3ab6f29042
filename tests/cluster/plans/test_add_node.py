"""Who joins, and what is in the way of it, in its words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.plans.add_node import Room, addition_lines, copying, newcomers, refuse_addition
from cluster.verdicts.live import Live
from tests.cluster.live_members import healthy, with_patroni
from tests.cluster.preflight_hosts import a_cluster

CONFIG = {"/service/main/config": "{}"}


def cluster() -> Cluster:
    return a_cluster("pg1", "pg2", "pg3")


def member(number: int, **other: Any) -> dict[str, Any]:
    url = f"https://10.0.0.{number}:2380"
    return {"id": f"{number}", "name": f"pg{number}", "peer_urls": [url], "learner": False, "started": True, **other}


def key(name: str, address: str) -> dict[str, str]:
    return {f"/service/main/members/{name}": json.dumps({"conn_url": f"postgres://{address}:5432/postgres"})}


ALL = {**CONFIG, **key("pg1", "10.0.0.1"), **key("pg2", "10.0.0.2"), **key("pg3", "10.0.0.3")}


def seen(*members: dict[str, Any], keys: dict[str, str] | None = None) -> Any:
    listed = list(members) or [member(n) for n in (1, 2, 3)]
    return {"unhealthy": {}, "members": listed, "alarms": [], "keys": ALL if keys is None else keys, "errors": {}}


def refusal(picture: Any, rooms: dict[str, Room] | None = None, live: Live | None = None) -> str:
    with pytest.raises(UnsafeError) as refused:
        refuse_addition(cluster(), picture, rooms or {}, live)
    return str(refused.value)


def test_nobody_joins_a_cluster_that_has_all() -> None:
    assert newcomers(cluster(), seen()) == {}
    refuse_addition(cluster(), seen(), {}, None)


def test_who_joins_what() -> None:
    keys = {name: text for name, text in ALL.items() if not name.endswith("pg3")}
    found = newcomers(cluster(), seen(member(1), member(2, learner=True), keys=keys))
    assert found == {"pg2": ["etcd"], "pg3": ["etcd", "PostgreSQL"]}
    assert addition_lines(cluster(), found) == ["Join main:", "  pg2   etcd", "  pg3   etcd and PostgreSQL"]
    assert [node.name for node in copying(cluster(), found)] == ["pg3"]


def test_there_has_to_be_a_cluster() -> None:
    assert refusal(None) == ("etcd does not say who its members are\nHINT: look at 'journalctl -u etcd' on its hosts.")
    assert refusal(seen(keys={})) == (
        "there is no cluster main yet that a host could join\nHINT: deploys/cluster.py builds it."
    )


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (
            seen(member(1), member(3, peer_urls=["https://10.0.0.9:2380"])),
            "pg3 is an etcd member at https://10.0.0.9:2380, declared is https://10.0.0.3:2380",
        ),
        (seen(member(1), member(3, name="other")), "the address of pg3 is that of other in etcd"),
        (
            seen(keys={**ALL, **key("pg3", "10.0.0.9")}),
            "pg3 is a member at 10.0.0.9, declared is 10.0.0.3; a living host is for deploys/move_node.py, "
            "a lost one for deploys/replace_node.py",
        ),
        (
            seen(keys={**ALL, **key("other", "10.0.0.3")}),
            "the address of pg3, 10.0.0.3, is that of the member other",
        ),
    ],
)
def test_a_name_or_an_address_that_somebody_has(picture: Any, words: str) -> None:
    assert refusal(picture) == (
        f"no host joins main now: {words}\nHINT: fix that, or correct the inventory; nothing was changed."
    )


def test_the_copy_has_to_find_room() -> None:
    assert refusal(seen(), {"pg3": Room(119, 100)}).startswith(
        "no host joins main now: pg3 has 119 MiB for data that take 100 MiB and some WAL: 120 MiB\nHINT: "
    )
    refuse_addition(cluster(), seen(), {"pg3": Room(120, 100), "pg2": Room(None, 100)}, None)


def test_a_member_of_etcd_alone_needs_no_leader_of_postgresql() -> None:
    leaderless = with_patroni(healthy(), leader=None)
    refuse_addition(cluster(), seen(member(1), member(2)), {}, leaderless)
    without_pg3 = {name: text for name, text in ALL.items() if not name.endswith("pg3")}
    assert refusal(seen(keys=without_pg3), live=leaderless).startswith("no host joins main now: there is no leader\n")
