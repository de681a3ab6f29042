"""What goes over the network when an address is looked for and announced, byte by byte."""

from __future__ import annotations

import importlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ON_HOST = Path(__file__).parents[3] / "cluster" / "components" / "on_host"
MAC, OTHER = bytes.fromhex("0242ac110002"), bytes.fromhex("0242ac110003")
ADDRESS4, ADDRESS6 = "10.0.0.100", "fd00::64"


@pytest.fixture(scope="module")
def frames() -> Iterator[Any]:
    sys.path.insert(0, str(ON_HOST))
    try:
        yield importlib.import_module("vip_frames")
    finally:
        sys.path.remove(str(ON_HOST))


def test_a_probe_and_an_announcement_of_ipv4(frames: Any) -> None:
    # RFC 5227: a probe's sender is unspecified, or it would change what others have noted.
    head = "ffffffffffff" + MAC.hex() + "0806" + "0001080006040001" + MAC.hex()
    assert frames.arp_request(ADDRESS4, MAC).hex() == head + "00000000" + "000000000000" + "0a000064"
    assert frames.arp_request(ADDRESS4, MAC, ADDRESS4).hex() == head + "0a000064" + "000000000000" + "0a000064"


def test_who_has_an_address_of_ipv4(frames: Any) -> None:
    answer = MAC + OTHER + bytes.fromhex("0806" + "0001080006040002") + OTHER + bytes.fromhex("0a000064") + MAC
    answer += bytes(4)
    assert frames.arp_owner(answer, ADDRESS4, MAC) == "02:42:ac:11:00:03"
    assert frames.arp_owner(answer, "10.0.0.101", MAC) is None
    assert frames.arp_owner(frames.arp_request(ADDRESS4, OTHER), ADDRESS4, MAC) is None, "another's probe"
    assert frames.arp_owner(frames.arp_request(ADDRESS4, MAC, ADDRESS4), ADDRESS4, MAC) is None, "our own announcement"
    assert frames.arp_owner(answer[:20], ADDRESS4, MAC) is None


def test_neighbour_discovery_of_ipv6(frames: Any) -> None:
    target = "fd00" + "00" * 13 + "64"
    assert frames.solicitation(ADDRESS6, MAC).hex() == "8700000000000000" + target + "0101" + MAC.hex()
    said = frames.advertisement(ADDRESS6, OTHER)
    assert said.hex() == "8800000020000000" + target + "0201" + OTHER.hex()
    assert frames.advertised(said, ADDRESS6, MAC) == "02:42:ac:11:00:03"
    assert frames.advertised(said, ADDRESS6, OTHER) is None, "our own"
    assert frames.advertised(said, "fd00::65", MAC) is None
    assert frames.advertised(frames.solicitation(ADDRESS6, OTHER), ADDRESS6, MAC) is None


def test_an_answer_that_lies_there_is_read_however_late_it_is(frames: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr(frames, "PROBE_SECONDS", -1.0)
    with here, there:
        there.send(b"one")
        there.send(b"two")
        assert frames._received(here) == [b"one", b"two"]
        assert frames._received(here) == []
