"""What the operations of PgBouncer do on a host that is only a picture: brought, reloaded, counted down, taken away."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.components.all import unwanted
from cluster.components.files import File
from cluster.components.pgbouncer.component import LOGINS_FILE, POOLS, UNIT_PATH, pgbouncer_component
from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from operations.pgbouncer import follow, service
from operations.undeclared import removed
from tests.inventories import one_host_cluster

PASSWORD = Secret("S3cretOfTheLookups")
NAMES = ("read", "write")


class PicturedHost:
    """A host whose facts are answered from a list, in order."""

    name = "pg1"

    def __init__(self, *said: Any) -> None:
        self.said: Iterator[Any] = iter(said)
        self.noop_description = ""

    def get_fact(self, *_: Any, **__: Any) -> Any:
        return next(self.said)

    def log(self, _: str) -> None: ...

    def noop(self, description: str) -> None:
        self.noop_description = description


def cluster(**settings: Any) -> Cluster:
    return one_host_cluster(**{"pgbouncer_on": "haproxy", **settings})


def picture(declared: Cluster, *, without: tuple[str, ...] = (), **unit: Any) -> dict[str, Any]:
    """A host with all as declared. + without: paths that are absent; + unit: what every unit has otherwise"""
    component = pgbouncer_component(declared, declared.node("pg1"), PASSWORD)
    paths: dict[str, Any] = {}
    for item in (*component.directories, *component.files):
        kind = {"kind": "file", "sha256": item.digest} if isinstance(item, File) else {"kind": "directory"}
        paths[item.path] = {"mode": item.mode, "user": item.user, "group": item.group, **kind}
    running = {"active": "active", "needs_daemon_reload": False, "started_at": 200, "files_changed_at": 100}
    state = {**running, "files_digest": "new", "loaded_digest": "new", **unit}
    return {"paths": paths | dict.fromkeys(without), "units": {one.name: dict(state) for one in component.units}}


def run(host: PicturedHost, operation: Any, **arguments: Any) -> list[str]:
    with ctx_host.use(host):
        return [command.get_raw_value() for command in operation._inner(**arguments)]


def served(host: PicturedHost, declared: Cluster) -> list[str]:
    return run(host, service, cluster=declared, password=PASSWORD)


def test_a_host_without_pools_is_left_alone() -> None:
    host = PicturedHost()
    assert served(host, one_host_cluster()) == []
    assert host.noop_description == "no PgBouncer is declared for this host"


def test_a_second_run_changes_nothing() -> None:
    assert served(PicturedHost(list(NAMES), picture(cluster())), cluster()) == []


def test_it_is_written_and_started_and_the_password_is_in_no_argument() -> None:
    nothing = picture(cluster(), without=tuple(picture(cluster())["paths"]), active="inactive")
    written, started = served(PicturedHost([], nothing, picture(cluster(), active="inactive")), cluster())
    assert LOGINS_FILE in written and str(PASSWORD) not in written
    for name in NAMES:
        assert f"systemctl start pgbouncer@{name}" in started
    assert "systemctl enable --quiet pgbouncer@write pgbouncer@read" in started


def test_processes_that_are_not_declared_any_more_go_first() -> None:
    gone, *rest = served(PicturedHost([*NAMES, "session", "write-2"], picture(cluster())), cluster())
    assert gone.startswith("systemctl disable --now --quiet pgbouncer@session pgbouncer@write-2 && ")
    assert f"{POOLS}/write-2.listen.ini" in gone and f"{POOLS}/write.ini" not in gone
    assert rest == []


def loads(declared: Cluster) -> str:
    stale = picture(declared, loaded_digest="old", started_at=50)
    (command,) = served(PicturedHost(list(NAMES), stale), declared)
    return command


def test_what_changed_is_loaded_over_the_console_which_drops_nobody() -> None:
    command = loads(cluster())
    assert "-h /run/pgbouncer/write -p 6432 -U pgbouncer -d pgbouncer -c RELOAD" in command
    assert command.index("cmp -s - /run/pgbouncer/write/started-with") < command.index("systemctl restart")


@pytest.mark.parametrize(("started", "word"), [("same", "reload"), ("other", "restart"), (None, "restart")])
def test_a_restart_is_only_for_what_is_read_at_a_start(tmp_path: Path, started: str | None, word: str) -> None:
    """The command that loads, with what it compares in a directory of the test."""
    (tmp_path / "listen").write_text("same")
    (tmp_path / "unit").write_text("")
    if started is not None:
        (tmp_path / "started-with").write_text(started)
    declared = cluster()
    unit = pgbouncer_component(declared, declared.node("pg1"), PASSWORD).units[0]
    script = (
        str(unit.load)
        .replace(f"{POOLS}/write.listen.ini", str(tmp_path / "listen"))
        .replace(UNIT_PATH, str(tmp_path / "unit"))
        .replace("/run/pgbouncer/write/started-with", str(tmp_path / "started-with"))
    )
    acted = "timeout() { echo reload >&2; }; systemctl() { echo restart >&2; }; "
    done = subprocess.run(["bash", "-c", acted + script], capture_output=True, text=True, check=True)
    assert done.stderr.split()[-1] == word


def test_a_changed_configuration_is_followed_where_there_are_pools() -> None:
    stale = picture(cluster(), loaded_digest="old", started_at=50)
    (command,) = run(PicturedHost(stale), follow, cluster=cluster(), password=PASSWORD)
    assert "RELOAD" in command
    host = PicturedHost(picture(cluster(), without=(UNIT_PATH,)))
    assert run(host, follow, cluster=cluster(), password=PASSWORD) == []
    assert host.noop_description == "deploys/cluster.py installs PgBouncer here"


def owned(*there: str) -> dict[str, Any]:
    """A host with some of what the component owns."""
    cluster = one_host_cluster()
    node = cluster.node("pg1")
    paths = [path for one in unwanted(cluster, node) for path in one.owns(cluster, node)]
    return {"paths": {path: {"kind": "file"} if path in there else None for path in paths}, "units": {}}


def test_what_is_not_declared_any_more_is_taken_away_and_the_mark_goes_last() -> None:
    (command,) = run(PicturedHost(owned(POOLS, UNIT_PATH, LOGINS_FILE)), removed, cluster=one_host_cluster())
    assert "systemctl disable --now --quiet pgbouncer@write " in command
    assert command.index(LOGINS_FILE) < command.index(f" {UNIT_PATH};")


def test_one_of_somebody_else_is_left_alone() -> None:
    host = PicturedHost(owned(POOLS, LOGINS_FILE))
    assert run(host, removed, cluster=one_host_cluster()) == []
    assert host.noop_description == "nothing of ours is on this host that is not declared"
