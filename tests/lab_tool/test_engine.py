"""How the lab comes to a container engine, with commands that stand for the real ones."""

import os
import signal

import pytest

from tests.lab import engine, paths
from tests.lab.errors import LabError

ANSWERS_WHEN_STARTED = 'test -e "$0.answers" || { echo "no daemon" >&2; exit 1; }\n'
STARTS = 'echo $$ > "$0.pid"; touch "${0%dockerd}docker.answers"; exec sleep 60\n'
FAILS = "echo no cgroups here; exit 3\n"


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Put commands of the test before the real ones, and ``.lab/`` into the test's directory."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    monkeypatch.setattr(engine, "can_install", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    def write(**scripts):
        for name, script in {"iptables": "", "systemctl": "exit 1\n", **scripts}.items():
            command = tmp_path / name
            command.write_text(f"#!/bin/sh\n{script}")
            command.chmod(0o755)

    return write


def test_engine_that_answers_is_taken_as_it_is(commands):
    commands(docker="", dockerd=FAILS)
    engine.ensure_engine()


def test_daemon_is_started_and_outlives_us(commands, tmp_path):
    commands(docker=ANSWERS_WHEN_STARTED, dockerd=STARTS)
    engine.ensure_engine()
    pid = int((tmp_path / "dockerd.pid").read_text())
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGTERM)


def test_daemon_that_ends_at_once_is_not_waited_for(commands):
    commands(docker=ANSWERS_WHEN_STARTED, dockerd=FAILS)
    with pytest.raises(LabError, match="dockerd ended with 3: no cgroups here"):
        engine.ensure_engine()


def test_refuses_where_nothing_may_be_installed(commands, monkeypatch):
    commands(docker=ANSWERS_WHEN_STARTED)
    monkeypatch.setattr(engine, "can_install", lambda: False)
    with pytest.raises(LabError, match=r"no container engine answers \(.*no daemon\)\nHINT: Install and start Docker"):
        engine.ensure_engine()
