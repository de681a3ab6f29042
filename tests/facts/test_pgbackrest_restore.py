"""What a member says of a restore."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.pgbackrest_restore import RestoreState
from tests.world.answers import lines

QUIET = {
    "order": "",
    "result": "",
    "begun": ("", 2),
    "unit": "inactive",
    "patroni": "active",
    "error": ("", 1),
    "far": "",
    "room": "812",
    "spaces": "",
    "now": "1795262400",
}


def seen(**other: Any) -> Any:
    return RestoreState().process(lines({**QUIET, **other}))


def test_a_member_without_a_restore() -> None:
    assert seen() == {
        "order": None,
        "begun": False,
        "result": None,
        "running": False,
        "failed": False,
        "error": "",
        "progress": "",
        "patroni": "active",
        "now": 1795262400,
        "room_mib": 812,
        "tablespaces": [],
    }


def test_a_restore_under_way() -> None:
    order = json.dumps({"kind": "latest"})
    now = seen(order=order, begun="x", unit="active", patroni="inactive", far="recovers 000000010000000000000007")
    assert (now["order"], now["begun"], now["running"]) == ({"kind": "latest"}, True, True)
    assert (now["progress"], now["patroni"]) == ("recovers 000000010000000000000007", "inactive")


def test_where_its_data_lie_besides() -> None:
    assert seen(spaces="/srv/b\n/srv/a")["tablespaces"] == ["/srv/a", "/srv/b"]


def test_one_that_failed_says_why() -> None:
    failed = seen(unit="failed", error="ERROR: FATAL:  recovery ended before configured recovery target was reached")
    assert failed["failed"] and failed["error"].startswith("FATAL:  recovery ended before")
    assert seen(unit="inactive", error="ERROR: of an older one")["error"] == ""


def test_one_that_is_complete_says_where_it_ended() -> None:
    assert seen(result="4|0/9014D98|2026-11-21 18:33:29+00")["result"] == {
        "timeline": 4,
        "lsn": "0/9014D98",
        "time": "2026-11-21 18:33:29+00",
    }


def test_half_an_answer_is_none() -> None:
    with pytest.raises(FactProcessError):
        seen(result="4|0/9014D98")
    with pytest.raises(FactProcessError):
        RestoreState().process(["order|0|"])
