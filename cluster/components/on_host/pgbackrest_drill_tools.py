"""What the steps of a restore drill share: where it happens, the proof as far as it goes, and how programs are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

PLACE = json.loads(Path(sys.argv[1]).read_text())
SCRATCH, RUNTIME, BIN = (Path(PLACE[name]) for name in ("scratch", "runtime", "programs"))
DATA, LOG, UNDER_WAY = SCRATCH / "data", SCRATCH / "postgres.log", RUNTIME / "under-way.json"
PGBACKREST = f"pgbackrest --config={PLACE['configuration']} --stanza={PLACE['stanza']}"
PROCESSES = PLACE["process_max"] or max(1, (os.cpu_count() or 1) // PLACE["core_part"])
MIB = 1024 * 1024
# The rest of the disk is not ours to fill: a twentieth stays free.
SPARE_PART = 20
SHOWN_REASONS = 5
LOOK_SECONDS = 0.1
# What a role or a database has been given for its sessions would hold for these, too.
SESSION = "-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off -c session_preload_libraries="
ENVIRONMENT = {**os.environ, "LC_ALL": "C.UTF-8", "PGHOST": str(RUNTIME), "PGUSER": "postgres", "PGOPTIONS": SESSION}

PROOF: dict[str, Any] = {"label": None, "began_at": int(time.time()), "step": "", "seconds": {}, "reasons": []}


class Failed(Exception):
    """The backup is not what it should be."""


class Undecided(Exception):
    """Nothing can be said about the backup."""


def step(name: str, work: Callable[..., None], *given: Any) -> None:
    """One step, with the time it took. Whoever looks meanwhile finds its name."""
    print(f"{name} ...", flush=True)
    PROOF["step"], began = name, time.monotonic()
    UNDER_WAY.write_text(json.dumps(PROOF))
    try:
        work(*given)
    except Failed as error:
        raise Failed(f"{name}: {error}") from error
    finally:
        PROOF["seconds"][name] = round(time.monotonic() - began, 1)


def found(reason: str) -> None:
    """Something is wrong that leaves the other checks possible."""
    PROOF["reasons"].append(f"{PROOF['step']}: {reason}")


def ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a process has ended, or does so in a moment. Kills it when the disk gets full meanwhile."""
    try:
        process.wait(LOOK_SECONDS)
        return True
    except subprocess.TimeoutExpired:
        refuse_a_full_disk(process)
        return False


def refuse_a_full_disk(process: subprocess.Popen[bytes]) -> None:
    """It may be the archive's, too, and a primary whose archive is full stops in the end."""
    if not SCRATCH.exists():
        return
    disk = shutil.disk_usage(SCRATCH)
    if disk.free < disk.total // SPARE_PART:
        process.kill()
        raise Undecided(f"given up when {disk.free // MIB} MiB were left on the disk of {SCRATCH}")


def remove_copy() -> None:
    """The scratch directory. One that cannot be removed is no secret: it holds the data."""
    if SCRATCH.exists():
        shutil.rmtree(SCRATCH)


def run(*words: object) -> tuple[int, str]:
    """Exit code of a program, and all that it said."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(list(map(str, words)), stdout=said, stderr=said, cwd="/", env=ENVIRONMENT)
        while not ended(process):
            pass
        said.seek(0)
        return process.returncode, said.read().decode(errors="replace")


def pgbackrest(*words: str) -> tuple[int, str]:
    """The same of pgBackRest, with the drill's own configuration."""
    return run(*PGBACKREST.split(), *words)


def asked(database: str, statement: str) -> Any:
    """What the scratch instance answers: one JSON object."""
    code, said = run(BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement)
    if code:
        raise Failed(f"database {database}: {errors(said)}")
    return json.loads(said[said.index("{") :])


def controlled() -> dict[str, str]:
    """What pg_controldata says of the copy."""
    return dict(re.findall(r"^([^:\n]+):\s+(.*)$", run(BIN / "pg_controldata", "-D", DATA)[1], re.MULTILINE))


def errors(text: str) -> str:
    """The words of pgBackRest or PostgreSQL for what went wrong; else the last line."""
    words = re.findall(r"(?:ERROR|FATAL|PANIC):\s+(.*(?:\n {8,}.*)*)", text) or text.strip().splitlines()[-1:]
    # A process of pgBackRest's own says it first, and again for each time that it tried.
    noise = re.compile(r"raised from \S+ protocol: |\s+\[\w+\] on \d+ retries.*")
    return listed(noise.sub("", " ".join(one.split())) for one in words)


def listed(words: Iterable[str]) -> str:
    """The first few of them, each once."""
    known = list(dict.fromkeys(words))
    more = len(known) - SHOWN_REASONS
    return "; ".join(known[:SHOWN_REASONS]) + (f"; and {more} more" if more > 0 else "")
