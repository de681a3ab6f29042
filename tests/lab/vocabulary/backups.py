"""What the tests of backups share: a backup now, what the repository has, what a check finds, WAL to be archived."""

from __future__ import annotations

import json
import re

from tests.lab.docker import run_in
from tests.lab.vocabulary.runs import Built, Site, leader, run, start

BACKUP, CHECK, SWITCHOVER = (f"deploys/{name}.py" for name in ("backup", "check", "switchover"))
REPOSITORY = "backup1"
SECONDS = 60


def pgbackrest(built: Built, words: str) -> str:
    """What pgBackRest prints on the repository host."""
    command = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} {words}"
    return run_in(built.lab.host(REPOSITORY).container, command)


def backups(built: Built) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(pgbackrest(built, "info --output=json"))[0]["backup"]
    return found


def archived(built: Built) -> str:
    """The newest segment in the archive."""
    return str(json.loads(pgbackrest(built, "info --output=json"))[0]["archive"][-1]["max"])


def segments(built: Built) -> dict[str, str]:
    """The segments in the archive: where each lies, by its name."""
    listed = pgbackrest(built, f"repo-ls --recurse archive/{built.lab.name}").split()
    return {name[0]: path for path in listed if (name := re.findall(r"/([0-9A-F]{24})-", path))}


def absent(built: Built) -> set[int]:
    """The numbers between the first and the last segment of which no timeline has one in the archive."""
    there = {int(name[8:16], 16) * 256 + int(name[16:], 16) for name in segments(built)}
    return set(range(min(there), max(there))) - there


def findings(built: Site) -> dict[str, str]:
    """What a check finds: the problem by its kind."""
    said, log = start(built.inventory, CHECK, "--json").communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    return {one["kind"]: one["problem"] for one in json.loads(said)["clusters"][built.lab.name]["findings"]}


def kinds(built: Built) -> set[str]:
    """What a check finds, as kinds."""
    return set(findings(built))


def take(built: Built, kind: str) -> str:
    """A backup now. Returns what the run said."""
    return one_line(run(built.inventory, BACKUP, "--data", f"type={kind}").log)


def refused(built: Built, deploy: str, *data: str) -> str:
    """What a run said that had to be refused."""
    done = run(built.inventory, deploy, *(word for one in data for word in ("--data", one)), check=False)
    assert done.code == 1, str(done)
    return one_line(done.log)


def one_line(text: str) -> str:
    """What a run said, without the places where its lines end."""
    return " ".join(text.split())


def psql(built: Built, statement: str, via: str = "pg1") -> str:
    """What the primary answers to a statement. + via: a host whose Patroni knows it"""
    asked = f"runuser -u postgres -- psql -XAtq -d app -c {json.dumps(statement)}"
    return run_in(leader(built.lab, via).container, asked)


def write_segments(built: Built, count: int, via: str = "pg1") -> str:
    """Write WAL into so many segments, and end each. Returns the last one."""
    psql(built, "create table if not exists filler (n int)", via)
    for _ in range(count):
        name = psql(built, "insert into filler values (1) returning pg_walfile_name(pg_current_wal_insert_lsn())", via)
        psql(built, "select pg_switch_wal()", via)
    return name
