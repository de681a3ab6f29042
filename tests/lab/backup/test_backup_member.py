"""
A cluster without a host of its own for backups: one of the members has the repository, which lies in a store alone.

Then a directory is added to it, and taken away again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Lab
from tests.lab.vocabulary import s3
from tests.lab.vocabulary.runs import (
    Built,
    assert_changes_nothing,
    changed,
    leader,
    run,
    secrets,
    site,
    start,
    wait_until_settled,
    write_inventory,
)

BACKUP, CHECK, REINIT = (f"deploys/{name}.py" for name in ("backup", "check", "reinit_node"))
HOSTS = ("pg1", "pg2")
CA_FILE = "/etc/ssl/s3-ca.crt"
SECONDS = 60


@dataclass(frozen=True)
class Member(Built):
    """A cluster with a store. + directory: of this machine; + declared: how the store is declared"""

    directory: Path
    declared: dict[str, Any]

    def declare(self, *places: str) -> None:
        """Write the inventory with these repositories; the first member has etcd and is the repository host."""
        settings = {"pgbackrest_repositories": list(places), **self.declared}
        _on_the_first(self.lab, write_inventory(self.lab, self.directory, HOSTS, **settings))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """Two members, of which the first has etcd and the repository too."""
    directory = tmp_path_factory.mktemp("o-member")
    with site("o-member", directory, hosts=HOSTS) as ready, s3.store(ready.lab, directory / "s3") as store:
        credentials = directory / "credentials"
        credentials.write_text(f"{store.key}\n{store.secret}\n")
        credentials.chmod(0o600)
        run_in(ready.lab.host("pg1").container, f"cat > {CA_FILE}", stdin=store.authority.read_text())
        place = (directory, store.settings(credentials, CA_FILE))
        Member(ready.lab, ready.inventory, None, *place).declare("s3")  # type: ignore[arg-type]
        done = run(ready.inventory)
        wait_until_settled(ready.lab, HOSTS)
        yield Member(ready.lab, ready.inventory, done, *place)


def _on_the_first(lab: Lab, inventory: Path) -> None:
    both, first = (json.dumps([lab.host(name).container for name in names]) for names in (HOSTS, HOSTS[:1]))
    text = inventory.read_text()
    for old, new in ((f"etcd = {both}", f"etcd = {first}"), ("backup = []", f"backup = {first}")):
        assert old in text
        text = text.replace(old, new)
    inventory.write_text(text)


def taken(built: Built, number: int = 1) -> list[str]:
    """The types of the backups in a repository."""
    asked = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} --repo={number} info --output=json"
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


def test_a_replica_begins_with_a_backup_from_the_store(built: Built) -> None:
    node = next(built.lab.host(name) for name in HOSTS if built.lab.host(name) != leader(built.lab))
    run(built.inventory, REINIT, "--data", f"node={node.container}", "--data", "force=true")
    wait_until_settled(built.lab, HOSTS)
    log = run_in(node.container, "cat /var/log/pgbackrest/*-restore.log")
    assert "restore command end: completed successfully" in log


def test_the_pass_phrase_is_on_that_member_alone(built: Built) -> None:
    phrase = secrets(built.lab)["PGBACKREST_CIPHER_PASS"]
    holding = f"grep -rlF '{phrase}' /etc /usr/local /var/log /var/spool 2>/dev/null || true"
    configurations = [f"/etc/pgbackrest/{name}" for name in ("drill.conf", "pgbackrest.conf", "server.env")]
    assert sorted(run_in(built.lab.host("pg1").container, holding).split()) == configurations
    assert run_in(built.lab.host("pg2").container, holding) == ""


def test_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def test_a_second_repository_is_added_to_a_cluster_that_runs(built: Member) -> None:
    built.declare("s3", "directory")
    assert "Backups | Create the stanza and check archiving" in changed(run(built.inventory))
    run(built.inventory, BACKUP, "--data", "type=diff")
    assert (taken(built), taken(built, 2)) == (["full", "incr", "diff"], ["full"])
    assert findings(built) <= {"etcd-one-left"}


def test_one_that_is_taken_away_is_left_as_it_is_and_gets_nothing(built: Member) -> None:
    built.declare("s3")
    run(built.inventory)
    timers = run_in(built.lab.host("pg1").container, "systemctl list-timers --all --no-legend 'pgbackrest*'")
    assert "full.timer" in timers and "repo2" not in timers
    assert run_in(built.lab.host("pg1").container, "ls /var/lib/pgbackrest/backup") == built.lab.name
    run(built.inventory, BACKUP)
    assert findings(built) <= {"etcd-one-left"}
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
