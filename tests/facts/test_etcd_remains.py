"""What hosts say of etcd's snapshots, and of a lost etcd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.etcd_recovery import EtcdRecovery
from facts.etcd_snapshots import EtcdSnapshots
from tests.world.answers import lines

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


def remains(**other: Any) -> Any:
    return EtcdRecovery().process(lines({**QUIET, **other}))


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
        EtcdRecovery().process(lines(QUIET)[:-1])


def test_the_commands_are_whole_scripts() -> None:
    places = {"data": "/var/lib/etcd/main", "prefix": "/service/main/", "snapshots": PLACE, "notes": "/n"}
    text = EtcdRecovery().command(**places)
    assert json.dumps("{") not in text and "/n/order.json" in text and "{data}" not in text
