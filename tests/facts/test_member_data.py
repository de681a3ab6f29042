"""What a member says when a whole cluster is stopped or started; its files' words are tried with a shell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.member_data import ClustersNamed, MemberData
from tests.world.answers import lines

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
        "2 0/70000A0\npg_waldump: error: error in WAL record at 0/7000028: invalid record length at 0/70000A8: "
        "expected at least 24, got 0"
    ),
}


def seen(**other: Any) -> Any:
    return MemberData().process(lines({**DOWN, **other}))


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
    assert (said["timeline"], said["end"], said["whole"]) == (2, 0x70000A8, True)
    assert said["turns"] == {1: 0x3000060}


def test_a_standby_that_runs_and_is_suspended() -> None:
    answer = json.dumps({"in_recovery": True, "received": 5, "replayed": 4, "replayed_at": "2026-11-21 14:30:07+00"})
    said = seen(held="", runs="", sql=answer, wal="")
    assert (said["held"], said["server"], said["in_recovery"]) == (True, True, True)
    assert (said["received"], said["replayed"], said["end"], said["written"]) == (5, 4, 0, None)
    assert said["replayed_at"] == "2026-11-21 14:30:07+00"


def test_a_primary_that_warns_before_it_answers() -> None:
    said = seen(runs="", sql='WARNING:  collation\n{"in_recovery": false, "written": 9, "replayed_at": null}', wal="")
    assert (said["in_recovery"], said["written"], said["replayed_at"]) == (False, 9, "")


@pytest.mark.parametrize(
    ("text", "end", "whole"),
    [
        (
            "rmgr: XLOG  len (rec/tot): 114/114, tx: 0, lsn: 0/03000108, prev 0/030000D0, desc: CHECKPOINT_SHUTDOWN\n"
            "pg_waldump: error: error in WAL record at 0/3000108: invalid record length at 0/3000180: expected at "
            "least 24, got 0",
            0x3000180,
            True,
        ),
        ("pg_waldump: error: could not find a valid record after 0/3000180", 0x3000180, True),
        (
            "rmgr: Heap  len (rec/tot): 54/54, tx: 9, lsn: 1/03000108, prev 0/030000D0, desc: INSERT\n"
            'pg_waldump: error: could not find file "000000030000000100000004": No such file or directory',
            (1 << 32) + 0x3000108,
            False,
        ),
        ('pg_waldump: error: could not find file "000000040000000000000003": No such file', 0x3000100, False),
        (
            "rmgr: Heap  len (rec/tot): 54/54, tx: 9, lsn: 1/03000108, prev 0/030000D0, desc: INSERT",
            (1 << 32) + 0x3000108,
            False,
        ),
        ("", 0x3000100, False),
    ],
    ids=["invalid record", "nothing behind", "a segment's end", "no segment", "out of time", "silence"],
)
def test_the_wal_ends_behind_its_last_whole_record(text: str, end: int, whole: bool) -> None:
    said = seen(wal=f"4 0/3000100\n{text}")
    assert (said["timeline"], said["end"], said["whole"]) == (4, end, whole)


def test_what_cannot_be_read_is_not_empty() -> None:
    said = seen(control=("could not open file", 1), data=("ls: cannot open directory", 1))
    assert (said["control"], said["data"]) == (None, "unreadable")
    with pytest.raises(FactProcessError):
        MemberData().process([])


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
