"""Whether a process of this machine is still there, whoever has its id now."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

from operations.util import own_process
from operations.util.own_process import is_gone, machine, own_id, started, who


def test_this_one_is_there_and_another_that_has_its_id_is_not() -> None:
    since = started(own_id())
    assert since.isdigit() and not is_gone(own_id(), since)
    assert is_gone(own_id(), "1")


def test_one_that_has_ended_is_gone_also_before_its_parent_has_noticed() -> None:
    with subprocess.Popen(["sleep", "600"]) as child:
        since = started(child.pid)
        assert not is_gone(child.pid, since)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
        assert is_gone(child.pid, since)
    assert is_gone(child.pid, since)


def test_a_process_of_which_nothing_is_told_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's, where /proc hides those."""
    monkeypatch.setattr(own_process, "_status", lambda pid: ("?", ""))
    assert not is_gone(own_id(), "99")


def test_a_machine_is_a_kernel_and_a_space_of_process_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    boot, _, space = machine().partition("/")
    assert len(boot) == 36 and space == os.readlink("/proc/self/ns/pid")
    monkeypatch.setattr(own_process, "PROC", own_process.Path("/absent"))
    assert machine() == ""


def test_who_is_a_user_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "root")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert who() == f"root@{socket.gethostname()}"
    monkeypatch.setenv("SUDO_USER", "alice")
    assert who() == f"alice as root@{socket.gethostname()}"
