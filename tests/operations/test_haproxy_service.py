"""What the operation ``haproxy.service`` asks, refuses to touch and yields, on a host that is only a picture."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host

from cluster.components.component import Component
from cluster.components.files import File
from cluster.components.haproxy import DROP_IN, DROP_IN_DIRECTORY, RELOAD, haproxy_component
from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.secrets import Secret
from operations.haproxy import follow, service
from tests.operations.written import paths_made

PASSWORD = Secret("S3cretOfTheStatistics")
CONFIGURATION = "/etc/haproxy/haproxy.cfg"


class PicturedHost:
    """A host whose facts are answered from a list, in order."""

    def __init__(self, name: str, *pictures: dict[str, Any]) -> None:
        self.name = name
        self.pictures: Iterator[dict[str, Any]] = iter(pictures)
        self.noop_description: str | None = None

    def get_fact(self, *_: Any, **__: Any) -> dict[str, Any]:
        return next(self.pictures)

    def log(self, _: str) -> None:
        """What a person reads."""

    def noop(self, description: str) -> None:
        self.noop_description = description


def cluster() -> Cluster:
    roles = {"pg1": ("postgres", "etcd", "haproxy"), "backup1": ("backup",)}
    hosts = [DeclaredHost(name, roles[name], {"cluster_address": f"10.0.0.{i}"}, {}) for i, name in enumerate(roles, 1)]
    return declared_clusters(hosts, {})[0]["main"]


def component() -> Component:
    return haproxy_component(cluster(), cluster().node("pg1"), PASSWORD)


def picture(*, without: tuple[str, ...] = (), **unit: Any) -> dict[str, Any]:
    """A host with all as declared. + without: paths that are absent; + unit: what its unit has otherwise"""
    paths: dict[str, Any] = {}
    for item in (*component().directories, *component().files):
        kind = {"kind": "file", "sha256": item.digest} if isinstance(item, File) else {"kind": "directory"}
        paths[item.path] = {"mode": item.mode, "user": item.user, "group": item.group, **kind}
    running = {"active": "active", "needs_daemon_reload": False, "started_at": 200, "files_changed_at": 100}
    digests = {"files_digest": "new", "loaded_digest": "new"}
    return {"paths": paths | dict.fromkeys(without), "units": {"haproxy": running | digests | unit}}


def run(host: PicturedHost) -> list[StringCommand]:
    with ctx_host.use(host):
        return list(service._inner(cluster=cluster(), stats_password=PASSWORD))


def texts(commands: list[StringCommand]) -> list[str]:
    return [command.get_raw_value() for command in commands]


def test_leaves_a_host_without_the_role_alone() -> None:
    host = PicturedHost("backup1")
    assert run(host) == []
    assert host.noop_description == "no HAProxy on this host"


def test_does_nothing_where_all_is_as_declared() -> None:
    host = PicturedHost("pg1", picture())
    assert run(host) == []
    assert host.noop_description == "files and units are as declared"


def test_writes_everything_then_starts() -> None:
    nothing = tuple(item.path for item in (*component().directories, *component().files))
    host = PicturedHost("pg1", picture(without=nothing, active="inactive"), picture(active="inactive"))
    commands = run(host)
    assert paths_made(commands) == [DROP_IN_DIRECTORY, DROP_IN, CONFIGURATION]
    write, start = texts(commands)
    assert "install -d -o root -g root -m 755 /etc/systemd/system/haproxy.service.d && part " in write
    assert "systemctl enable --quiet haproxy; } && { { systemctl start haproxy; }" in start


def test_a_file_that_haproxy_rejects_never_takes_the_old_ones_place() -> None:
    host = PicturedHost("pg1", picture(without=(CONFIGURATION,)), picture(loaded_digest="old", started_at=50))
    write, load = texts(run(host))
    assert write.endswith(f"600 && haproxy -c -f {CONFIGURATION}.new && mv -f {CONFIGURATION}.new {CONFIGURATION}")
    assert "systemctl reload haproxy" in load


def test_loads_what_an_interrupted_run_has_written() -> None:
    (load,) = texts(run(PicturedHost("pg1", picture(loaded_digest="old", started_at=50))))
    assert "systemctl reload haproxy" in load


def test_a_renewed_certificate_is_loaded() -> None:
    (unit,) = component().units
    assert {"/etc/haproxy/pki/ca.crt", "/etc/haproxy/pki/haproxy.pem", CONFIGURATION} <= set(unit.loads)


def followed(host: PicturedHost) -> list[StringCommand]:
    with ctx_host.use(host):
        return list(follow._inner(cluster=cluster(), stats_password=PASSWORD))


def test_one_that_runs_follows_a_changed_configuration() -> None:
    before = picture()
    before["paths"][CONFIGURATION]["sha256"] = "of before"
    write, load = texts(followed(PicturedHost("pg1", before, picture(loaded_digest="old", started_at=50))))
    assert CONFIGURATION in write and "systemctl reload haproxy" in load
    same = PicturedHost("pg1", picture())
    assert followed(same) == [] and same.noop_description == "files and units are as declared"


def test_one_that_is_not_there_is_not_installed_by_the_way() -> None:
    for name, words in (("pg1", "deploys/cluster.py installs HAProxy here"), ("backup1", "no HAProxy on this host")):
        host = PicturedHost(name, picture(without=(CONFIGURATION,)))
        assert followed(host) == [] and host.noop_description == words


def test_the_password_is_in_no_command_line() -> None:
    nothing = tuple(item.path for item in (*component().directories, *component().files))
    commands = run(PicturedHost("pg1", picture(without=nothing, active="inactive"), picture(active="inactive")))
    assert not [text for text in texts(commands) if PASSWORD in text]
    assert PASSWORD not in repr([command.connector_arguments for command in commands])
    assert PASSWORD not in repr(component())


STUBS = {
    "systemctl": '[ "$1" = is-active ] && exit $ACTIVE; echo "$@" >> "$LOG"; [ "$1" != "$FAILING" ]',
    "timeout": 'n=$(wc -l < "$LOG"); [ "$n" -eq 0 ] && echo "Pid: 11" || echo "Pid: $NEXT"',  # stands for the question
    "date": 'echo tick >> "$LOG.ticks"; wc -l < "$LOG.ticks"',
    "sleep": "true",
    "journalctl": "echo '[ALERT] no server available!'; echo '[ALERT] cannot bind socket [0.0.0.0:5003]'",
}


def reload(directory: Path, *, active: bool = True, failing: str = "", following: str = "12") -> tuple[int, str, str]:
    """Run the reload with stubs. Returns its exit code, what it printed and which of systemctl's verbs it used."""
    for name, body in STUBS.items():
        (directory / name).write_text(f"#!/bin/sh\n{body}\n")
        (directory / name).chmod(0o755)
    log = directory / "log"
    log.touch()
    (directory / "log.ticks").touch()
    given = {"LOG": str(log), "ACTIVE": "0" if active else "3", "FAILING": failing, "NEXT": following}
    environment = {"PATH": f"{directory}:/usr/bin:/bin", **given}
    done = subprocess.run(["sh", "-c", RELOAD], capture_output=True, text=True, env=environment)
    return done.returncode, done.stderr, log.read_text()


def test_a_reload_succeeds_when_another_worker_answers(tmp_path: Path) -> None:
    assert reload(tmp_path) == (0, "", "reload haproxy\n")


def test_a_reload_fails_when_the_old_worker_goes_on(tmp_path: Path) -> None:
    code, printed, _ = reload(tmp_path, following="11")
    assert code == 1
    assert printed == (
        "HAProxy cannot start with its new file and goes on with the old one:\n"
        "[ALERT] cannot bind socket [0.0.0.0:5003]\n"
    )


def test_a_reload_that_systemd_refuses_is_not_waited_for(tmp_path: Path) -> None:
    assert reload(tmp_path, failing="reload")[0] == 1


def test_a_unit_between_two_attempts_to_start_is_restarted(tmp_path: Path) -> None:
    assert reload(tmp_path, active=False) == (0, "", "restart haproxy\n")


@pytest.mark.parametrize("setting", ["StartLimitIntervalSec=0", "RestartSec=1s"])
def test_systemd_never_gives_up_on_haproxy(setting: str) -> None:
    (drop_in, _) = component().files
    assert setting in drop_in.content.splitlines()
