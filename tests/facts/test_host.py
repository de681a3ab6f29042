"""Files and units of one host, from one script; tried on this machine as far as that goes without systemd."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError
from pyinfra_testing.facts import make_fact_tests

from facts.host import HostComponent

# The script is tried below; a copy of it in each recorded case would only be in the way.
pytestmark = pytest.mark.filterwarnings("ignore:No command set for test")

HERE = Path(__file__).parent

TestHostComponent = make_fact_tests("facts", "host.HostComponent", HERE / "host.HostComponent")
TestUnitJournal = make_fact_tests("facts", "host.UnitJournal", HERE / "host.UnitJournal")


def look(*paths: Path) -> dict[str, dict[str, str] | None]:
    """Run the part of the script that looks at paths on this machine, and return what is made of it."""
    command = HostComponent().command(paths=[str(path) for path in paths], units={})
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    seen: dict[str, dict[str, str] | None] = HostComponent().process(done.stdout.splitlines())["paths"]
    return seen


@pytest.mark.parametrize("name", ["plain", "with space", "it's", "$HOME", "a=b", "double  space"])
def test_files_of_any_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("content\n")
    path.chmod(0o640)
    seen = look(path)[str(path)]
    assert seen is not None
    assert (seen["kind"], seen["mode"]) == ("file", "640")
    assert seen["sha256"] == hashlib.sha256(b"content\n").hexdigest()


def test_directories_links_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    seen = look(tmp_path, tmp_path / "link", tmp_path / "absent")
    kinds = {Path(path).name: None if one is None else one["kind"] for path, one in seen.items()}
    assert kinds == {tmp_path.name: "directory", "link": "link", "absent": None}


def test_no_paths_and_no_units_is_no_question() -> None:
    assert look() == {}


def test_a_unit_without_a_state_is_refused() -> None:
    with pytest.raises(FactProcessError, match="systemctl show answered without ActiveState"):
        HostComponent().process(["unit|etcd", "LoadState=loaded"])


def test_a_stamp_is_read_for_each_unit() -> None:
    command = HostComponent().command(paths=[], units={"etcd": ["/etc/default/etcd"], "haproxy": []})
    assert "read -r loaded < /run/pyinfra-patroni/etcd\n" in command
    assert "cat /dev/null 2>/dev/null | sha256sum" in command
