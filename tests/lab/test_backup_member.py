"""A cluster without a host of its own for backups: one of the members has the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.runs import (
    Built,
    assert_changes_nothing,
    leader,
    run,
    secrets,
    site,
    start,
    wait_until_settled,
)

BACKUP, CHECK = "deploys/backup.py", "deploys/check.py"
HOSTS = ("pg1", "pg2")
SECONDS = 60


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members, of which the first has etcd and the repository too."""
    with site("o-member", tmp_path_factory.mktemp("o-member"), hosts=HOSTS) as ready:
        _on_the_first(ready.inventory)
        done = run(ready.inventory)
        wait_until_settled(ready.lab, HOSTS)
        yield Built(ready.lab, ready.inventory, done)


def _on_the_first(inventory: Path) -> None:
    both, first = '["o-member-pg1", "o-member-pg2"]', '["o-member-pg1"]'
    text = inventory.read_text()
    for old, new in ((f"etcd = {both}", f"etcd = {first}"), ("backup = []", f"backup = {first}")):
        assert old in text
        text = text.replace(old, new)
    inventory.write_text(text)


def taken(built: Built) -> list[str]:
    """The types of the backups in the repository."""
    asked = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} info --output=json"
    said = run_in(built.lab.host("pg1").container, asked)
    return [one["type"] for one in json.loads(said)[0]["backup"]]


def findings(built: Built) -> set[str]:
    """What a check finds, as kinds."""
    said, log = start(built.inventory, CHECK, "--json").communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    return {one["kind"] for one in json.loads(said)["clusters"][built.lab.name]["findings"]}


def test_a_member_can_have_the_repository(built: Built) -> None:
    run(built.inventory, BACKUP, "--data", "type=full")
    assert taken(built) == ["full"]
    assert findings(built) <= {"etcd-one-left"}


def test_whoever_leads_is_backed_up_there(built: Built) -> None:
    other = next(built.lab.host(name) for name in HOSTS if built.lab.host(name) != leader(built.lab))
    switchover_among(built, other.short_name)
    run(built.inventory, BACKUP, "--data", "type=incr")
    assert taken(built) == ["full", "incr"]
    assert findings(built) <= {"etcd-one-left"}


def test_the_pass_phrase_is_on_that_member_alone(built: Built) -> None:
    phrase = secrets(built.lab)["PGBACKREST_CIPHER_PASS"]
    holding = f"grep -rlF '{phrase}' /etc /usr/local /var/log /var/spool 2>/dev/null || true"
    assert run_in(built.lab.host("pg1").container, holding).split() == ["/etc/pgbackrest/pgbackrest.conf"]
    assert run_in(built.lab.host("pg2").container, holding) == ""


def test_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def switchover_among(built: Built, name: str) -> None:
    """Let another of the two lead."""
    candidate = built.lab.host(name).container
    run_in(
        candidate,
        f"patronictl -c /etc/patroni/config.yml switchover {built.lab.name} --force --candidate {candidate}",
    )
    wait_until_settled(built.lab, HOSTS)
    assert leader(built.lab).container == candidate
