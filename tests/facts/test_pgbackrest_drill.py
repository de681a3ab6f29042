"""What the repository host says of its restore drills; that it cannot say is never that there was none."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.pgbackrest_drill import PgbackrestDrill
from facts.postgres.databases import PostgresDatabases
from tests.world.answers import line

PASSED = {
    "label": "20261121-181519F",
    "began_at": 1795285803,
    "ended_at": 1795285806,
    "backup_at": 1795284922,
    "verdict": "passed",
    "reasons": [],
    "notes": [],
    "seconds": {"restore": 0.9},
    "databases": {"app": {"bytes": 1, "relations": 2, "rows": 3}},
    "replayed": "0/7000000",
    "replayed_at": None,
    "line": "it passed",
}
# As one that found no backup leaves it.
UNDECIDED = {"label": None, "began_at": 1795285900, "ended_at": 1795285901, "verdict": "undecided", "line": "none"}


def seen(**said: Any) -> Any:
    texts = {
        "unit": "LoadState=loaded\nActiveState=inactive",
        "since": "1795000000\n",
        "last": json.dumps(PASSED),
        "passed": json.dumps(PASSED),
        "step": "",
        **said,
    }
    return PgbackrestDrill().process([line(name, text) for name, text in texts.items()])


def test_a_host_with_a_proof() -> None:
    found = seen()
    assert (found["installed"], found["running"], found["since"]) == (True, False, 1795000000)
    assert found["last"] == found["passed"] == PASSED
    assert (found["step"], found["done"], found["total"]) == ("", 0, 0)


def test_a_host_without_drills() -> None:
    found = seen(unit="LoadState=not-found\nActiveState=inactive", since="", last="", passed="")
    assert (found["installed"], found["since"], found["last"], found["passed"]) == (False, None, None, None)


def test_a_proof_of_little_has_the_same_shape() -> None:
    found = seen(last=json.dumps(UNDECIDED))["last"]
    assert set(found) == set(PASSED)
    assert (found["reasons"], found["databases"], found["replayed"]) == ([], {}, None)


def test_one_under_way_says_where_it_is() -> None:
    under_way = json.dumps({**UNDECIDED, "step": "restore", "size": 4096})
    found = seen(unit="LoadState=loaded\nActiveState=activating", step=under_way, copied="2\t/scratch")
    assert (found["running"], found["step"], found["done"], found["total"]) == (True, "restore", 2048, 4096)
    assert seen(unit="LoadState=loaded\nActiveState=deactivating")["running"]


@pytest.mark.parametrize("name", ["unit", "since", "last", "passed"])
def test_what_cannot_be_read_is_no_absence(name: str) -> None:
    lines = [line(one, "Permission denied", 1 if one == name else 0) for one in ("unit", "since", "last", "passed")]
    with pytest.raises(FactProcessError, match="cannot be read"):
        PgbackrestDrill().process([*lines, line("step", "")])


# --- The script itself, with the proofs of a directory ---


def asked(tmp_path: Path, *proofs: dict[str, Any] | str) -> Any:
    """What the fact says of some proofs, oldest first."""
    directory = tmp_path / "proofs"
    directory.mkdir()
    (directory / "proofs.txt").write_text("lines\n")
    for number, proof in enumerate(proofs):
        text = proof if isinstance(proof, str) else json.dumps(proof, indent=2)
        (directory / f"2026112{number}T000000Z.json").write_text(text)
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho LoadState=loaded; echo ActiveState=inactive\n")
    (tmp_path / "systemctl").chmod(0o755)
    command = PgbackrestDrill().command().replace("/var/lib/pgbackrest-drill", str(directory))
    path = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    said = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=path, timeout=300)
    return PgbackrestDrill().process(said.stdout.splitlines())


def test_the_newest_proof_and_the_newest_that_passed(tmp_path: Path) -> None:
    older = {**PASSED, "label": "older"}
    found = asked(tmp_path, older, PASSED, UNDECIDED)
    assert (found["last"]["line"], found["passed"]["label"]) == ("none", PASSED["label"])


def test_a_directory_without_proofs_has_none(tmp_path: Path) -> None:
    found = asked(tmp_path)
    assert (found["last"], found["passed"]) == (None, None)


def test_half_a_proof_is_no_fact(tmp_path: Path) -> None:
    with pytest.raises(FactProcessError):
        asked(tmp_path, PASSED, '{"verdict": "pas')


def test_a_wait_ends() -> None:
    assert "+ 10 ))" in PgbackrestDrill().command(wait_seconds=10)
    assert "sleep" not in PgbackrestDrill().command()


# --- The living cluster's databases ---


def test_a_primary_has_sizes_and_identities() -> None:
    told = {"in_recovery": False, "identifier": "42", "databases": {"app": {"oid": 16388, "bytes": 7763635}}}
    assert PostgresDatabases().process([json.dumps(told)]) == told


def test_a_member_that_is_down_is_none() -> None:
    assert PostgresDatabases().process(["no answer"]) is None
    assert PostgresDatabases().command(5433).endswith("|| echo 'no answer'")
