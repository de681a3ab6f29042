"""chrony on a host that is only a picture: installed, started, and left alone."""

from __future__ import annotations

from typing import Any

from pyinfra.context import ctx_host

from cluster.components.chrony import CONFIGURATION, chrony_component
from cluster.declared.model import Cluster
from facts.chrony import HostClock
from operations.chrony import running
from tests.inventories import one_host_cluster


class PicturedHost:
    """A host of a given clock. + paths: of its files as ``HostComponent`` says them"""

    def __init__(self, clock: dict[str, Any], *components: dict[str, Any]) -> None:
        self.clock, self.components = clock, iter(components)
        self.noop_description = ""

    def get_fact(self, fact: Any, **_: Any) -> Any:
        return self.clock if fact is HostClock else next(self.components)

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, _: str) -> None: ...


def run(host: PicturedHost, cluster: Cluster) -> list[str]:
    with ctx_host.use(host):
        return [command.get_raw_value() for command in running._inner(cluster=cluster)]


def clock(*, marked: bool = False, may_set: bool = True, **services: str) -> dict[str, Any]:
    return {"may_set": may_set, "services": services, "marked": marked}


def picture(cluster: Cluster, *, there: bool) -> dict[str, Any]:
    (file,) = chrony_component(cluster).files
    seen = {"kind": "file", "mode": "644", "user": "root", "group": "root", "sha256": file.digest}
    unit = {"active": "active" if there else "inactive", "needs_daemon_reload": False, "started_at": 200}
    stamps = {"files_changed_at": 100, "files_digest": "one", "loaded_digest": "one" if there else ""}
    return {"paths": {CONFIGURATION: seen if there else None}, "units": {"chrony": {**unit, **stamps}}}


def test_a_host_without_a_clock_service_gets_one() -> None:
    cluster = one_host_cluster()
    host = PicturedHost(clock(), picture(cluster, there=False), picture(cluster, there=False))
    update, install, write, start = run(host, cluster)
    assert "apt-get" in update and "install chrony" in install
    assert CONFIGURATION in write and "systemctl" in start and "chrony" in start


def test_a_second_run_changes_nothing() -> None:
    cluster = one_host_cluster()
    host = PicturedHost(clock(marked=True, chrony="active"), picture(cluster, there=True))
    assert run(host, cluster) == []


def test_one_of_the_administrator_s_is_left_alone() -> None:
    host = PicturedHost(clock(ntpsec="active"))
    assert run(host, one_host_cluster()) == []
    assert host.noop_description == "ntpsec keeps this host's clock"


def test_a_container_s_clock_is_not_its_own() -> None:
    host = PicturedHost(clock(may_set=False))
    assert run(host, one_host_cluster()) == [] and "machine below" in host.noop_description


def test_nowhere_means_nowhere() -> None:
    host = PicturedHost(clock())
    assert run(host, one_host_cluster(chrony_mode="never")) == []
    assert host.noop_description == "chrony_mode is never"


def test_servers_stand_in_the_file() -> None:
    (file,) = chrony_component(one_host_cluster(chrony_servers=["ntp1.example.net", "10.0.0.123"])).files
    assert file.content.splitlines()[1:] == ["server ntp1.example.net iburst", "server 10.0.0.123 iburst"]
