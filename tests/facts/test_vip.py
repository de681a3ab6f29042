"""Which virtual addresses a host has, and what keepalived's checks say there."""

from __future__ import annotations

import socket
import subprocess

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.keepalived import KeepalivedChecks
from facts.preflight.host import HostPicture
from facts.vip import ServedAddresses, VirtualAddresses


def sh(command: str) -> list[str]:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_script_works_here() -> None:
    fact = VirtualAddresses()
    assert fact.process(sh(fact.command(["127.0.0.1", "192.0.2.77"]))) == {"127.0.0.1": "lo"}


def test_only_what_was_asked_for_is_said() -> None:
    lines = ["wanted|10.0.0.100", "wanted|fd00::100", "there|lo|127.0.0.1/8", "there|eth0|10.0.0.1/24"]
    lines += ["there|eth0|10.0.0.100/32", "there|eth0|fd00:0::0100/128"]
    assert VirtualAddresses().process(lines) == {"10.0.0.100": "eth0", "fd00::100": "eth0"}


def test_an_answer_that_cannot_be_read_is_none() -> None:
    with pytest.raises(FactProcessError):
        VirtualAddresses().process(["there|eth0"])


def test_a_host_that_cannot_look_has_not_answered() -> None:
    script = VirtualAddresses().command(["10.0.0.100"]).replace("ip -o address", "false")
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 1


def test_without_the_check_nothing_is_said() -> None:
    fact = KeepalivedChecks()
    assert sh(fact.command({"write": ["primary"]}).replace("/etc/keepalived/haproxy-serves", "/nonexistent")) == []
    assert KeepalivedChecks.default() == {}


def test_each_check_says_its_own() -> None:
    fact = KeepalivedChecks()
    command = fact.command({"write": ["primary"], "read": ["replicas", "primary"]})
    # Stands in for the check: it fails where it is asked for the primary alone.
    stand_in = 'check() { [ "$*" != "/run/haproxy/admin.sock primary" ]; }\n'
    script = stand_in + command.replace("[ -x /etc/keepalived/haproxy-serves ] || exit 0", "").replace(
        "/etc/keepalived/haproxy-serves", "check"
    )
    assert fact.process(sh(script)) == {"answers": True, "write": False, "read": True}


def test_the_picture_of_a_host_knows_its_interfaces_and_whom_it_hears() -> None:
    fact = HostPicture()
    seen = fact.process(sh(fact.command(vips=["127.0.0.1", "192.0.2.254"])))["virtual"]
    assert "127.0.0.1/8" in seen["interfaces"]["lo"]["networks"]
    assert "127.0.0.1" not in seen["neighbours"]


def test_neighbours_are_those_that_answered() -> None:
    lines = ["clock|1.0", "architecture|x86_64", "interface|eth0.7|02:00:00:00:00:01", "interface|lo|", "clock|1.0"]
    lines[4:4] = [
        "network|eth0.7@eth0|10.0.0.1/24",
        "network|gone|10.9.0.1/24",
        "neighbour|10.0.0.100|02:aa:00:00:00:09",
        "nonlocal|4|0",
        "nonlocal|6|settable",
    ]
    assert HostPicture().process(lines)["virtual"] == {
        "interfaces": {
            "eth0.7": {"mac": "02:00:00:00:00:01", "networks": ["10.0.0.1/24"]},
            "lo": {"mac": "", "networks": []},
        },
        "neighbours": {"10.0.0.100": "02:aa:00:00:00:09"},
        "foreign_keepalived": False,
        "foreign_frr": False,
        "nonlocal": {"ipv4": "0", "ipv6": "settable"},
    }


def test_nobody_looks_where_no_addresses_are_declared() -> None:
    fact = HostPicture()
    assert "virtual" not in fact.process(sh(fact.command()))


def test_it_is_seen_on_which_addresses_a_service_takes_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = ServedAddresses().command(["127.0.0.1", "127.0.0.2"], port)
        assert ServedAddresses().process(sh(command)) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("place", "served"),
    [
        ("0.0.0.0:5432", ["10.0.0.100"]),
        ("[::]:5432", ["fd00::100"]),
        ("*:5432", ["10.0.0.100", "fd00::100"]),
        ("10.0.0.11:5432", []),
        ("[fd00::100]:5432", ["fd00::100"]),
    ],
)
def test_all_addresses_of_a_family_are_among_them(place: str, served: list[str]) -> None:
    lines = ["wanted|10.0.0.100", "wanted|fd00::100", f"LISTEN 0      200    {place}      0.0.0.0:*"]
    assert ServedAddresses().process(lines) == served


def test_a_service_that_listens_nowhere_is_no_mistake() -> None:
    assert ServedAddresses().process(["wanted|10.0.0.100"]) == []
