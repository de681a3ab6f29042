"""Tablespaces as PostgreSQL, a host and the repository tell of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.pgbackrest_tablespaces import PgbackrestTablespaces
from facts.postgres.tablespaces import PostgresTablespaces, TablespacePlaces
from tests.world.answers import line


def test_a_server_that_is_down_is_not_one_without_tablespaces() -> None:
    assert PostgresTablespaces().process(["/srv/old", "/srv/new"]) == ["/srv/old", "/srv/new"]
    assert PostgresTablespaces().process([]) == []
    assert PostgresTablespaces().process(["psql: error: no server", "no answer"]) is None


def test_places_are_looked_at_as_they_are(tmp_path: Path) -> None:
    """Files of another major version in the same directory are not in the way, and nothing is made above one."""
    (tmp_path / "held" / "PG_17_202406281").mkdir(parents=True)
    (tmp_path / "other version's" / "PG_16_202307071").mkdir(parents=True)
    names = ("held", "other version's", "absent", "lost/absent")
    locations = [str(tmp_path / name) for name in names]
    command = TablespacePlaces().command(locations, 17)
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    found = TablespacePlaces().process(done.stdout.splitlines())
    assert found == dict(zip(locations, ("held", "free", "absent", "lost"), strict=True))


def info(text: str, code: int = 0) -> list[str]:
    return [line("info", text, code)]


def test_a_backup_s_tablespaces_are_where_the_cluster_had_them() -> None:
    spaces = [{"destination": "/srv/b", "name": "b", "oid": 2}, {"destination": "/srv/a", "name": "a", "oid": 1}]
    backup = {"label": "20261121-110000F", "archive": {"start": "1", "stop": "1"}, "tablespace": spaces}
    found = PgbackrestTablespaces().process(info("WARN: x\n" + json.dumps([{"backup": [backup]}])))
    assert found == ["/srv/a", "/srv/b"]
    assert PgbackrestTablespaces().process(info(json.dumps([{"backup": [{**backup, "tablespace": None}]}]))) == []


def test_a_repository_that_does_not_say_is_not_one_without_tablespaces() -> None:
    with pytest.raises(FactProcessError):
        PgbackrestTablespaces().process(info("ERROR: [055]: unable to open", 55))
    with pytest.raises(FactProcessError):
        PgbackrestTablespaces().process(info("[]"))
