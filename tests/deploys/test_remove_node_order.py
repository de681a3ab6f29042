"""The steps over all hosts: who calls which, and that the leaving host's come where they belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.secrets.secrets import NAMES, Secret
from cluster.verdicts.removal_notes import Removal
from deploys.components import certificates, pgbackrest
from deploys.procedures import remove_node
from deploys.procedures.remove_node import deploy_removal
from tests.world.hosts import fake_cluster, planned
from tests.world.removal_world import RemovalWorld

SECRETS = {name: Secret(f"Value-of-{name}") for name in NAMES}
EVERY = {"h1", "h2", "h3", "h4", "h5"}


@pytest.fixture
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, set[str]]]:
    """
    The operations in pyinfra's order, each with the hosts that call it; h4 was taken out before, h5 goes. The parameter
    has settings of the cluster.
    """
    world = RemovalWorld(fake_cluster(5, roles=("postgres", "etcd", "haproxy"), **getattr(request, "param", {})))
    world.die("h4")
    world.dead.clear()
    world.voters = {one: name for one, name in world.voters.items() if name != "h4"}
    world.keys["/service/main/removed/h4"] = Removal("2026").text
    for module in (remove_node, pgbackrest):
        monkeypatch.setattr(module, "cluster_secrets", lambda _: SECRETS)
    monkeypatch.setattr(certificates, "secrets_directory", lambda _: Path("/nowhere"))
    found = planned(
        monkeypatch,
        world,
        world.cluster,
        lambda: deploy_removal(world.cluster, "h5", alone=False, wipe=False, drain_seconds=0, force=False),
    )
    assert world.done == []
    return [(name.rpartition(" | ")[2], callers) for name, callers in found]


def test_the_order_and_who_calls_what(steps: list[tuple[str, set[str]]]) -> None:
    rest = {"h1", "h2", "h3"}
    assert steps == [
        ("Check that h5 may leave, move the leader away", EVERY),
        ("Configure and start HAProxy", rest),
        ("Stop h5's services", EVERY),
        ("Delete h5's keys and slots", EVERY),
        ("Configure and start keepalived", rest),
        ("Issue certificates and trust the CAs", rest),
        ("Trust the source cluster's CA", rest),
        ("Configure and start pgBackRest", rest),
        ("Configure access to the source's archive", rest),
        ("Announce addresses to routers", rest),
        ("Run the holder of virtual addresses", rest),
        ("Configure the remaining members", rest),
        ("Apply the dynamic configuration without it", rest),
        ("Remove h5 from etcd", EVERY),
        ("Configure the remaining members of etcd", rest),
        ("Check the quorum of the remaining members", rest),
        ("Accept what is needed, and nothing else", rest),
        ("Remove h5's units and files", EVERY),
        ("Report", EVERY),
    ]


@pytest.mark.parametrize("steps", [{"monitoring": True}], indirect=True)
def test_those_who_stay_neither_scrape_nor_expect_it_any_more(steps: list[tuple[str, set[str]]]) -> None:
    names = [name for name, _ in steps]
    told, of_monitoring = (
        names.index("Tell each host what is declared"),
        names.index("Configure and start the exporters"),
    )
    assert steps[told][1] == steps[of_monitoring][1] == {"h1", "h2", "h3"}
    # Last of all that is written there, for it has the digests of all of it.
    assert of_monitoring < told < names.index("Remove h5's units and files")
    assert names.index("Accept what is needed, and nothing else") < told
