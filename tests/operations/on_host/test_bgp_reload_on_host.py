"""The program that loads FRR's configuration, run with an FRR of paper: what it takes over, and what nobody sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "cluster" / "components" / "on_host" / "bgp_reload.sh"
RUNNING = """hostname pg1
no ip forwarding
no ipv6 forwarding
router bgp 65001
 neighbor 10.0.0.1 remote-as 65000
 neighbor 10.0.0.1 password former-one
 neighbor 10.0.0.10 remote-as 65000
 neighbor 10.0.0.10 password former-one
"""
NEW = """router bgp 65001
 neighbor 10.0.0.1 remote-as 65000
 neighbor 10.0.0.1 password brand-new
"""
VTYSH = """#!/bin/sh
case "$1" in
  -c) cat {place}/running ;;
  -f) cat "$2" > {place}/told; stat -c %a "$2" > {place}/mode; exit ${{REFUSES:-0}} ;;
esac
"""
LOADER = """#!/bin/sh
echo "$*" > {place}/words
for file; do :; done
cat "$file" > {place}/loaded; stat -c %a "$file" >> {place}/mode
echo "mgmtd: done"
[ -z "$FAILS" ] || {{ echo "line 3:  neighbor 10.0.0.1 password brand-new"; echo "line 4: % Unknown command"; exit 1; }}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A host with FRR's programs, what runs, and a new configuration."""
    for name, text in (("vtysh", VTYSH), ("frr-reload.py", LOADER)):
        (tmp_path / name).write_text(text.format(place=tmp_path))
        (tmp_path / name).chmod(0o755)
    (tmp_path / "running").write_text(RUNNING)
    (tmp_path / "frr.conf").write_text(NEW)
    own = {"/etc/frr/": f"{tmp_path}/", "/run/frr/": f"{tmp_path}/", "/usr/lib/frr/": f"{tmp_path}/"}
    text = PROGRAM.read_text()
    for path, other in own.items():
        assert path in text
        text = text.replace(path, other)
    (tmp_path / "program").write_text(text)
    return tmp_path


def run(place: Path, **said: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{place}:/usr/bin:/bin", "FAILS": "", **said}
    return subprocess.run(["sh", place / "program"], env=environment, capture_output=True, text=True, check=False)


def test_what_the_host_is_stays_and_the_file_is_loaded(place: Path) -> None:
    done = run(place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (place / "loaded").read_text() == NEW + "hostname pg1\nno ip forwarding\nno ipv6 forwarding\n"


def test_a_host_that_forwards_goes_on_with_that(place: Path) -> None:
    (place / "running").write_text(RUNNING.replace("no ip forwarding\n", ""))
    run(place)
    assert (place / "loaded").read_text() == NEW + "hostname pg1\nno ipv6 forwarding\n"


def test_passwords_go_by_a_file_for_root_alone_and_those_of_others_are_taken_away(place: Path) -> None:
    run(place)
    wanted = "router bgp 65001\n neighbor 10.0.0.1 password brand-new\n no neighbor 10.0.0.10 password\n"
    assert (place / "told").read_text() == wanted
    assert (place / "mode").read_text().split() == ["600", "600"]
    assert "brand-new" not in (place / "words").read_text() and not list(place.glob("reload.*"))


def test_nothing_is_loaded_when_frr_does_not_take_the_passwords(place: Path) -> None:
    done = run(place, REFUSES="1")
    assert done.returncode == 1 and "does not take the passwords" in done.stderr
    assert not (place / "loaded").exists() and not list(place.glob("reload.*"))


def test_a_load_that_fails_says_why_and_no_password(place: Path) -> None:
    done = run(place, FAILS="yes")
    assert done.returncode == 1 and done.stderr.endswith("line 4: % Unknown command\n")
    assert "brand-new" not in done.stderr and not list(place.glob("reload.*"))


def test_an_frr_that_is_down_is_no_success(place: Path) -> None:
    (place / "running").unlink()
    assert run(place).returncode != 0 and not (place / "loaded").exists()
