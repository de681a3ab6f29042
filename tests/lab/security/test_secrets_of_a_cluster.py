"""A cluster keeps its secrets: a run with others, or without some, is refused; a plan writes nothing anywhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from cluster.pki.verdicts import Authority
from tests.lab.docker import run_in
from tests.lab.paths import ROOT
from tests.lab.vocabulary.runs import (
    CLUSTER,
    Built,
    Run,
    assert_changes_nothing,
    changed,
    dry,
    leader,
    run,
    secrets,
    secrets_directory,
    site,
    sql,
)

ALONE = ("pg1",)
MARK = "/run/mark"
CIPHER_PASS, ADMIN, REST = "PGBACKREST_CIPHER_PASS", "PATRONI_ADMIN_PASSWORD", "PATRONI_RESTAPI_PASSWORD"
OTHER = "kR7vQx2mZp9LwT4sBn6hJd3fYc8gVu5e"
REMOVE, CONFIGURE, BACKUP = (f"deploys/{name}.py" for name in ("remove_node", "configure", "backup"))
# What a living host writes by itself, or because somebody logged in.
OF_ITSELF = (
    *("/var/log/*", "/var/lib/systemd/*", "/var/lib/etcd/*", "/var/lib/postgresql/*", "/var/lib/pgbackrest/*"),
    "/var/lib/pyinfra-patroni/etcd-snapshots/*",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """One host that is everything, its own repository host too; before it is built, it is planned."""
    directory = tmp_path_factory.mktemp("cluster-secrets")
    with site("b-cluster-secrets", directory, hosts=ALONE) as ready:
        text = ready.inventory.read_text()
        assert "backup = []" in text
        ready.inventory.write_text(text.replace("backup = []", f'backup = ["{ready.lab.host("pg1").container}"]'))
        planned = Built(ready.lab, ready.inventory, Run(0, 0, {}, ""))
        if not secrets_directory(ready.lab).exists():
            marked(planned)
            said = " ".join(dry(ready.inventory, CLUSTER).split())
            assert not secrets_directory(ready.lab).exists()
            assert written(planned) == []
            place = f".secrets/{ready.lab.name}/secrets.json"
            assert re.search(f"{CIPHER_PASS}(, [A-Z_]+)*, generated and written into {re.escape(place)}", said), said
        done = replace(planned, run=run(ready.inventory))
        run(ready.inventory, BACKUP)
        yield done


@pytest.fixture(autouse=True)
def kept(built: Built) -> Iterator[None]:
    """What this machine keeps for the cluster is put back."""
    directory = secrets_directory(built.lab)
    before = contents(built)
    yield
    for path in set(directory.iterdir()) - {directory / name for name in before}:
        path.unlink()
    for name, (text, mode) in before.items():
        (directory / name).write_bytes(text)
        (directory / name).chmod(mode)


def contents(built: Built) -> dict[str, tuple[bytes, int]]:
    """What this machine keeps for the cluster."""
    return {
        path.name: (path.read_bytes(), path.stat().st_mode & 0o777) for path in secrets_directory(built.lab).iterdir()
    }


def pg1(built: Built) -> str:
    return built.lab.host("pg1").container


def marked(built: Built) -> None:
    run_in(pg1(built), f"touch {MARK}")


def written(built: Built) -> list[str]:
    """The files of the host that are newer than the mark."""
    left_out = " ".join(f"-not -path '{pattern}'" for pattern in OF_ITSELF)
    return run_in(pg1(built), f"find / -xdev -type f -newer {MARK} {left_out}").splitlines()


def refused(built: Built, deploy: str = CLUSTER, *words: str) -> str:
    """A run in vain, after which nothing is other than before, there and here."""
    marked(built)
    before = contents(built)
    done = run(built.inventory, deploy, *words, check=False)
    assert done.code == 1, done
    assert "Traceback" not in done.log and "JSONDecodeError" not in done.log, done
    assert contents(built) == before and written(built) == []
    assert run_in(pg1(built), "pgrep -a postgres | grep -e ' -D'")
    print(f"refused after {done.seconds:.1f} s")
    return " ".join(done.log.split())


def put(built: Built, **values: Any) -> None:
    """Change the file; None takes a name out of it."""
    new = {name: value for name, value in {**secrets(built.lab), **values}.items() if value is not None}
    (secrets_directory(built.lab) / "secrets.json").write_text(json.dumps(new))


def readable(built: Built) -> bool:
    """Whether the repository host can still read its backups."""
    name = built.lab.name
    said = run_in(pg1(built), f"cd / && runuser -u postgres -- pgbackrest --stanza={name} info --output=json")
    return bool(json.loads(said)[0]["backup"]) and json.loads(said)[0]["status"]["code"] == 0


def test_the_run_that_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


@pytest.mark.parametrize("name", [CIPHER_PASS, ADMIN, "PATRONI_REPLICATION_PASSWORD"])
def test_a_secret_that_is_missing_is_not_made_anew(built: Built, name: str) -> None:
    put(built, **{name: None})
    table = refused(built)
    assert f"secrets.json {name} is missing, and {pg1(built)} already runs the cluster {built.lab.name}" in table
    assert readable(built)


def test_the_way_out_of_a_missing_pass_phrase(built: Built) -> None:
    right = secrets(built.lab)[CIPHER_PASS]
    put(built, **{CIPHER_PASS: None})
    words = "sudo grep cipher-pass /etc/pgbackrest/pgbackrest.conf"
    assert f"or take it from {pg1(built)}: `{words}`" in refused(built)
    found = run_in(pg1(built), words, user="deploy").split("=", 1)[1].strip()
    assert found == right
    put(built, **{CIPHER_PASS: found})
    assert_changes_nothing(built.inventory)


def test_another_pass_phrase_in_the_environment(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CIPHER_PASS, OTHER)
    table = refused(built)
    assert f"environment {CIPHER_PASS} is not the one that {pg1(built)} of the living cluster" in table
    assert f"environment {CIPHER_PASS} does not open the repository of {built.lab.name} on {pg1(built)}" in table
    assert OTHER not in table and readable(built)


def test_secrets_of_another_cluster_under_the_same_ca(built: Built) -> None:
    put(built, **{name: f"{OTHER}{n}" for n, name in enumerate(secrets(built.lab))})
    for deploy, words in ((CLUSTER, ()), (CONFIGURE, ()), (REMOVE, ("--data", f"node={pg1(built)}"))):
        table = refused(built, deploy, *words)
        for name in (CIPHER_PASS, ADMIN, REST, "PATRONI_SUPERUSER_PASSWORD", "HAPROXY_STATS_PASSWORD"):
            assert f"{name} is not the one that" in table
    assert readable(built)


def test_another_ca_of_the_same_name(built: Built) -> None:
    directory = secrets_directory(built.lab)
    for name in ("ca.crt", "ca.key"):
        (directory / name).unlink()
    Authority.load_or_create(directory, built.lab.name)
    assert f"CA is another CA than the one that {pg1(built)} trusts" in refused(built)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "\x00"])
def test_a_file_that_is_not_whole(built: Built, text: str) -> None:
    (secrets_directory(built.lab) / "secrets.json").write_text(text)
    assert "HINT" in refused(built)
    assert readable(built)


def test_a_file_that_is_lost(built: Built) -> None:
    (secrets_directory(built.lab) / "secrets.json").unlink()
    table = refused(built)
    assert "whose secrets or CA are not on this machine" in table
    said = dry_refused(built)
    assert "whose secrets or CA are not on this machine" in said
    assert not (secrets_directory(built.lab) / "secrets.json").exists()


def dry_refused(built: Built) -> str:
    words = [sys.executable, "-m", "pyinfra", "--dry", str(built.inventory), CLUSTER]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env={**os.environ}, timeout=120)
    assert done.returncode == 1
    return " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("deploy", [CLUSTER, CONFIGURE, BACKUP, "deploys/restart_pending.py", "deploys/add_node.py"])
def test_a_plan_of_a_run_writes_nothing(built: Built, deploy: str) -> None:
    marked(built)
    before = contents(built)
    dry(built.inventory, deploy)
    assert contents(built) == before and written(built) == []


def test_passwords_change_when_the_run_is_for_that(built: Built) -> None:
    old = secrets(built.lab)
    put(built, **{ADMIN: OTHER, REST: None})
    table = refused(built)
    assert f"{ADMIN} is not the one that the role admin on {pg1(built)}" in table
    assert f"`--data rotate={ADMIN}`" in table and f"{REST} is missing" in table
    done = run(built.inventory, CLUSTER, "--data", f"rotate={ADMIN},{REST}")
    print(f"rotated in {done.seconds:.1f} s: {sorted(changed(done))}")
    assert sql(built.lab, "select 1") == [(1,)] and secrets(built.lab)[ADMIN] == OTHER
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sql(built.lab, "select 1", password=old[ADMIN])
    assert secrets(built.lab)[REST] not in (old[REST], None)
    assert_changes_nothing(built.inventory)
    assert "is not changed by a run" in refused(built, CLUSTER, "--data", f"rotate={CIPHER_PASS}")
    # Back, for what the other tests put back is the file.
    put(built, **{ADMIN: old[ADMIN], REST: old[REST]})
    run(built.inventory, CLUSTER, "--data", f"rotate={ADMIN},{REST}")
    assert leader(built.lab) and readable(built)
