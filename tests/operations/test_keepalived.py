"""keepalived on a host that is only a picture: brought, left alone, and taken away again."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.context import ctx_host

import operations.keepalived
from cluster.components.keepalived import CONFIGURATION, DROP_IN, DROP_IN_DIRECTORY, PROGRAM, keepalived_component
from cluster.declared.model import Cluster
from operations.keepalived import give_up, service
from tests.inventories import one_host_cluster

ADDRESSES = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_interface": "eth0"}


class PicturedHost:
    """A host with some paths. + name: of its node"""

    name = "pg1"

    def __init__(self, *there: dict[str, Any]) -> None:
        self.there = iter(there)
        self.noop_description = ""

    def get_fact(self, _: Any, **__: Any) -> Any:
        return next(self.there)

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, _: str) -> None: ...


def run(host: PicturedHost, cluster: Cluster) -> list[str]:
    with ctx_host.use(host):
        return [command.get_raw_value() for command in service._inner(cluster=cluster)]


def handed_over(host: PicturedHost, cluster: Cluster, *, having: bool) -> list[str]:
    with ctx_host.use(host):
        return [command.get_raw_value() for command in give_up._inner(cluster=cluster, having=having)]


def picture(cluster: Cluster, *, there: bool) -> dict[str, Any]:
    component = keepalived_component(cluster, cluster.node("pg1"))
    owned = {"user": "root", "group": "root"}
    paths: dict[str, Any] = {DROP_IN_DIRECTORY: {"kind": "directory", "mode": "755", **owned}}
    paths |= {one.path: {"kind": "file", "mode": one.mode, "sha256": one.digest, **owned} for one in component.files}
    unit = {"active": "active" if there else "inactive", "needs_daemon_reload": False, "started_at": 200}
    stamps = {"files_changed_at": 100, "files_digest": "one", "loaded_digest": "one" if there else ""}
    return {"paths": paths if there else dict.fromkeys(paths), "units": {"keepalived": {**unit, **stamps}}}


def test_it_is_written_and_started() -> None:
    cluster = one_host_cluster(**ADDRESSES)
    write, start = run(PicturedHost(picture(cluster, there=False), picture(cluster, there=False)), cluster)
    assert CONFIGURATION in write and PROGRAM in write and "systemctl start keepalived" in start


def test_a_second_run_changes_nothing() -> None:
    cluster = one_host_cluster(**ADDRESSES)
    assert run(PicturedHost(picture(cluster, there=True)), cluster) == []


def owned(*paths: str) -> dict[str, Any]:
    there = {path: {"kind": "file"} if path in paths else None for path in (DROP_IN, CONFIGURATION, PROGRAM)}
    return {"paths": there, "units": {}}


def test_without_addresses_it_is_taken_away_and_the_mark_goes_last() -> None:
    (command,) = run(PicturedHost(owned(DROP_IN, CONFIGURATION, PROGRAM)), one_host_cluster())
    assert command.startswith("systemctl disable --now --quiet keepalived && ")
    assert command.index(CONFIGURATION) < command.index(DROP_IN)
    assert "daemon-reload" in command and f"rmdir {DROP_IN_DIRECTORY}" in command


def test_one_of_somebody_else_is_left_alone() -> None:
    host = PicturedHost(owned(CONFIGURATION))
    assert run(host, one_host_cluster()) == []
    assert host.noop_description == "no keepalived of ours on this host"


OURS = owned(DROP_IN, CONFIGURATION, PROGRAM)
HELD: dict[str, str] = {"10.0.0.100": "eth0"}
ON_LEADER = {"vip_mode": "leader", "vip_write": ["10.0.0.100", "fd00::100"]}
BOTH = ("10.0.0.100", "fd00::100")


def members_serve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    monkeypatch.setattr(
        operations.keepalived, "read", lambda nodes, _, **__: {node.name: list(addresses) for node in nodes}
    )


@pytest.mark.parametrize("served", [(), ("10.0.0.100",)])
def test_it_keeps_the_addresses_until_members_can_have_all_of_them(
    monkeypatch: pytest.MonkeyPatch, served: tuple[str, ...]
) -> None:
    members_serve(monkeypatch, *served)
    host, cluster = PicturedHost(OURS, OURS, OURS), one_host_cluster(**ON_LEADER)
    assert run(host, cluster) == []
    assert handed_over(host, cluster, having=False) == handed_over(host, cluster, having=True) == []
    assert "restart_pending.py" in host.noop_description


def test_hosts_without_an_address_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would take it when the one that has it gives it up, and a member would, too."""
    members_serve(monkeypatch, *BOTH)
    cluster = one_host_cluster(**ON_LEADER)
    assert handed_over(PicturedHost(OURS, HELD), cluster, having=False) == []
    for having, addresses in ((False, {}), (True, HELD)):
        (command,) = handed_over(PicturedHost(OURS, addresses, OURS), cluster, having=having)
        assert command.startswith("systemctl disable --now --quiet keepalived && ")


def test_members_that_announce_addresses_never_have_them_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network can be asked whether it has one still."""
    members_serve(monkeypatch)
    bgp = {"vip_mode": "bgp", "vip_write": ["10.9.0.1"], "bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}}
    (command,) = run(PicturedHost(OURS), one_host_cluster(**bgp))
    assert "disable --now" in command


def test_nothing_is_given_up_where_no_member_waits() -> None:
    for settings in ({}, ADDRESSES):
        assert handed_over(PicturedHost(), one_host_cluster(**settings), having=True) == []
    assert handed_over(PicturedHost(owned()), one_host_cluster(**ON_LEADER), having=True) == []
