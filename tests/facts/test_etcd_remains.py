"""What hosts say of etcd's snapshots, of a lost etcd, and of how far a member's data go."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.etcd_recovery import EtcdRemains
from facts.etcd_snapshots import EtcdSnapshots
from facts.postgres_wal import PostgresWal

PLACE = "/var/lib/pyinfra-patroni/etcd-snapshots"
QUIET = {
    "active": "no",
    "quorum": ("", 1),
    "data": ("", 1),
    "kept": "",
    "snapshots": "",
    "order": "",
    "now": "1795262400",
}
CONTROL = """\
Database system identifier:           7710641775443985334
Database cluster state:               shut down in recovery
Latest checkpoint's TimeLineID:       3
"""
DOWN = {"control": CONTROL, "running": ("no server running", 3), "turns": "", "patroni": "inactive", "wal": ""}


def lines(values: dict[str, Any]) -> list[str]:
    found = {name: value if isinstance(value, tuple) else (value, 0) for name, value in values.items()}
    return [f"{name}|{code}|{base64.b64encode(text.encode()).decode()}" for name, (text, code) in found.items()]


def remains(**other: Any) -> Any:
    return EtcdRemains().process(lines({**QUIET, **other}))


def wal(text: str, **other: Any) -> Any:
    return PostgresWal().process(lines({**DOWN, "wal": text, **other}))


def test_the_newest_snapshot_is_the_one_with_the_latest_time() -> None:
    names = ["20261121T224621Z-52.db", "20261121T231621Z-49.db", "mine.db"]
    seen = EtcdSnapshots().process(["1795303581", *(f"{PLACE}/{name}" for name in names)])
    newest = {"path": f"{PLACE}/20261121T231621Z-49.db", "at": 1795302981, "revision": 49}
    assert seen == {"newest": newest, "count": 2, "now": 1795303581}


def test_a_host_without_snapshots_says_so() -> None:
    assert EtcdSnapshots().process(["1795303581"]) == {"newest": None, "count": 0, "now": 1795303581}


def test_a_host_on_which_nothing_is_left() -> None:
    nothing = {"active": False, "quorum": False, "data": False, "kept": [], "snapshots": [], "damaged": []}
    assert remains() == {**nothing, "order": None, "now": 1795262400}


def test_data_that_cannot_be_read_are_no_source_and_damaged_snapshots_are_named() -> None:
    sound, damaged = f"{PLACE}/20261121T224621Z-52.db", f"{PLACE}/20261121T221621Z-40.db"
    kept = "/var/lib/etcd/main/member/snap/db|1795260000|\n/var/lib/etcd/main.before-x/member/snap/db|1795250000|48"
    seen = remains(active="yes", data="", kept=kept, snapshots=f"{sound}\ndamaged {damaged}", order='{"token": "x"}')
    assert [one["revision"] for one in seen["kept"]] == [48]
    assert [one["revision"] for one in seen["snapshots"]] == [52] and seen["damaged"] == [damaged]
    assert seen["active"] and seen["data"] and not seen["quorum"] and seen["order"] == {"token": "x"}


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    with pytest.raises(FactProcessError):
        EtcdRemains().process(lines(QUIET)[:-1])


@pytest.mark.parametrize(
    ("said", "end"),
    [
        (
            "rmgr: XLOG  len (rec/tot): 114/114, tx: 0, lsn: 0/03000108, prev 0/030000D0, desc: CHECKPOINT_SHUTDOWN\n"
            "pg_waldump: error: error in WAL record at 0/3000108: invalid record length at 0/3000180: expected at "
            "least 24, got 0",
            0x3000180,
        ),
        ("pg_waldump: error: could not find a valid record after 0/3000180", 0x3000180),
        (
            "rmgr: Heap  len (rec/tot): 54/54, tx: 9, lsn: 1/03000108, prev 0/030000D0, desc: INSERT\n"
            'pg_waldump: error: could not find file "000000030000000100000004": No such file or directory',
            (1 << 32) + 0x3000108,
        ),
        ("", 0x3000100),
    ],
)
def test_the_wal_ends_behind_its_last_whole_record(said: str, end: int) -> None:
    seen = wal(f"4 0/3000100\n{said}")
    assert (seen["timeline"], seen["end"], seen["running"], seen["primary"]) == (4, end, False, False)


def test_of_a_postgres_that_runs_the_end_is_not_asked() -> None:
    control = CONTROL.replace("shut down in recovery", "in production")
    seen = wal("", control=control, running="", patroni="active")
    assert seen == {
        "running": True,
        "patroni": "active",
        "primary": True,
        "identifier": "7710641775443985334",
        "timeline": 3,
        "end": 0,
        "turns": {},
    }


def test_a_host_without_patroni_has_no_data_of_ours() -> None:
    seen = PostgresWal().process(["sql|1|", "control|1|", "running|1|", "turns|1|", "patroni|1|", "wal|1|"])
    assert seen["identifier"] is None and not seen["running"]


def test_the_commands_are_whole_scripts() -> None:
    places = {"data": "/var/lib/etcd/main", "prefix": "/service/main/", "snapshots": PLACE, "notes": "/n"}
    text = EtcdRemains().command(**places)
    assert json.dumps("{") not in text and "/n/order.json" in text and "{data}" not in text
    assert "$" in PostgresWal().command() and "{{" not in PostgresWal().command()
