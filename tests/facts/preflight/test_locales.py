"""The question for locales and time zones, asked of this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from facts.preflight.host import HostPicture


def asked(tmp_path: Path, *names: str, zones: tuple[str, ...] = ()) -> dict[str, object]:
    fact = HostPicture()
    command = fact.command(str(tmp_path / "none"), locales=names, zones=zones)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = fact.process(done.stdout.splitlines())["locales"]
    assert isinstance(seen, dict)
    return seen


def test_a_locale_is_there_under_each_of_its_names_or_not_there(tmp_path: Path) -> None:
    seen = asked(tmp_path, "C.UTF-8", "C.utf8", "xx_YY.UTF-8")
    assert seen["encodings"] == {"C.UTF-8": "UTF-8", "C.utf8": "UTF-8", "xx_YY.UTF-8": ""}
    assert str(seen["glibc"])[0].isdigit()


def test_a_time_zone_is_found_in_any_case(tmp_path: Path) -> None:
    if not Path("/usr/share/zoneinfo/Europe").exists():
        assert asked(tmp_path, "C.UTF-8", zones=("Europe/Berlin",))["zones"] == {}
    else:
        seen = asked(tmp_path, zones=("europe/berlin", "Mars/Olympus", "Europe"))
        assert seen["zones"] == {"europe/berlin": True, "Mars/Olympus": False, "Europe": False}


def test_who_is_not_asked_says_nothing(tmp_path: Path) -> None:
    fact = HostPicture()
    done = subprocess.run(["bash", "-c", fact.command()], capture_output=True, text=True, timeout=120)
    assert "locales" not in fact.process(done.stdout.splitlines())
