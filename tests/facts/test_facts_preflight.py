"""What a host says before anything is done to it: recorded on Debian 13, and asked of this machine itself."""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

import facts.preflight
from facts.preflight import HostPicture
from facts.preflight_ports import PeerPorts

CASES = Path(__file__).parent
RECORDED_AT = 1795264557.0
IDENTIFIER = 7710600375602820305

# The script itself is tried below; a copy of it in each recorded case would only be in the way.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")


@pytest.fixture(autouse=True)
def clock_of_the_recording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.cls is not None:
        monkeypatch.setattr(facts.preflight, "control_time", lambda: RECORDED_AT)


TestHostPicture = make_fact_tests("facts", "preflight.HostPicture", CASES / "preflight.HostPicture")
TestPeerPorts = make_fact_tests("facts", "preflight_ports.PeerPorts", CASES / "preflight_ports.PeerPorts")


def sh(command: str) -> list[str]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def data_of(directory: Path) -> dict[str, object]:
    fact = HostPicture()
    seen = fact.process(sh(fact.command(str(directory), str(directory / "etcd"))))
    assert isinstance(seen["data"], dict)
    return seen["data"]


def test_an_incomplete_picture_is_refused() -> None:
    with pytest.raises(FactProcessError, match="the picture of the host is incomplete"):
        HostPicture().process(["clock|1795264557.1", "architecture|x86_64"])


def test_the_script_works_here() -> None:
    fact = HostPicture()
    seen = fact.process(sh(fact.command("/var/lib/no such/main", "/nonexistent/etcd")))
    assert seen["architecture"] == os.uname().machine
    assert abs(seen["clock"]["offset_seconds"]) <= seen["clock"]["uncertainty_seconds"] + 0.01
    assert seen["data"]["state"] == "absent"
    assert not seen["etcd_data"]
    assert set(seen["rooms"]) == {"/var/lib/no such/main", "/nonexistent/etcd"}


def test_without_directories_the_script_works_too() -> None:
    fact = HostPicture()
    seen = fact.process(sh(fact.command()))
    assert (seen["rooms"], seen["data"]) == ({}, None)


@pytest.mark.parametrize("without_ss", [False, True])
def test_a_listening_socket_is_seen_with_and_without_iproute2(without_ss: bool) -> None:
    fact = HostPicture()
    command = fact.command().replace("command -v ss", "false") if without_ss else fact.command()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        seen = [one for one in fact.process(sh(command))["listening"] if one["port"] == port]
    assert [one["address"] for one in seen] == ["127.0.0.1"]
    assert not without_ss or seen[0]["unit"] is None


def test_kernel_addresses_of_both_families() -> None:
    lines = ["clock|1.0", "architecture|x86_64", "kernel|0B00520A:1538", "clock|1.0"]
    lines.insert(2, "kernel|000082FD000000000000000012000000:1F48")
    listening = HostPicture().process(lines)["listening"]
    assert [(one["address"], one["port"]) for one in listening] == [("10.82.0.11", 5432), ("fd82::12", 8008)]


def test_the_time_that_the_hosts_answer_waits_is_doubt_not_skew(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1000.0, 1009.0])
    monkeypatch.setattr(facts.preflight, "control_time", lambda: next(times))
    fact = HostPicture()
    fact.command()
    # The script ran from 1000.2 to 1000.3 on a host whose clock is right; its answer was read 8.7 seconds later.
    clock = fact.process(["clock|1000.2", "architecture|x86_64", "clock|1000.3"])["clock"]
    assert clock == {"offset_seconds": -4.25, "uncertainty_seconds": 4.45}


def test_data_directories(tmp_path: Path) -> None:
    assert data_of(tmp_path / "none")["state"] == "absent"
    (tmp_path / "empty").mkdir()
    assert data_of(tmp_path / "empty")["state"] == "empty"
    (tmp_path / "file").touch()
    assert data_of(tmp_path / "file")["state"] == "no directory"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a b").touch()
    assert data_of(tmp_path / "full") == {
        "state": "files",
        "version": None,
        "identifier": None,
        "path": str(tmp_path / "full"),
        "detail": "a b",
    }


def test_a_data_directory_of_postgresql_behind_a_link(tmp_path: Path) -> None:
    data = tmp_path / "real"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    (data / "global" / "pg_control").write_bytes(IDENTIFIER.to_bytes(8, "little") + bytes(8184))
    (tmp_path / "link").symlink_to(data)
    seen = data_of(tmp_path / "link")
    assert (seen["version"], seen["identifier"], seen["path"]) == ("17", str(IDENTIFIER), str(data))


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody who may not read")
def test_unreadable_is_not_empty() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as closed:  # of mode 700
        command = HostPicture().command(f"{closed}/main").rpartition("\nd=")[2]
        done = subprocess.run(["sh", "-c", f"d={command}"], capture_output=True, text=True, user=65534, group=65534)
    assert done.stdout.startswith("data|unreadable||||"), done.stderr
    assert "Permission denied" in done.stdout


def test_ports_that_are_open_and_refused_are_told_apart_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as other:
            free = other.getsockname()[1]
        started = time.monotonic()
        answers = PeerPorts().process(sh(PeerPorts().command([("127.0.0.1", port), ("127.0.0.1", free)])))
    assert {one["port"]: one["answer"] for one in answers} == {port: "open", free: "refused"}
    assert time.monotonic() - started < 2


def test_no_peers_no_answers() -> None:
    assert PeerPorts.default() == []
