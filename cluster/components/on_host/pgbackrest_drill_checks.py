"""What a restore drill looks at in its copy: contents, structure, pages; and what the repository says of itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pgbackrest_drill_copy import stop
from pgbackrest_drill_tools import (
    BIN,
    DATA,
    MIB,
    PROCESSES,
    PROOF,
    Failed,
    asked,
    controlled,
    errors,
    found,
    listed,
    pgbackrest,
    run,
)

DATABASES = "select json_object_agg(datname, oid::int) from pg_database where datallowconn"
# Rows as the planner has them: pg_amcheck reads each, and nobody wants it done twice.
CONTENTS = """
select json_build_object('bytes', pg_database_size(current_database()), 'relations', count(*),
  'rows', coalesce(sum(greatest(reltuples, 0)) filter (where relkind in ('r', 'm')), 0)::bigint,
  'files', json_object_agg(pg_relation_filepath(c.oid), format('%s.%s.%s', current_database(), nspname, relname)))
from pg_class c join pg_namespace n on n.oid = relnamespace where pg_relation_filepath(c.oid) is not null"""
# A living database that is larger than this and twice its copy, or half of it, is worth a word.
NOTED_MIB = 64

FILES: dict[str, str] = {}


def look_inside(living: Mapping[str, Any]) -> None:
    """Every database can be entered, and none that lives is missing. + living: as the leader has them, if asked"""
    PROOF["databases"], restored = {}, asked("template1", DATABASES)
    for name in restored:
        try:
            contents = asked(name, CONTENTS)
        except Failed as error:
            found(str(error))
            continue
        FILES.update(contents.pop("files"))
        PROOF["databases"][name] = contents
    compare(living, restored)
    note_dropped(living, restored)


def compare(living: Mapping[str, Any], restored: Mapping[str, int]) -> None:
    """With the cluster as it lives: by its identifier, and by the identity of its databases rather than their names."""
    if not living:
        return
    if living["identifier"] != PROOF["identifier"]:
        raise Failed(f"this is {PROOF['identifier']}, the living cluster is {living['identifier']}")
    backed_up = set(PROOF["expected"].values())
    for name, one in living["databases"].items():
        if one["oid"] in backed_up and one["oid"] not in restored.values():
            found(f"database {name} lives, was there at the time of the backup, and is not in the copy")
        elif name in PROOF["databases"]:
            note_difference(name, one["bytes"], PROOF["databases"][name]["bytes"])


def note_dropped(living: Mapping[str, Any], restored: Mapping[str, int]) -> None:
    """What pgBackRest knew of and is gone: its end was replayed, unless it lives, which is a reason and no note."""
    there = {*restored.values(), *(one["oid"] for one in living.get("databases", {}).values())}
    for name in sorted(name for name, oid in PROOF["expected"].items() if oid not in there):
        PROOF["notes"].append(f"database {name} was there at the time of the backup, and was dropped since")


def note_difference(name: str, lives: int, copied: int) -> None:
    """Sizes differ by what was written since the last segment, which may be much: no more than a word."""
    if max(lives, copied) > NOTED_MIB * MIB and not 0.5 < copied / max(lives, 1) < 2:
        PROOF["notes"].append(f"{name} lives with {lives // MIB} MiB, its copy has {copied // MIB}")


def amcheck() -> None:
    """Every table and every B-tree index, and that each row of a table is in its indexes."""
    jobs = f"--jobs={PROCESSES}"
    words = ("--all", "--install-missing", "--heapallindexed", "--no-password", jobs, "--maintenance-db=template1")
    code, said = run(BIN / "pg_amcheck", *words)
    if code:
        wrong = re.findall(r"^((?:heap table|btree index) .*):\n\s+(?:ERROR:\s+)?(.*)", said, re.MULTILINE)
        found(listed(f"{where}: {what}" for where, what in wrong) or errors(said))


def checksums() -> None:
    """Every page of every file, by pg_checksums: also those of which amcheck knows nothing."""
    stop()
    if controlled().get("Data page checksum version", "0") == "0":
        PROOF["notes"].append("the cluster has no data checksums: a flipped bit in a value goes unnoticed")
        return
    code, said = run(BIN / "pg_checksums", "--check", "-D", DATA)
    if code:
        wrong = re.findall(r'checksum verification failed in file "([^"]+)", block (\d+)', said)
        found(listed(f"{relation(path)}, block {block}: wrong checksum" for path, block in wrong) or errors(said))


def relation(path: str) -> str:
    """What a file of the copy belongs to, in words for people."""
    inside = path.removeprefix(f"{DATA}/")
    name = FILES.get(re.sub(r"(_(fsm|vm|init))?(\.\d+)?$", "", inside))
    return f"{name} ({inside})" if name else inside


def verify() -> None:
    """The repository's own verdict on every file of every backup and of the archive."""
    code, said = pgbackrest("verify", "--output=text", f"--process-max={PROCESSES}")
    if code and re.search(r"ERROR: \[03[12]\]|invalid command", said):
        PROOF["notes"].append("this version of pgBackRest has no verify")
        return
    # Its exit code is 0 all the same, and where all is well it may say nothing.
    if code or re.search(r"^\s*status: (?!ok)", said, re.MULTILINE):
        wrong = re.findall(r"(?:INFO|WARN):\s+((?:invalid|file missing|no |missing).*)", said)
        found(listed(wrong) or errors(said))
