"""Restores on real hosts: a running cluster taken back in place, and a new cluster from another's backup."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.docker import run_in
from tests.lab.runs import (
    MEMBERS,
    Built,
    Run,
    assert_changes_nothing,
    leader,
    members,
    run,
    site,
    sql,
    wait_until_settled,
)

BACKUP, RESTORE = "deploys/backup.py", "deploys/restore.py"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members and a repository host."""
    with site("k-restore", tmp_path_factory.mktemp("k-restore"), hosts=(*MEMBERS, "backup1")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        run(ready.inventory, BACKUP, "--data", "type=full")
        sql(ready.lab, "create table notes (id int primary key, said text)")
        yield Built(ready.lab, ready.inventory, first)


def restore(built: Built, *words: str, check: bool = True) -> Run:
    data = [part for word in words for part in ("--data", word)]
    return run(built.inventory, RESTORE, *data, check=check)


def note(built: Built, number: int) -> None:
    sql(built.lab, f"insert into notes values ({number}, md5('{number}'))")


def notes(built: Built) -> list[int]:
    return [row[0] for row in sql(built.lab, "select id from notes order by id")]


def assert_one_cluster(built: Built) -> None:
    """One timeline, everybody streams, and everybody has the same data."""
    wait_until_settled(built.lab)
    shown = members(built.lab)
    assert len({one["timeline"] for one in shown.values()}) == 1
    digest = "select md5(string_agg(id || said, ',' order by id)) from notes"
    assert len({sql(built.lab, digest, 5432, name)[0][0] for name in MEMBERS}) == 1


def test_back_to_a_time(built: Built) -> None:
    note(built, 1)
    moment = str(sql(built.lab, "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")[0][0])
    note(built, 2)
    done = restore(built, f"time={moment}+00:00", f"confirm={built.lab.name}")
    print(done.log)
    assert notes(built) == [1]
    assert_one_cluster(built)
    assert_changes_nothing(built.inventory)
