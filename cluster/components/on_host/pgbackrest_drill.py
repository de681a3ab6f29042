"""
Runs on the repository host, as a systemd unit: restores a backup into a scratch instance, replays the archive to its
end, checks every page and every index that came out, and leaves a proof. Standard library only.

    pgbackrest_drill.py PLACE          the drill; PLACE is a file of JSON, see cluster/components/pgbackrest_drill.py
    pgbackrest_drill.py PLACE clean    after its end, whatever that was: nothing stays, and none is without a proof

The scratch instance listens on no port, archives nothing, follows nobody and has none of the cluster's own settings.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pgbackrest_drill_checks import amcheck, checksums, look_inside, verify
from pgbackrest_drill_copy import choose, make_room, recover, restore, stop
from pgbackrest_drill_tools import MIB, PLACE, PROOF, UNDER_WAY, Failed, Undecided, remove_copy, step

PROOFS = Path(PLACE["proofs"])
PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"
KEPT_PROOFS = 50
REQUEST_SECONDS = 600


def requested() -> dict[str, Any]:
    """What a run asked for: a label, and the living cluster for comparison. It counts once, and not for long."""
    path = Path(PLACE["request"])
    if not path.exists():
        return {}
    fresh = time.time() - path.stat().st_mtime < REQUEST_SECONDS
    request: dict[str, Any] = json.loads(path.read_text()) if fresh else {}
    path.unlink()
    return request


def drill(request: dict[str, Any]) -> None:
    """All steps. What one finds does not end the others, as far as they can do without it."""
    PROOF["notes"] = []
    step("choice", choose, request.get("label"))
    step("room", make_room)
    try:
        step("restore", restore)
        step("recovery", recover)
        step("contents", look_inside, request.get("living") or {})
        step("amcheck", amcheck)
        step("checksums", checksums)
    except Failed as error:
        PROOF["reasons"].append(str(error))
    finally:
        stop()
        remove_copy()
    step("verify", verify)


def prove(verdict: str) -> None:
    """Write the proof whole or not at all, and its line below those of the others."""
    ended = int(time.time())
    PROOF.update(verdict=verdict, ended_at=ended, step="", line=line(verdict, ended - PROOF["began_at"]))
    name = f"{datetime.fromtimestamp(PROOF['began_at'], UTC):%Y%m%dT%H%M%SZ}.json"
    new = PROOFS / f"{name}.new"
    new.write_text(json.dumps(PROOF, indent=2) + "\n")
    os.replace(new, PROOFS / name)
    kept = sorted(PROOFS.glob("*Z.json"))[-KEPT_PROOFS:]
    for path in set(PROOFS.glob("*Z.json")) - set(kept):
        path.unlink()
    lines = (json.loads(path.read_text())["line"] for path in kept)
    (PROOFS / "proofs.txt").write_text("".join(f"{line}\n" for line in lines))
    UNDER_WAY.unlink(missing_ok=True)
    print(PROOF["line"], flush=True)


def line(verdict: str, seconds: int) -> str:
    """The proof in one line for people."""
    head = f"{datetime.fromtimestamp(PROOF['began_at'], UTC):%Y-%m-%d %H:%M} UTC  {PROOF['label'] or 'no backup'}"
    if verdict != PASSED:
        return f"{head}  {verdict.upper()} after {seconds} s: {'; '.join(PROOF['reasons'])}"
    databases = PROOF["databases"].values()
    size = sum(one["bytes"] for one in databases) / MIB
    relations = sum(one["relations"] for one in databases)
    held = f"{len(databases)} databases, {relations} relations, {size:.1f} MiB"
    return f"{head}  PASSED in {seconds} s: {held}, WAL replayed to {PROOF['replayed']}"


def clean() -> None:
    """After the unit's end, with systemd's word for it: the copy goes, and a drill that was killed gets its proof."""
    remove_copy()
    if UNDER_WAY.exists():
        PROOF.update(json.loads(UNDER_WAY.read_text()))
        verdict = FAILED if PROOF["reasons"] else UNDECIDED
        how = f"{os.environ.get('EXIT_CODE', 'ended')} {os.environ.get('EXIT_STATUS', '')}".strip()
        PROOF["reasons"].append(f"{PROOF['step']}: the drill was ended from outside ({how})")
        prove(verdict)


def main() -> int:
    """The exit code: 0 only when the backup is proven."""
    try:
        drill(requested())
    except Exception as error:  # whatever it is, it says nothing about the backup, and takes nothing back
        verdict = FAILED if PROOF["reasons"] else UNDECIDED
        words = str(error) if isinstance(error, Undecided) else repr(error)
        PROOF["reasons"].append(f"{PROOF['step']}: {words}")
        prove(verdict)
        return 1
    prove(FAILED if PROOF["reasons"] else PASSED)
    return 1 if PROOF["reasons"] else 0


if sys.argv[2:] == ["clean"]:
    clean()
else:
    sys.exit(main())
