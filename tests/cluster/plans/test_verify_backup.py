"""What a restore drill is asked, why none is begun, and how its proof reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.plans.verify_backup import drill_obstacle, drill_progress, drill_request, proof_lines
from tests.cluster.overview_world import AT, backed_up, drill

DRILL: Any = drill(int(AT.timestamp()))
REPOSITORY: Any = backed_up().answers["h4"]["pgbackrest"]  # type: ignore[index]
NEWEST = "20261115-010512F_20261121-010733D"


@pytest.mark.parametrize("label", [None, NEWEST, "20261115-010512F"])
def test_a_backup_that_is_there_can_be_tried(label: str | None) -> None:
    assert drill_obstacle(REPOSITORY, DRILL, label) is None


@pytest.mark.parametrize(
    ("repository", "drills", "words"),
    [
        ({"answers": False, "error": "[103]"}, {}, "the repository does not answer: [103]\nHINT: "),
        ({"backups": []}, {}, "there is no backup yet\nHINT: run deploys/backup.py first."),
        ({}, {"installed": False}, "the repository host has no restore drill yet\nHINT: run deploys/cluster.py,"),
    ],
)
def test_what_keeps_a_drill_from_beginning(repository: Any, drills: Any, words: str) -> None:
    assert (drill_obstacle({**REPOSITORY, **repository}, {**DRILL, **drills}, None) or "").startswith(words)


def test_an_unknown_label_is_answered_with_the_known_ones() -> None:
    words = f"set: x is no backup of this cluster\nHINT: there are 20261115-010512F, {NEWEST}."
    assert drill_obstacle(REPOSITORY, DRILL, "x") == words


def test_what_is_asked_can_be_read_again() -> None:
    living = {"identifier": "42", "databases": {'a"b': {"oid": 1, "bytes": 2}}}
    assert json.loads(drill_request("x", living)) == {"label": "x", "living": living}
    assert json.loads(drill_request(None, None)) == {"label": None, "living": None}


def test_how_far_it_is() -> None:
    mib = 2**20
    restoring = {**DRILL, "step": "restore", "done": 300 * mib, "total": 900 * mib}
    words = "drill under way for 12 s: restore, 300.0 MiB of 900.0 MiB are there"
    assert drill_progress(restoring, 12.4) == words
    assert drill_progress({**restoring, "step": "amcheck"}, 60) == "drill under way for 60 s: amcheck"
    assert drill_progress(DRILL, 0) == "drill under way for 0 s: begins"


def test_a_proof_says_what_was_in_the_copy_and_how_long_it_took() -> None:
    proof = {
        **DRILL["last"],
        "databases": {"app": {"relations": 272, "rows": 200000, "bytes": 30 * 2**20}},
        "replayed_at": "2026-11-21T18:16:13+00:00",
        "seconds": {"room": 0.0, "restore": 6.1, "verify": 0.4},
        "notes": ["app lives with 900 MiB, its copy has 30"],
    }
    assert proof_lines(proof) == [
        "it passed",
        "  holds   app: 272 relations, about 200000 rows, 30.0 MiB",
        "  up to   2026-11-21T18:16:13+00:00, its last transaction",
        "  took    restore 6.1 s, verify 0.4 s",
        "  note    app lives with 900 MiB, its copy has 30",
    ]
