"""Backups in an S3-compatible store, beside a directory: verified, readable, secret, and neither in the other's way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary import s3
from tests.lab.vocabulary.runs import (
    Built,
    Run,
    Site,
    assert_changes_nothing,
    changed,
    run,
    secrets,
    site,
    sql,
    start,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

BACKUP, CHECK, STATUS = (f"deploys/{name}.py" for name in ("backup", "check", "status"))
HOSTS = ("pg1", "backup1")
CA_FILE = "/etc/ssl/s3-ca.crt"
SECONDS = 60
# Room for whatever pgBackRest waits for that a store refuses at once.
ARCHIVED_SECONDS = 45


@dataclass(frozen=True)
class Place(Site):
    """A lab whose hosts reach a store. + directory: of this machine, for keys and inventories"""

    store: s3.Store
    directory: Path

    def inventory_with(self, *, ca_file: str = CA_FILE, secret: str | None = None) -> Path:
        """Both repositories declared. + secret: another one than the store's"""
        credentials = self.directory / "credentials"
        credentials.write_text(f"{self.store.key}\n{secret or self.store.secret}\n")
        credentials.chmod(0o600)
        declared = self.store.settings(credentials, ca_file)
        places = ["directory", "s3"]
        return write_inventory(self.lab, self.directory, HOSTS, pgbackrest_repositories=places, **declared)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A member and a repository host, fresh, and a store."""
    directory = tmp_path_factory.mktemp("o-s3")
    with site("o-s3", directory, hosts=HOSTS) as ready:
        with s3.store(ready.lab, directory / "s3") as store:
            repository = ready.lab.host("backup1").container
            run_in(repository, f"cat > {CA_FILE}", stdin=store.authority.read_text())
            yield Place(ready.lab, ready.inventory, store, directory)


@pytest.fixture(scope="module")
def refused(place: Place) -> dict[str, Run]:
    """What the first runs ended with: with a CA that is not the store's, and with another key."""
    # The cluster's own CA is one, and not the store's.
    by_ca = run(place.inventory_with(ca_file="/etc/pgbackrest/pki/ca.crt"), check=False)
    by_key = run(place.inventory_with(secret="not-the-store-s"), check=False)
    return {"ca": by_ca, "key": by_key}


@pytest.fixture(scope="module")
def built(place: Place, refused: dict[str, Run]) -> Built:
    """The cluster, after it was declared right."""
    inventory = place.inventory_with()
    return Built(place.lab, inventory, run(inventory))


def words(done: Run) -> str:
    return " ".join(done.log.split())


def pgbackrest(built: Built, command: str, host: str = "backup1") -> str:
    """What pgBackRest prints on a host."""
    asked = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} {command}"
    return run_in(built.lab.host(host).container, asked)


def backups(built: Built, number: int) -> list[str]:
    """The types of the backups in a repository."""
    return [one["type"] for one in json.loads(pgbackrest(built, f"--repo={number} info --output=json"))[0]["backup"]]


def archived(built: Built, number: int) -> str:
    """The newest segment in a repository."""
    return str(json.loads(pgbackrest(built, f"--repo={number} info --output=json"))[0]["archive"][-1]["max"])


def findings(built: Built) -> dict[str, str]:
    """What a check finds, by kind."""
    said, log = start(built.inventory, CHECK, "--json").communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    return {one["kind"]: one["problem"] for one in json.loads(said)["clusters"][built.lab.name]["findings"]}


def test_a_store_whose_certificate_nobody_vouches_for_is_refused(refused: dict[str, Run]) -> None:
    assert refused["ca"].code == 1
    assert "the S3 store cannot be used: [CryptoError] unable to verify certificate" in words(refused["ca"])
    assert "HINT: name the CA of the store in pgbackrest_s3_ca_file" in words(refused["ca"])


def test_a_wrong_key_is_named_as_such(refused: dict[str, Run]) -> None:
    assert refused["key"].code == 1
    assert "the S3 store cannot be used: the store answers SignatureDoesNotMatch" in words(refused["key"])
    assert "HINT: the store knows other keys than those in the file that pgbackrest_s3_credentials" in words(
        refused["key"]
    )


def test_declared_right_the_build_goes_on_where_it_was_refused(built: Built) -> None:
    assert "Backups | Create the stanza and check archiving" in changed(built.run)
    assert archived(built, 1) == archived(built, 2)


def test_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def test_each_repository_gets_each_backup(built: Built) -> None:
    sql(built.lab, "create table orders as select generate_series(1, 1000) as n")
    for kind in ("full", "incr"):
        said = words(run(built.inventory, BACKUP, "--data", f"type={kind}"))
        assert "In the directory:" in said and "In the S3 store:" in said
        assert said.count(f"{kind} backup, complete at") == 2
    assert [backups(built, number) for number in (1, 2)] == [["full", "incr"], ["full", "incr"]]
    assert findings(built).keys() <= {"etcd-one-left"}


def test_what_lies_in_either_is_whole(built: Built) -> None:
    for number in (1, 2):
        said = pgbackrest(built, f"--repo={number} --output=text --verbose verify")
        assert "status: ok" in said, said


def test_the_store_alone_brings_the_data_back(built: Built) -> None:
    """Restored beside the cluster and started on a socket of its own, with the WAL of the store."""
    scratch = "/var/lib/postgresql/scratch"
    container = built.lab.host("pg1").container
    pgbackrest(built, f"--repo=2 --pg1-path={scratch} --type=immediate --target-action=promote restore", host="pg1")
    options = f"-c listen_addresses= -c unix_socket_directories={scratch} -c archive_mode=off -c ssl=off"
    program = "/usr/lib/postgresql/17/bin/pg_ctl"
    try:
        run_in(
            container, f'cd / && runuser -u postgres -- {program} -w -D {scratch} -o "{options}" -l {scratch}/log start'
        )
        asked = f"runuser -u postgres -- psql -h {scratch} -XAtd app -c 'select count(*) from orders'"
        assert run_in(container, asked) == "1000"
    finally:
        run_in(container, f"cd / && runuser -u postgres -- {program} -m immediate -D {scratch} stop; rm -rf {scratch}")


def test_the_keys_are_on_the_repository_host_alone(built: Built, place: Place, refused: dict[str, Run]) -> None:
    drill, *others = (f"/etc/pgbackrest/{name}" for name in ("drill.conf", "pgbackrest.conf", "server.env"))
    phrase = secrets(built.lab)["PGBACKREST_CIPHER_PASS"]
    # A drill reads the first repository, which is the directory.
    for secret, files in ((place.store.secret, others), (phrase, [drill, *others])):
        holding = f"grep -rlF '{secret}' /etc /usr/local /var/log /var/spool /run /tmp 2>/dev/null || true"
        assert run_in(built.lab.host("pg1").container, holding) == ""
        assert sorted(run_in(built.lab.host("backup1").container, holding).split()) == files
        assert not [one for one in (built.run, *refused.values()) if secret in one.log + json.dumps(dict(one.results))]
    mode = run_in(built.lab.host("backup1").container, "stat -c '%a %U' /etc/pgbackrest/pgbackrest.conf")
    assert mode == "600 postgres"


def test_a_store_that_refuses_keeps_nothing_from_the_directory(built: Built, place: Place) -> None:
    place.store.forbid()
    try:
        written = switched(built)
        wait_until("the directory has it", lambda: archived(built, 1) >= written, seconds=ARCHIVED_SECONDS)
        wait_until("a check says so", lambda: "archiver-failing" in findings(built), seconds=SECONDS)
        assert findings(built)["repository-unusable"].startswith(
            f"the S3 store: stanza {built.lab.name}: the store answers AccessD"
        )
        failed = run(built.inventory, BACKUP, "--data", "type=incr", check=False)
        assert failed.code == 1
        assert "the S3 store cannot be used: the store answers AccessDenied" in words(failed)
        assert backups(built, 1)[2:] == ["incr"]
    finally:
        place.store.permit()
    wait_until("the store has caught up", lambda: archived(built, 2) >= written, seconds=2 * SECONDS)
    assert backups(built, 2) == ["full", "incr"]
    wait_until("a check finds nothing", lambda: findings(built).keys() <= {"etcd-one-left"}, seconds=SECONDS)


def test_the_screen_shows_both(built: Built) -> None:
    said, log = start(built.inventory, STATUS).communicate(timeout=SECONDS)
    assert "Backups   the directory: incr" in said, log
    assert "the S3 store: incr" in said


def test_a_second_run_after_all_that_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def switched(built: Built) -> str:
    """Have a segment archived. Returns its name."""
    asked = "runuser -u postgres -- psql -XAtqc 'select pg_walfile_name(pg_current_wal_lsn() - 1)'"
    sql(built.lab, "insert into orders values (0)")
    name = run_in(built.lab.host("pg1").container, asked).split()[0]
    run_in(built.lab.host("pg1").container, "runuser -u postgres -- psql -Xqc 'select pg_switch_wal()'")
    return name
