"""What a member says when a whole cluster is stopped or started; its files' words are tried with a shell."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.member_shutdown import ClustersNamed, MemberPower

CONTROL = """\
Database system identifier:           7710759073418888346
Database cluster state:               shut down in recovery
Latest checkpoint location:           0/7000028
Latest checkpoint's REDO location:    0/7000028
Latest checkpoint's TimeLineID:       1
Minimum recovery ending location:     0/70000A0
Min recovery ending loc's timeline:   2
"""
DOWN = {
    "unit": "ActiveState=inactive\nUnitFileState=enabled",
    "held": ("", 1),
    "restoring": ("ls: cannot access", 2),
    "data": "there",
    "runs": ("", 1),
    "sql": ("psql: error: connection refused", 2),
    "control": CONTROL,
    "turns": "00000002.history\n1:0/3000060",
    "wal": (
        "pg_waldump: error: error in WAL record at 0/7000028: invalid record length at 0/70000A8: "
        "expected at least 24, got 0",
        1,
    ),
}


def seen(**other: Any) -> Any:
    lines = []
    for name, value in {**DOWN, **other}.items():
        text, code = value if isinstance(value, tuple) else (value, 0)
        lines.append(f"{name}|{code}|{base64.b64encode(text.encode()).decode()}")
    return MemberPower().process(lines)


def test_a_member_that_is_down_says_how_far_its_wal_goes() -> None:
    said = seen()
    assert (said["patroni"], said["server"], said["held"], said["restoring"]) == ("inactive", False, False, False)
    assert said["in_recovery"] is None
    assert said["control"] == {
        "identifier": "7710759073418888346",
        "state": "shut down in recovery",
        "timeline": 2,
        "checkpoint": 0x7000028,
        "recovered": 0x70000A0,
    }
    assert said["end"] == 0x70000A8 and said["turns"] == {1: 0x3000060}


def test_a_standby_that_runs_and_is_suspended() -> None:
    answer = json.dumps({"in_recovery": True, "received": 5, "replayed": 4})
    said = seen(held="", runs="", sql=answer, wal="")
    assert (said["held"], said["server"], said["in_recovery"]) == (True, True, True)
    assert (said["received"], said["replayed"], said["end"]) == (5, 4, 0)


def test_what_cannot_be_read_is_not_empty() -> None:
    said = seen(control=("could not open file", 1), data=("ls: cannot open directory", 1))
    assert (said["control"], said["data"]) == (None, "unreadable")
    with pytest.raises(FactProcessError):
        MemberPower().process([])


def test_the_names_of_a_host_s_clusters_are_read_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "etcd").write_text("# ours\nETCD_NAME=h1\nETCD_DATA_DIR=/var/lib/etcd/orders\n")
    (tmp_path / "patroni").write_text("scope: 'main'\nname: h1\n")
    command = ClustersNamed().command(etcd_above="/var/lib/etcd")
    for path, name in (("/etc/default/etcd", "etcd"), ("/etc/patroni/config.yml", "patroni")):
        command = command.replace(path, str(tmp_path / name))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert ClustersNamed().process(done.stdout.splitlines()) == ["main", "orders"]
    absent = subprocess.run(["sh", "-c", command.replace(str(tmp_path), "/nowhere")], capture_output=True, text=True)
    assert (absent.returncode, absent.stdout) == (0, "")
