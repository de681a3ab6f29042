"""
The screens of ``status.py`` and ``check.py``, whole, as files to be read.

    UPDATE_GOLDEN=1 pytest tests/golden
"""

from __future__ import annotations

import pytest

from cluster.checks.report import all_findings, check_lines
from cluster.components.patroni_dynamic import synchronous_configuration
from cluster.screens.status import WIDTH, status_lines
from tests.cluster.overview_world import MIB, WRITTEN, World, addressed, backed_up, healthy, pooled, routed
from tests.golden.review import GOLDEN, assert_reviewed_text

SCREENS = GOLDEN / "screens"
LINES = 45


def dead_member() -> World:
    world = healthy()
    world.kill("h3")
    return world


def dead_primary() -> World:
    """Its lock has run out, and nobody has taken over yet."""
    world = healthy()
    world.kill("h1")
    world.everywhere("patroni", lambda seen: seen.update(leader=None))
    return world


def lagging() -> World:
    """The cluster is paused, somebody paused the replay of one standby, and another is slow."""
    world = healthy()
    world.everywhere("patroni", lambda seen: seen.update(paused=True))
    for name, behind in (("h2", 4200), ("h3", 37)):
        world.answers[name]["postgres"].update(replayed=WRITTEN - behind * MIB)
    world.answers["h2"]["postgres"].update(replay="paused")
    senders = world.answers["h1"]["postgres"]["replication"]
    for sender, behind in zip(senders, (4200, 37), strict=True):
        sender.update(behind=behind * MIB)
    world.member("h3", lag_mib=30)
    return world


def pending_restart() -> World:
    world = healthy()
    waiting = {"max_connections": {"old_value": "200", "new_value": "300"}, "shared_buffers": {"old_value": "4GB"}}
    for name in ("h1", "h2"):
        world.member(name, pending_restart=True, pending_reason=waiting)
    world.member("h3", pending_restart=True)  # Patroni before 3.3 does not tell which
    return world


def backups() -> World:
    """With a repository host; a full backup runs, and the last differential one failed."""
    world = backed_up()
    seen = world.answers["h4"]["pgbackrest"]
    seen["attempts"]["full"].update(running=True)
    seen["attempts"]["diff"].update(failed=True, error="[082]: WAL segment 0000000700000000000007C9 was not archived")
    reason = "checksums: app.public.orders (base/16388/16391), block 3: wrong checksum"
    drill = world.answers["h4"]["pgbackrest_drill"]
    drill["last"].update(verdict="failed", label="20261115-010512F_20261121-010733D", reasons=[reason])
    return world


def removed() -> World:
    """A host was taken out, and the inventory is as it was."""
    world = healthy()
    world.take_out_h3()
    return world


def synchronous() -> World:
    """Commits wait for one standby, and another one streams from that."""
    world = healthy(patroni_synchronous_mode="on", patroni_synchronous_mode_strict=True)
    config = synchronous_configuration(world.cluster)
    world.everywhere("patroni", lambda seen: seen["config"].update(config))
    world.member("h2", role="sync_standby", synchronous=True)
    world.member("h3", tags={"replicatefrom": "h2"})
    lead = world.answers["h1"]["postgres"]
    lead["replication"] = [one for one in lead["replication"] if one["name"] == "h2"]
    lead["slots"] = [{**one, "active": one["name"] == "h2"} for one in lead["slots"]]
    return world


def addresses() -> World:
    """Virtual addresses: two hosts have the one for writers, and none the one for readers."""
    world = addressed()
    world.answers["h1"]["vip"].pop("10.0.0.101")
    world.answers["h2"]["vip"]["10.0.0.100"] = "eth0"
    return world


def routers() -> World:
    """Addresses that are announced: a router was told half of what it should know, and one member's FRR is silent."""
    world = routed(announced=["10.0.0.100/32"])
    world.answers["h2"]["bgp"] = {"answers": False, "addresses": [], "sessions": {}}
    world.answers["h3"]["bgp"]["sessions"]["10.0.0.254"] |= {"state": "Idle", "bfd": "down", "announced": []}
    return world


def pools() -> World:
    """Pools of two processes each: one is paused, one is silent, and a host is dead."""
    world = pooled(pgbouncer_processes=2)
    said = world.answers["h1"]["pgbouncer"]
    said["write-1"].update(paused="all", clients=31, waiting=9, maxwait=12)
    said["read-2"] = {"error": "psql: error: timeout expired"}
    world.kill("h3")
    return world


STATES = {
    "pools": pools,
    "addresses": addresses,
    "routers": routers,
    "healthy": healthy,
    "backups": backups,
    "dead_member": dead_member,
    "dead_primary": dead_primary,
    "lagging": lagging,
    "pending_restart": pending_restart,
    "removed": removed,
    "synchronous": synchronous,
}


def screens(name: str) -> str:
    overview = STATES[name]().overview()
    found = all_findings(overview)
    status, check = status_lines(overview, found), check_lines(overview, found, 110)
    assert len(status) <= LINES
    assert max(map(len, [*status, *check])) <= WIDTH
    commands = [f"$ pyinfra inventory.py deploys/{name}.py" for name in ("status", "check")]
    return "\n".join([commands[0], *status, "", commands[1], *check, ""])


@pytest.mark.parametrize("name", STATES)
def test_every_screen_is_as_it_was_reviewed(name: str) -> None:
    assert_reviewed_text(screens(name), SCREENS / f"{name}.txt")


def test_every_kept_screen_is_of_a_state() -> None:
    assert {path.stem for path in SCREENS.iterdir()} == set(STATES)


@pytest.mark.parametrize("page", ["status", "check"])
def test_the_pages_show_real_screens(page: str) -> None:
    """The page's sample is one of these screens, word for word."""
    text = (SCREENS.parents[2] / "docs" / "runs" / f"{page}.md").read_text()
    block = next(part for part in text.split("```\n")[1::2] if part.startswith("main: "))
    assert any(block in screens(name) for name in STATES)
