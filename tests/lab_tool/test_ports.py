"""The lab keeps its ports from the kernel, and takes nothing away that somebody else has reserved."""

from pathlib import Path

from tests.lab.ports import lab_ranges, reserve_ports
from tests.lab.spec import Lab


def test_every_high_port_of_every_lab_is_in_a_range() -> None:
    ranges = [tuple(map(int, one.split("-"))) for one in lab_ranges()]
    high = [
        port
        for index in (0, 7, 19)
        for name in ("pg1", "pg2", "pg3", "haproxy1", "haproxy2")
        for port in Lab("any", index).host(name).published_ports.values()
        if port >= 32768
    ]
    assert high
    assert [port for port in high if not any(first <= port <= last for first, last in ranges)] == []


def test_what_is_reserved_already_stays(tmp_path: Path) -> None:
    reserved = tmp_path / "reserved"
    reserved.write_text("8080,9148\n")
    reserve_ports(reserved)
    once = reserved.read_text()
    assert once.startswith("8080,9148,")
    reserve_ports(reserved)
    assert reserved.read_text() == once


def test_without_such_a_kernel_nothing_is_done(tmp_path: Path) -> None:
    reserve_ports(tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
