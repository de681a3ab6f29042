"""Restore drills on real hosts: a good backup is proven, every kind of damage is named, and nothing stays behind."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.runs import (
    Built,
    assert_changes_nothing,
    leader,
    run,
    site,
    sql,
    start,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

BACKUP, CHECK, STATUS, VERIFY = (f"deploys/{name}.py" for name in ("backup", "check", "status", "verify_backup"))
HOSTS = ("pg1", "backup1")
SECONDS = 60
REPOSITORY = "/var/lib/pgbackrest"
COPY = f"{REPOSITORY}/restore-drill"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """One member and a repository host, with a table worth a look and a first backup."""
    with site("v-drill", tmp_path_factory.mktemp("v-drill"), hosts=HOSTS) as ready:
        yield filled(Built(ready.lab, ready.inventory, run(ready.inventory)))


def filled(built: Built) -> Built:
    sql(
        built.lab,
        "drop table if exists orders; create table orders (id bigint primary key, customer int, note text);"
        " insert into orders select n, n % 977, repeat('x', 90) from generate_series(1, 200000) n;"
        " create index on orders (customer); analyze orders",
    )
    take(built, "full")
    return built


# --- Asking ---


def on_repository(built: Built, command: str) -> str:
    return run_in(built.lab.host("backup1").container, command)


def take(built: Built, kind: str) -> str:
    """Take a backup. Returns its label."""
    run(built.inventory, BACKUP, "--data", f"type={kind}")
    return labels(built)[-1]


def labels(built: Built) -> list[str]:
    info = f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} info --output=json"
    return [one["label"] for one in json.loads(on_repository(built, info))[0]["backup"]]


def archive(built: Built) -> str:
    """What is whole in it."""
    return on_repository(built, f"cd {REPOSITORY}/archive/{built.lab.name}/1* && ls -d */* | grep -v tmp$")


def archived(built: Built) -> str:
    """Give the segment in use to the archive, though it is not full. Returns its name when it is there."""
    asked = "runuser -u postgres -- psql -XAtqc 'select pg_walfile_name(pg_switch_wal())'"
    name = run_in(leader(built.lab).container, asked).strip()
    wait_until(f"{name} is archived", lambda: name in archive(built), seconds=SECONDS)
    return name


def drill(built: Built, *words: str, passes: bool = True) -> str:
    """Run a drill. Returns what a person reads, on one line, with the seconds it took."""
    done = run(built.inventory, VERIFY, *words, check=False)
    said = " ".join(done.log.split())
    assert (done.code == 0) is passes, said
    return said


def proof(built: Built) -> dict[str, Any]:
    """The newest one."""
    found: dict[str, Any] = json.loads(on_repository(built, "cat $(ls /var/lib/pgbackrest-drill/*Z.json | tail -n 1)"))
    return found


def findings(built: Built) -> dict[str, str]:
    """What a check finds about backups, as kinds with their words; a single etcd is none of it."""
    said, log = start(built.inventory, CHECK, "--json").communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    listed = json.loads(said)["clusters"][built.lab.name]["findings"]
    return {one["kind"]: one["problem"] for one in listed if one["what"] == "backup"}


def assert_nothing_is_left(built: Built) -> None:
    """No process, no copy, no socket, no shared memory."""
    left = on_repository(
        built,
        "systemctl is-active pgbackrest-drill;"
        f" pgrep -af 'postgres|pg_amcheck|pg_checksums|pgbackrest_drill' | grep -v pgrep; ls -A {COPY};"
        " ls -d /run/pgbackrest-drill 2>/dev/null; ls -A /dev/shm; ipcs -m | grep postgres; true",
    )
    assert left.split()[1:] == [], left
    assert left.split()[0] in ("inactive", "failed")


@contextmanager
def damaged(built: Built, path: str, how: str) -> Iterator[None]:
    """A file of the repository that is not as it was. + how: what is done to ``$f``"""
    on_repository(built, f"f=$(ls {path} | head -n 1); cp -a $f /root/whole; echo $f > /root/where; {how}")
    try:
        yield
    finally:
        on_repository(built, "cp -a /root/whole $(cat /root/where)")


# --- A good backup ---


def test_a_good_backup_is_proven_with_the_wal_after_it(built: Built) -> None:
    run_in(leader(built.lab).container, "runuser -u postgres -- psql -Xqc 'create database later'")
    segment, before = archived(built), archive(built)
    said = drill(built)
    assert "PASSED in" in said
    found = proof(built)
    assert found["verdict"] == "passed" and found["archived"] >= segment
    assert set(found["databases"]) == {"postgres", "app", "template1", "later"}
    assert "later" not in found["expected"], "it is in the archive's WAL alone"
    assert found["databases"]["app"]["rows"] > 200000
    print(f"a drill of {found['size'] / 2**20:.0f} MiB: {found['ended_at'] - found['began_at']} s, {found['seconds']}")
    assert archive(built) == before, "the copy archives nothing"
    assert_nothing_is_left(built)


def test_nothing_of_it_changes_what_is_declared(built: Built) -> None:
    assert_changes_nothing(built.inventory)
    assert findings(built) == {}
    said = run(built.inventory, STATUS, as_json=False).log
    assert re.search(rf"{labels(built)[-1]} proven \d+ (s|min) ago", said), said


def test_proof_and_secrets_are_for_their_owner_alone(built: Built) -> None:
    modes = on_repository(built, f"stat -c '%a %U' /var/lib/pgbackrest-drill {COPY} /etc/pgbackrest/drill.conf")
    assert modes.splitlines() == ["700 postgres", "700 postgres", "600 postgres"]
    assert on_repository(built, "stat -c %a /var/lib/pgbackrest-drill/*.json").split()[0] == "600"


def test_an_older_backup_is_proven_by_its_label(built: Built) -> None:
    older = labels(built)[0]
    take(built, "incr")
    assert f"{older} PASSED in" in drill(built, "--data", f"set={older}")
    assert proof(built)["newest"] is False


def test_a_label_that_no_backup_has_is_refused(built: Built) -> None:
    said = drill(built, "--data", "set=20200101-000000F", passes=False)
    assert f"set: 20200101-000000F is no backup of this cluster HINT: there are {', '.join(labels(built))}." in said


def test_a_run_that_finds_one_under_way_waits_for_it(built: Built) -> None:
    on_repository(built, "systemctl start --no-block pgbackrest-drill")
    on_repository(built, "until kill -STOP $(systemctl show -P MainPID pgbackrest-drill); do sleep 0.05; done")
    process = start(built.inventory, VERIFY)
    assert process.stderr is not None
    assert any("a restore drill is under way already" in line for line in process.stderr)
    on_repository(built, "kill -CONT $(systemctl show -P MainPID pgbackrest-drill)")
    said = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0 and "PASSED in" in said
    assert_nothing_is_left(built)


# --- It ends before its time ---


def test_a_drill_that_is_killed_leaves_nothing_but_a_word(built: Built) -> None:
    on_repository(built, "systemctl start --no-block pgbackrest-drill")
    on_repository(
        built,
        f"until pgrep -f '[p]ostgres -D {COPY}' > /dev/null; do sleep 0.02; done;"
        " kill -KILL $(systemctl show -P MainPID pgbackrest-drill)",
    )
    wait_until("it has ended", lambda: "activating" not in unit_state(built), seconds=SECONDS)
    assert unit_state(built) == "failed"
    assert_nothing_is_left(built)
    (reason,) = proof(built)["reasons"]
    assert "the drill was ended from outside (killed KILL)" in reason
    assert set(findings(built)) == {"drill-undecided"}


def test_one_that_is_stopped_leaves_nothing_either(built: Built) -> None:
    on_repository(built, "systemctl start --no-block pgbackrest-drill")
    on_repository(built, f"until pgrep -f '[p]ostgres -D {COPY}' > /dev/null; do sleep 0.02; done")
    on_repository(built, "systemctl stop pgbackrest-drill")
    assert_nothing_is_left(built)
    assert "the drill was ended from outside" in proof(built)["reasons"][-1]


def unit_state(built: Built) -> str:
    return on_repository(built, "systemctl show -P ActiveState pgbackrest-drill").strip()


def test_what_a_power_cut_leaves_goes_with_the_next_one(built: Built) -> None:
    made = f"mkdir -p {COPY}/scratch/data && touch {COPY}/scratch/data/x"
    on_repository(built, f"runuser -u postgres -- sh -c '{made}'")
    assert "PASSED in" in drill(built)
    assert_nothing_is_left(built)
    assert findings(built) == {}


def test_a_disk_without_room_is_refused_with_numbers(built: Built) -> None:
    on_repository(built, f"mount -t tmpfs -o size=100m,mode=700,uid=$(id -u postgres) tmpfs {COPY}")
    try:
        said = drill(built, passes=False)
    finally:
        on_repository(built, f"umount {COPY}")
    assert f"came to no verdict: room: 100 MiB are free for {COPY}; " in said
    assert set(findings(built)) == {"drill-undecided"}


# --- Damage ---


def test_a_damaged_file_of_the_repository_is_named(built: Built) -> None:
    newest = take(built, "full")
    bundle = f"$(ls -S {REPOSITORY}/backup/{built.lab.name}/{newest}/bundle/* | head -n 1)"
    with damaged(built, bundle, "printf XXXX | dd of=$f bs=1 seek=5000 conv=notrunc status=none"):
        said = drill(built, passes=False)
        assert f"backup {newest} is not proven: restore: " in said
        assert f"'{newest}/bundle/" in said
        assert set(findings(built)) == {"drill-failed"}
        assert "THE LAST ONE FAILED" in run(built.inventory, STATUS, as_json=False).log
    with damaged(built, bundle, "rm $f"):
        said = drill(built, passes=False)
        assert f"unable to open missing file '{REPOSITORY}/backup/{built.lab.name}/{newest}/bundle/" in said
    assert_nothing_is_left(built)
    assert "PASSED in" in drill(built)


def test_wal_that_the_backup_needs_is_missing(built: Built) -> None:
    needed = json.loads(
        on_repository(
            built,
            f"cd / && runuser -u postgres -- pgbackrest --stanza={built.lab.name} info --output=json",
        )
    )[0]["backup"][-1]["archive"]["stop"]
    with damaged(built, f"{REPOSITORY}/archive/{built.lab.name}/1*/*/{needed}-*", "rm $f"):
        said = drill(built, passes=False)
    assert f"; {needed} is not in the archive" in said
    assert "recovery: " in said
    assert_nothing_is_left(built)


def test_wal_that_is_missing_after_the_backup_is_no_proof_either(built: Built) -> None:
    hole = archived(built)
    sql(built.lab, "insert into orders select n, 1, 'later' from generate_series(300001, 300100) n")
    archived(built)
    with damaged(built, f"{REPOSITORY}/archive/{built.lab.name}/1*/*/{hole}-*", "rm $f"):
        said = drill(built, passes=False)
    assert "the backup is usable, but replay ended at " in said
    assert f"see {hole[8:]}" in said
    assert "PASSED in" in drill(built)


def test_a_page_that_is_damaged_on_the_primary_is_named_with_its_table(built: Built) -> None:
    member = leader(built.lab).container
    psql = "runuser -u postgres -- psql -XAtq -d app -c"
    path = run_in(member, f"{psql} checkpoint && {psql} \"select pg_relation_filepath('orders')\"").strip()
    data = f"/var/lib/postgresql/17/{built.lab.name}/{path}"
    run_in(member, f"printf DAMAGED | dd of={data} bs=1 seek={3 * 8192 + 4000} conv=notrunc status=none")
    newest = take(built, "full")
    said = drill(built, passes=False)
    assert f"backup {newest} is not proven" in said
    assert "pgBackRest found pages with a wrong checksum when it took this backup" in said
    assert "amcheck: heap table" in said
    assert f"checksums: app.public.orders ({path}), block 3: wrong checksum" in said
    assert {"drill-failed", "backup-damaged"} <= set(findings(built))
    assert_nothing_is_left(built)
    # The primary still has the page as it was, in memory.
    run_in(member, f"{psql} 'vacuum full orders'")
    take(built, "full")
    assert "PASSED in" in drill(built)
    assert findings(built) == {}


def test_an_index_that_lies_is_named(built: Built) -> None:
    """Its pages are whole; only who compares it with its table sees that a row is missing in it."""
    member = leader(built.lab).container
    run_in(
        member,
        'runuser -u postgres -- psql -Xq -d app -c "create index lying on orders (note) where id <= 5;'
        " update pg_index set indpred = null where indexrelid = 'lying'::regclass\"",
    )
    archived(built)
    said = drill(built, passes=False)
    assert "amcheck: " in said and "lying" in said
    run_in(member, "runuser -u postgres -- psql -Xq -d app -c 'drop index lying'")
    archived(built)
    assert "PASSED in" in drill(built)


def test_the_second_run_after_all_that_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)
    began = time.monotonic()
    assert "PASSED in" in drill(built)
    print(f"a whole run with its drill: {time.monotonic() - began:.1f} s")


def test_a_member_with_the_repository_goes_on_meanwhile(tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    The same user, the same programs, the same pgBackRest: and nothing of the copy meets the member's data.

    It is the only host there is, so nobody asks its pgBackRest over the network, which then does not listen.
    """
    with site("v-both", tmp_path_factory.mktemp("v-both"), hosts=("pg1",)) as ready:
        name = ready.lab.host("pg1").container
        text = ready.inventory.read_text().replace("backup = []", f'backup = ["{name}"]')
        ready.inventory.write_text(text)
        both = Built(ready.lab, ready.inventory, run(ready.inventory))
        wait_until_settled(both.lab, ("pg1",))
        assert run_in(name, "ss -Hltn 'sport = :8432'") == ""
        make_a_tablespace(both)
        run(both.inventory, BACKUP, "--data", "type=full")
        before = sql(both.lab, "select pg_postmaster_start_time(), (select sum(id) from orders)")
        assert "PASSED in" in drill(both)
        assert sql(both.lab, "select pg_postmaster_start_time(), (select sum(id) from orders)") == before
        assert run_in(name, "ls /srv/space").split() == ["PG_17_202406281"], "tablespaces of the copy lie in it"
        left = run_in(name, f"pgrep -fa restore-drill | grep -v pgrep; ls -A {COPY}; ls /dev/shm").split()
        assert not [word for word in left if not word.startswith("PostgreSQL.")]
        assert_changes_nothing(both.inventory)


def make_a_tablespace(built: Built) -> None:
    psql = "runuser -u postgres -- psql -XAtq -d app -c"
    run_in(built.lab.host("pg1").container, "install -d -o postgres -g postgres -m 700 /srv/space")
    statements = (
        "create tablespace space location $$/srv/space$$",
        "create table orders tablespace space as select id from generate_series(1, 100000) id",
        "grant select on orders to admin",
    )
    for statement in statements:
        run_in(leader(built.lab).container, f"{psql} '{statement}'")


def test_debian_12_does_with_what_it_has(tmp_path_factory: pytest.TempPathFactory) -> None:
    """PostgreSQL 15 and pgBackRest 2.45."""
    with site("v-old", tmp_path_factory.mktemp("v-old"), hosts=HOSTS, release="bookworm") as ready:
        old = filled(Built(ready.lab, ready.inventory, run(ready.inventory)))
        assert "PASSED in" in drill(old)
        print(f"Debian 12: {proof(old)['line']}; {proof(old)['notes']}")
        newest = labels(old)[-1]
        bundle = f"$(ls -S {REPOSITORY}/backup/{old.lab.name}/{newest}/bundle/* | head -n 1)"
        with damaged(old, bundle, "rm $f"):
            assert "unable to open missing file" in drill(old, passes=False)
            restore, verify = proof(old)["reasons"]
            assert restore.startswith("restore: [055]") and verify.startswith("verify: ")
        assert_nothing_is_left(old)
        assert_changes_nothing(old.inventory)
