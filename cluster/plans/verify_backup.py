"""Which backup a restore drill takes, what it is asked, and what became of it, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cluster.measures import size_text
from cluster.observed.pgbackrest import SeenDrill, SeenPgbackrest, SeenProof

PASSED, FAILED, UNDECIDED = "passed", "failed", "undecided"


def drill_obstacle(seen: SeenPgbackrest, drill: SeenDrill, label: str | None) -> str | None:
    """Why no drill can be begun, with a way out; None when it can. + label: of the backup that is asked for"""
    known = [one["label"] for one in seen["backups"]]
    if not seen["answers"]:
        return f"the repository does not answer: {seen['error']}\nHINT: see `journalctl -u pgbackrest` on its host."
    if not known:
        return "there is no backup yet\nHINT: run deploys/backup.py first."
    if label is not None and label not in known:
        return f"set: {label} is no backup of this cluster\nHINT: there are {', '.join(known)}."
    if not drill["installed"]:
        return "the repository host has no restore drill yet\nHINT: run deploys/cluster.py, which installs it."
    return None


def drill_request(label: str | None, living: Mapping[str, Any] | None) -> str:
    """
    What the drill is told, as text.

    + label: of the backup; None: the newest
    + living: ``{"identifier", "databases"}`` of the leader for comparison; None when nobody could be asked
    """
    return json.dumps({"label": label, "living": living}) + "\n"


def drill_progress(drill: SeenDrill, seconds: float) -> str:
    """How far a drill is. + seconds: since it was begun"""
    copied = (
        f", {size_text(drill['done'])} of {size_text(drill['total'])} are there" if drill["step"] == "restore" else ""
    )
    return f"drill under way for {seconds:.0f} s: {drill['step'] or 'begins'}{copied}"


def proof_lines(proof: SeenProof) -> list[str]:
    """What a drill proved, for the end of a run."""
    return [
        proof["line"],
        *_contents(proof),
        *([f"  took    {_times(proof)}"] if proof["seconds"] else []),
        *(f"  note    {note}" for note in proof["notes"]),
    ]


def _contents(proof: SeenProof) -> list[str]:
    lines = [f"  holds   {name}: {_size(one)}" for name, one in proof["databases"].items()]
    if proof["replayed_at"]:
        lines.append(f"  up to   {proof['replayed_at']}, its last transaction")
    return lines


def _size(one: Mapping[str, int]) -> str:
    return f"{one['relations']} relations, about {one['rows']} rows, {size_text(one['bytes'])}"


def _times(proof: SeenProof) -> str:
    return ", ".join(f"{name} {seconds:g} s" for name, seconds in proof["seconds"].items() if seconds >= 0.1)
