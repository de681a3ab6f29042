"""The archive of a diagnosis: private, whole, and refused where it cannot be written."""

from __future__ import annotations

import subprocess
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster.components.all import components_on
from cluster.components.findings.component import BUNDLE, DECLARATION
from cluster.errors import ConfigError
from cluster.screens.evidence import evidence_of
from operations.live.doctor import FILE_BYTES, written
from tests.golden.examples import EXAMPLES, SECRETS, example

AT = datetime(2026, 11, 27, 17, 20, tzinfo=UTC)


def test_only_its_owner_may_read_the_archive(tmp_path: Path) -> None:
    archive = written(tmp_path / "new" / "place", "main", AT, {"check.txt": "ä", "hosts/pg1/kernel.txt": "b\n"})
    assert archive.name == "main-20261127T172000Z.tar.gz"
    assert (archive.stat().st_mode & 0o777, archive.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["main-20261127T172000Z/check.txt", "main-20261127T172000Z/hosts/pg1/kernel.txt"]
        assert tar.extractfile(tar.getmembers()[0]).read().decode() == "ä"  # type: ignore[union-attr]


def test_a_file_that_is_too_long_keeps_its_end(tmp_path: Path) -> None:
    archive = written(tmp_path, "main", AT, {"logs-all.txt": "old" + "x" * FILE_BYTES + "new"})
    with tarfile.open(archive) as tar:
        (member,) = tar.getmembers()
        assert member.size == FILE_BYTES
        assert tar.extractfile(member).read().endswith(b"new")  # type: ignore[union-attr]


def test_a_place_that_cannot_be_written_is_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written: .*\nHINT: --data to=DIRECTORY"):
        written(tmp_path / "file", "main", AT, {})
    written(tmp_path, "main", AT, {"a": "b"})
    with pytest.raises(ConfigError, match="File exists"):
        written(tmp_path, "main", AT, {"a": "c"})


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_command_is_one_for_the_shell_and_shows_no_private_key(name: str) -> None:
    cluster = example(name)
    for node in cluster:
        components = [one.files(cluster, node, SECRETS) for one in components_on(cluster, node)]
        for file, command in evidence_of(cluster, node, components).items():
            done = subprocess.run(["sh", "-n"], input=command, capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, ""), file
            shown = command.partition("for f in ")[2].partition("; do")[0].split() if file == "configurations" else []
            assert [path for path in shown if path.endswith((".key", ".crt"))] == []
            assert not any(str(value) in command for value in SECRETS.values())


def test_configurations_are_shown_and_what_all_hosts_have_alike_is_not() -> None:
    cluster = example("monitored")
    node = cluster.members[0]
    components = [one.files(cluster, node, SECRETS) for one in components_on(cluster, node)]
    shown = evidence_of(cluster, node, components)["configurations"]
    assert "/etc/haproxy/haproxy.cfg" in shown and DECLARATION in shown
    assert BUNDLE not in shown
