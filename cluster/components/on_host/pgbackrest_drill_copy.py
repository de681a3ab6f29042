"""The copy of a restore drill: the backup, room for it, its files, and the archive's WAL on top of them."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

from pgbackrest_drill_tablespaces import TABLESPACES, lead_known, provided, refuse_company
from pgbackrest_drill_tools import (
    BIN,
    DATA,
    ENVIRONMENT,
    LOG,
    MIB,
    PLACE,
    PROCESSES,
    PROOF,
    SCRATCH,
    SPARE_PART,
    Failed,
    Undecided,
    asked,
    controlled,
    ended,
    errors,
    found,
    listed,
    pgbackrest,
    remove_copy,
)

# Beyond the backup: what replay adds to it, and segments that wait for a checkpoint of the copy.
ROOM_FACTOR, ROOM_MIB = 1.1, 2048
STOP_SECONDS = 60
# Prepared transactions come back with recovery, with their locks, and need as much room as they had.
TAKEN_OVER = {"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction"}
HERE = "select json_build_object('lsn', pg_last_wal_replay_lsn(), 'at', pg_last_xact_replay_timestamp())"

SERVERS: list[subprocess.Popen[bytes]] = []


def choose(label: str | None) -> None:
    """Take the backup that was asked for, or the newest, and learn what is to come out of it."""
    refuse_company()
    stanza = described()
    labels = [one["label"] for one in sorted(stanza.get("backup", ()), key=lambda one: one["timestamp"]["stop"])]
    if not labels or (label or labels[-1]) not in labels:
        raise Undecided(f"backup {label or ''} is not there; there are: {', '.join(labels) or 'none'}")
    chosen = label or labels[-1]
    PROOF.update(label=chosen, newest=chosen == labels[-1])
    expect(stanza, next(one for one in described(f"--set={chosen}")["backup"] if one["label"] == chosen))


def described(*words: str) -> dict[str, Any]:
    """The stanza as the repository has it."""
    code, said = pgbackrest("info", "--output=json", "--log-level-console=error", *words)
    if code:
        raise Undecided(f"the repository does not answer: {errors(said)}")
    try:
        stanza: dict[str, Any] = json.loads(said[said.index("[{") :])[0]
    except ValueError:
        raise Undecided(f"the repository does not say what it has: {errors(said)}") from None
    return stanza


def expect(stanza: Mapping[str, Any], backup: Mapping[str, Any]) -> None:
    """Remember what pgBackRest knows of a backup. + backup: with its list of databases"""
    database = next(one for one in stanza["db"] if one["id"] == backup["database"]["id"])
    archived = [one["max"] for one in stanza["archive"] if one["database"]["id"] == database["id"] and one.get("max")]
    PROOF.update(type=backup["type"], size=backup["info"]["size"], backup_at=backup["timestamp"]["stop"])
    PROOF.update(identifier=str(database["system-id"]), archived=max(archived, default=backup["archive"]["stop"]))
    PROOF.update(expected={one["name"]: one["oid"] for one in backup.get("database-ref") or ()})
    PROOF.update(tablespaces={one["destination"]: one["name"] for one in backup.get("tablespace") or ()})
    if backup.get("error"):
        where = listed(backup.get("error-list") or ["files that its log names"])
        found(f"pgBackRest found pages with a wrong checksum when it took this backup, in {where}")


def make_room() -> None:
    """A scratch directory. Refuses a disk that would be filled by the copy."""
    remove_copy()
    disk, needed = shutil.disk_usage(SCRATCH.parent), int(PROOF["size"] * ROOM_FACTOR) + ROOM_MIB * MIB
    spare = disk.total // SPARE_PART
    if disk.free - spare < needed:
        raise Undecided(
            f"{disk.free // MIB} MiB are free for {SCRATCH.parent}; {needed // MIB} are needed for a copy of "
            f"{PROOF['size'] // MIB} MiB, and {spare // MIB} of this disk stay free"
        )
    for path in (SCRATCH, DATA, SCRATCH / "spool", TABLESPACES):
        path.mkdir(mode=0o700)


def restore() -> None:
    """All files of the backup. Tablespaces lie beside them, for where they belong there may be a member's."""
    mapped = f"--tablespace-map-all={TABLESPACES}"
    words = (f"--set={PROOF['label']}", "--type=default", f"--process-max={PROCESSES}", mapped, "restore")
    code, said = pgbackrest(*words)
    if code:
        raise Failed(errors(said))
    lead_known()


def recover() -> None:
    """
    Start PostgreSQL, and wait until it has replayed what there is; an older backup's WAL as far as it needs it. It ends
    at a tablespace without a directory, and goes on from there when it has one.
    """
    start()
    while not is_open():
        if ended(SERVERS[-1]):
            if not provided(LOG.read_text(errors="replace")):
                raise Failed(cause_of_death())
            start()
    judge_replay()


def start() -> None:
    """PostgreSQL on the copy."""
    words = [str(BIN / "postgres"), "-D", str(DATA), *own_settings()]
    with LOG.open("wb") as log:
        SERVERS.append(subprocess.Popen(words, stdout=log, stderr=log, cwd="/", env=ENVIRONMENT))


def own_settings() -> list[str]:
    """The command line's part of the copy's configuration: what depends on the backup."""
    for name in ("postgresql.auto.conf", "standby.signal"):
        (DATA / name).unlink(missing_ok=True)
    control = controlled()
    values = {ours: control[f"{theirs} setting"] for theirs, ours in TAKEN_OVER.items()}
    values |= {"config_file": PLACE["settings"], "max_connections": str(20 + 2 * PROCESSES)}
    if not PROOF["newest"]:
        values |= {"recovery_target": "immediate", "recovery_target_action": "promote"}
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def is_open() -> bool:
    """Whether PostgreSQL takes connections, by the word in its pid file."""
    try:
        return str((DATA / "postmaster.pid").read_text().splitlines()[7]).startswith("ready")
    except (OSError, IndexError):
        return False


def cause_of_death() -> str:
    """Why recovery ended before the copy was consistent."""
    said = LOG.read_text(errors="replace")
    absent = re.search(r"unable to find ([0-9A-F]{24}) in the archive", said)
    return f"{errors(said)}; {absent[1]} is not in the archive" if absent else errors(said)


def judge_replay() -> None:
    """Whether this is the stanza's cluster, with its WAL up to what was the last segment of the archive."""
    here, control = asked("template1", HERE), controlled()
    PROOF.update(replayed=here["lsn"], replayed_at=here["at"])
    if control["Database system identifier"] != PROOF["identifier"]:
        raise Failed(f"system identifier {control['Database system identifier']}, expected is {PROOF['identifier']}")
    segment_bytes = int(control["Bytes per WAL segment"])
    reached, last = segment_of(here["lsn"], segment_bytes), segment_number(PROOF["archived"], segment_bytes)
    if PROOF["newest"] and reached < last:
        first = "{:08X}{:08X}".format(*divmod(reached + 1, (1 << 32) // segment_bytes))
        whole = f"the archive has WAL to {PROOF['archived']}"
        found(f"the backup is usable, but replay ended at {here['lsn']} and {whole}: see {first}; {log_errors()}")


def segment_of(lsn: str, segment_bytes: int) -> int:
    """The number of the segment that ends with a position, or has it inside. + lsn: such as ``0/5000000``"""
    high, low = (int(half, 16) for half in lsn.split("/"))
    return ((high << 32) + low - 1) // segment_bytes


def segment_number(name: str, segment_bytes: int) -> int:
    """The same by the name of a segment, whatever its timeline."""
    return int(name[8:16], 16) * ((1 << 32) // segment_bytes) + int(name[16:24], 16)


def log_errors() -> str:
    """pgBackRest's own words in the log of the copy, if it had any."""
    said = re.findall(r"ERROR: (\[\d+\]: .*)", LOG.read_text(errors="replace"))
    return said[-1] if said else "it is missing, or not what it should be"


def stop() -> None:
    """Stop PostgreSQL, at once when it does not end soon. Twice does no harm."""
    for server in SERVERS:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(STOP_SECONDS)
