"""
A cluster begun with another one's backup, changed, destroyed without its backups, and made again: with the original's
data, and never with those of its own life before. Both have the same system identifier.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.inventory import host_data
from tests.lab.spec import Lab
from tests.lab.vocabulary.runs import CLUSTER, SMALL, Built, Run, run, secrets_directory, site

MAIN, COPY, REPOSITORY = "pg1", "pg2", "backup1"
BACKUP, DESTROY, RESTORE = (f"deploys/{name}.py" for name in ("backup", "destroy", "restore"))


@dataclass(frozen=True)
class Both(Built):
    """Two clusters of one member each; the second one is its own repository host. + copy: its name"""

    copy: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The original, and a copy of it with a life of its own that was destroyed; its repository stays."""
    directory = tmp_path_factory.mktemp("twice")
    with site("k-twice", directory, hosts=(MAIN, COPY, REPOSITORY)) as ready:
        lab, copy = ready.lab, f"{ready.lab.name}-copy"
        hba = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
        settings = {**SMALL, "postgres_hba": hba}
        path = declare(ready.inventory, {MAIN: lab.name, REPOSITORY: lab.name, COPY: copy}, lab, settings)
        both = Both(lab, path, Run(0, 0, {}, ""), copy)
        if not secrets_directory(lab).exists():
            limit = ("--limit", lab.host(MAIN).container, "--limit", lab.host(REPOSITORY).container)
            run(path, CLUSTER, *limit)
            psql(both, MAIN, "create table life(of text); insert into life values ('the original')")
            run(path, BACKUP, *limit)
            archived(both, MAIN)
            print(f"copied in {copied(both).seconds:.1f} s")
            live_on(both)
            destroyed = run(path, DESTROY, *data("wipe=true", f"confirm={copy}"))
            print(f"destroyed in {destroyed.seconds:.1f} s")
        yield both


def declare(path: Path, hosts: dict[str, str], lab: Lab, settings: dict[str, Any]) -> Path:
    """An inventory of clusters of one member each. + hosts: each with its cluster's name"""
    listed = {
        one: (lab.host(one).container, host_data(lab.host(one), extra={"cluster_name": name, **settings}))
        for one, name in hosts.items()
    }
    members, stores = [listed[MAIN], listed[COPY]], [listed[REPOSITORY], listed[COPY]]
    groups = {"postgres": members, "etcd": members, "haproxy": members, "backup": stores}
    path.write_text("".join(f"{group} = {hosts!r}\n" for group, hosts in groups.items()))
    return path


def data(*words: str) -> list[str]:
    return [word for one in words for word in ("--data", one)]


def psql(built: Both, name: str, statement: str) -> str:
    """What the primary on a host answers."""
    asked = f"cd / && runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -d app -c {json.dumps(statement)}"
    return run_in(built.lab.host(name).container, asked).strip()


def archived(built: Both, name: str) -> None:
    """Let a host's WAL be in its archive."""
    cluster = built.lab.name if name == MAIN else built.copy
    run_in(
        built.lab.host(name).container,
        "cd / && runuser -u postgres -- psql -XAtqc 'select txid_current(); select pg_switch_wal()' > /dev/null",
    )
    store = built.lab.host(REPOSITORY if name == MAIN else COPY).container
    run_in(store, f"cd / && runuser -u postgres -- pgbackrest --stanza={cluster} --archive-timeout=120 check")


def live_on(built: Both) -> None:
    """A life of the copy's own, in several segments of WAL."""
    psql(built, COPY, "insert into life values ('the copy')")
    for _ in range(5):
        archived(built, COPY)


def lives(built: Both, name: str) -> str:
    return psql(built, name, "select string_agg(of, ', ' order by of) from life")


def copied(built: Both, *, check: bool = True) -> Run:
    words = data(f"source={built.lab.name}", "latest=true", f"confirm={built.copy}")
    return run(built.inventory, RESTORE, *words, check=check)


def one_line(done: Run) -> str:
    return " ".join(done.log.split())


def aside(built: Both, said: str) -> None:
    """Do what a refusal says that keeps the backups."""
    command = re.search(r"To keep them: `([^`]*)`", said)
    assert command is not None, said
    run_in(built.lab.host(COPY).container, command[1], user="deploy")


def test_a_copy_is_not_made_over_the_stanza_of_its_life_before(built: Both) -> None:
    psql(built, MAIN, "insert into life values ('the original, later')")
    archived(built, MAIN)
    for refused in (
        copied(built, check=False),
        run(built.inventory, CLUSTER, "--limit", built.lab.host(COPY).container, check=False),
    ):
        said = one_line(refused)
        assert refused.code == 1, refused
        assert f"has the stanza {built.copy} of another life of the cluster: 1 backups, the newest 20" in said
        print(f"refused after {refused.seconds:.1f} s")
    host = built.lab.host(COPY).container
    assert run_in(host, "ls -d /etc/patroni/config.yml /var/lib/postgresql/17/* 2>/dev/null || true").strip() == ""


def test_it_is_made_again_with_the_data_of_the_original(built: Both) -> None:
    aside(built, one_line(copied(built, check=False)))
    print(f"made again in {copied(built).seconds:.1f} s")
    assert lives(built, COPY) == "the original, the original, later"
    psql(built, COPY, "insert into life values ('the second copy')")
    archived(built, COPY)
    again = run(built.inventory, CLUSTER)
    assert again.results["totals"]["success"] == 0, again
    assert lives(built, MAIN) == "the original, the original, later"


def test_the_backups_of_the_life_before_are_kept_and_not_gone_on_with(built: Both) -> None:
    host, name = built.lab.host(COPY).container, built.copy
    move = "cd /var/lib/pgbackrest && for d in archive backup; do mv $d/{} $d/{} && mv $d/{} $d/{}; done"
    run_in(host, move.format(name, f"{name}.new", f"{name}.1*", name))
    for deploy in (CLUSTER, BACKUP):
        done = run(built.inventory, deploy, "--limit", host, check=False)
        assert done.code == 1, done
        assert f"has WAL of another life of the cluster {name}: 0000000" in one_line(done)
    run_in(host, move.format(name, f"{name}.1", f"{name}.new", name))
    run(built.inventory, BACKUP, "--limit", host)
