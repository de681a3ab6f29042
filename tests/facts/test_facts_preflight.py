"""What a host says before anything is done to it: recorded on Debian 13, and asked of this machine itself."""

import os
import socket
import struct
import subprocess
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

import facts.preflight.host
from cluster.secrets.secrets import NAMES
from facts.preflight.host import HostPicture
from facts.preflight.ports import PeerPorts

CASES = Path(__file__).parent
RECORDED_AT = 1795264557.0
IDENTIFIER = 7710600375602820305

# The script itself is tried below; a copy of it in each recorded case would only be in the way.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")


@pytest.fixture(autouse=True)
def clock_of_the_recording(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.cls is not None:
        monkeypatch.setattr(facts.preflight.host, "control_time", lambda: RECORDED_AT)


TestHostPicture = make_fact_tests("facts", "preflight.host.HostPicture", CASES / "preflight.host.HostPicture")
TestPeerPorts = make_fact_tests("facts", "preflight.ports.PeerPorts", CASES / "preflight.ports.PeerPorts")


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
    monkeypatch.setattr(facts.preflight.host, "control_time", lambda: next(times))
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
        "timeline": 0,
        "end": 0,
        "turns": {},
    }


def test_a_data_directory_of_postgresql_behind_a_link(tmp_path: Path) -> None:
    data = tmp_path / "real"
    (data / "global").mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    # As PostgreSQL 13 to 17 have it: identifier, two versions, state, time, last checkpoint, its redo and timeline.
    control = struct.pack("<QIIIxxxxQQQI", IDENTIFIER, 1700, 202406281, 6, 1, 0x7000028, 0x7000000, 3)
    (data / "global" / "pg_control").write_bytes(control.ljust(8192, b"\0"))
    (tmp_path / "link").symlink_to(data)
    seen = data_of(tmp_path / "link")
    assert (seen["version"], seen["identifier"], seen["path"]) == ("17", str(IDENTIFIER), str(data))
    assert (seen["timeline"], seen["end"], seen["turns"]) == (3, 0x7000028, {})
    wal = data / "pg_wal"
    wal.mkdir()
    (wal / "00000002.history").write_text("1\t0/3000000\tno recovery target specified\n")
    (wal / "00000004.history").write_text("# a remark\n1\t0/3000000\tx\n\n2\t1/5000060\tbefore 2026-11-21 14:30\n")
    (wal / "000000040000000000000009").touch()
    seen = data_of(tmp_path / "link")
    assert (seen["timeline"], seen["end"]) == (4, 0x7000028)
    assert seen["turns"] == {1: 0x3000000, 2: 0x105000060}


def test_what_a_killed_initdb_began_is_told_from_files(tmp_path: Path) -> None:
    """It makes its directories before its first file."""
    data = tmp_path / "main"
    for name in ("global", "pg_commit_ts", "pg_wal/archive_status", "base"):
        (data / name).mkdir(parents=True)
    assert data_of(data)["state"] == "begun"
    (data / "pg_wal" / "000000010000000000000001").touch()
    assert data_of(data)["state"] == "files"
    (data / "pg_wal" / "000000010000000000000001").unlink()
    (data / "mine").mkdir()
    assert data_of(data)["state"] == "files"


def test_unreadable_is_not_empty() -> None:
    other = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}  # root may read everything
    with tempfile.TemporaryDirectory(dir="/tmp") as closed:
        command = HostPicture().command(f"{closed}/main").rpartition("\nd=")[2]
        os.chmod(closed, 0)
        done = subprocess.run(["sh", "-c", f"d={command}"], capture_output=True, text=True, **other)
        os.chmod(closed, 0o700)
    assert done.stdout.startswith("data|unreadable||||"), done.stderr
    assert "Permission denied" in done.stdout


def test_ports_that_are_open_and_refused_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.socket() as other:  # it has the port, so that nobody else gets it, and does not listen
            other.bind(("127.0.0.1", 0))
            free = other.getsockname()[1]
            answers = PeerPorts().process(sh(PeerPorts().command([("127.0.0.1", port), ("127.0.0.1", free)])))
    assert {one["port"]: one["answer"] for one in answers} == {port: "open", free: "refused"}


def test_no_peers_no_answers() -> None:
    assert PeerPorts.default() == []


# --- what a host has of a cluster's secrets

NONCE = "5f0c"
GOLDEN = CASES.parent / "golden"


def held_of(*hosts: str, directory: str | None = None) -> dict[str, Any]:
    """What a host says whose /etc is that of some rendered hosts together."""
    fact = HostPicture()
    secrets = {
        "nonce": NONCE,
        "roles": ["postgres"],
        "port": 1,
        "authorities": ["/nowhere", "/etc/hostname", "/etc/hosts"],
    }
    command = fact.command(backup_directory=directory, stanza_name="main", secrets=secrets)
    for one in hosts:
        command = command.replace(f"/etc/{Path(one).name}", str(GOLDEN / one))
    seen = fact.process(sh(command))
    return {"held": seen["held"], "stanza": seen["stanza"]}


def of(name: str) -> list[str]:
    return [sha256(f"{NONCE}fake-{name.lower()}".encode()).hexdigest()]


def test_every_secret_of_a_host_is_found_and_none_is_told() -> None:
    member, backup = "three_hosts/pg1.example.net/etc", "two_repositories/orders-backup1.example.net/etc"
    monitor = "monitored/mon1.example.net/etc/pyinfra-patroni-monitoring"
    seen = held_of(f"{member}/patroni", f"{member}/haproxy", f"{backup}/pgbackrest", monitor)["held"]
    assert seen["digests"] == {name: of(name) for name in (*NAMES[:3], "PATRONI_RESTAPI_PASSWORD", *NAMES[5:])}
    assert seen["authority"] == sha256(Path("/etc/hostname").read_bytes()).hexdigest()
    assert "fake-" not in str(seen)


def test_a_host_without_any_secret() -> None:
    command = HostPicture().command(secrets={"nonce": NONCE, "roles": [], "port": 1, "authorities": ["/nowhere"]})
    seen = HostPicture().process(sh(command.replace("/etc/", "/nowhere/")))
    assert seen["held"] == {"digests": {}, "roles": {}, "authority": None, "measuring": None}


def test_the_roles_verifiers_come_as_digests() -> None:
    lines = ["clock|1.0", "architecture|x86_64", "role|postgres|4096:c2FsdA==|d1", "role|admin|2:eA==|d2", "clock|1.0"]
    assert HostPicture().process(lines)["held"]["roles"] == {
        "postgres": {"salt": "4096:c2FsdA==", "verifier_sha256": "d1"},
        "admin": {"salt": "2:eA==", "verifier_sha256": "d2"},
    }


def test_a_repository_that_has_a_stanza_already(tmp_path: Path) -> None:
    assert held_of(directory=str(tmp_path))["stanza"] is None
    for path in ("archive/main", "backup/main/20261121-010002F", "backup/main/latest", "archive/other"):
        (tmp_path / path).mkdir(parents=True)
    assert held_of(directory=str(tmp_path))["stanza"] is None
    head = bytes(range(100))
    (tmp_path / "archive/main/archive.info.copy").write_bytes(head)
    seen = held_of(directory=str(tmp_path))["stanza"]
    assert seen == {"head": b64encode(head[:64]).decode(), "backups": ["20261121-010002F"]}
