"""Backups on real hosts: archived from the first start, and a repository host whose death costs no availability."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

import pytest

from tests.lab.docker import run_in
from tests.lab.failover.test_switchover import gap
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.backups import REPOSITORY, SECONDS, SWITCHOVER, archived, backups, kinds, pgbackrest, take
from tests.lab.vocabulary.load import Load, Outcome
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    leader,
    replicas,
    run,
    secrets,
    site,
    sql,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

REINIT, RESTORE = "deploys/reinit_node.py", "deploys/restore.py"
TIMES = 3
# Of the median with the repository host up: what a loaded machine makes of the same thing.
TOLERANCE_SECONDS = 2.0
CATCH_UP_SECONDS = 120


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members and a repository host."""
    with site("k-backup", tmp_path_factory.mktemp("k-backup"), hosts=(*MEMBERS, "backup1")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def test_debian_12_s_own_version_does_with_what_it_has(tmp_path_factory: pytest.TempPathFactory) -> None:
    """
    It knows no addresses in certificates, no block increments, and no standby that is only preferred. A restore goes
    on from there with Debian 12's Patroni, which rebuilds the other member from the backup.
    """
    hosts = ("pg1", "pg2", "etcd1", REPOSITORY)
    with site("k-old", tmp_path_factory.mktemp("k-old"), hosts=hosts, release="bookworm") as ready:
        old = Built(ready.lab, ready.inventory, run(ready.inventory))
        for kind in ("full", "incr"):
            assert f"{kind} backup, complete at" in take(old, kind)
        assert "invalid option" not in pgbackrest(old, "info 2>&1")
        assert kinds(old) <= {"etcd-one-left"}
        sql(old.lab, "create table notes as select 1 as id")
        words = ("--data", "latest=true", "--data", f"confirm={old.lab.name}")
        done = run(old.inventory, RESTORE, *words)
        print(f"two members of Debian 12 restored in {done.seconds:.1f} s, with a backup at the end")
        wait_until_settled(old.lab, ("pg1", "pg2"))
        assert sql(old.lab, "select id from notes") == [(1,)]
        assert_changes_nothing(old.inventory)


def test_wal_is_archived_from_the_first_start(built: Built) -> None:
    listed = pgbackrest(built, f"repo-ls --recurse archive/{built.lab.name}")
    assert "/000000010000000000000001-" in listed
    assert "pgBackRest | Configure and start pgBackRest" in changed(built.run)
    assert "Backups | Create the stanza and check archiving" in changed(built.run)
    assert kinds(built) == {"backup-none"}


def test_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def test_every_type_of_backup_ends_with_what_it_is(built: Built) -> None:
    for kind in ("full", "diff", "incr"):
        said = take(built, kind)
        assert f"{kind} backup, complete at" in said
        assert "added to the repository" in said
    assert [one["type"] for one in backups(built)] == ["full", "diff", "incr"]
    assert kinds(built) == set()
    assert_changes_nothing(built.inventory)


def test_files_came_from_a_standby(built: Built) -> None:
    log = run_in(built.lab.host("backup1").container, "cat /var/log/pgbackrest/*-backup.log")
    assert "replay on the standby reached" in log


def test_the_pass_phrase_is_on_the_repository_host_alone(built: Built) -> None:
    phrase = secrets(built.lab)["PGBACKREST_CIPHER_PASS"]
    holding = f"grep -rlF {phrase} /etc /usr/local /var/log /var/spool 2>/dev/null || true"
    configurations = [f"/etc/pgbackrest/{name}" for name in ("drill.conf", "pgbackrest.conf", "server.env")]
    assert sorted(run_in(built.lab.host("backup1").container, holding).split()) == configurations
    assert [name for name in MEMBERS if run_in(built.lab.host(name).container, holding)] == []


def test_a_member_without_the_repository_s_certificate_gets_nothing(built: Built) -> None:
    """Another stanza's name is refused: a host may have what it is for, and no more."""
    member = built.lab.host("pg1").container
    asked = "cd / && runuser -u postgres -- pgbackrest --stanza=other info 2>&1 || true"
    assert "access denied" in run_in(member, asked)


def test_a_rebuilt_member_begins_with_a_backup(built: Built) -> None:
    node = replicas(built.lab)[0]
    run(built.inventory, REINIT, "--data", f"node={node.container}", "--data", "force=true")
    wait_until_settled(built.lab)
    log = run_in(node.container, "cat /var/log/pgbackrest/*-restore.log")
    assert "restore command end: completed successfully" in log
    assert kinds(built) == set(), "nothing of the restore stays in postgresql.auto.conf"


def test_a_dead_repository_host_holds_up_nobody(built: Built) -> None:
    repository = built.lab.host("backup1").container
    before = measured(built)
    faults.kill(repository)
    try:
        meanwhile = measured(built)
        for _ in range(3):
            sql(built.lab, "create table if not exists filler (n int); insert into filler values (1)")
            run_in(leader(built.lab).container, "runuser -u postgres -- psql -Xqc 'select pg_switch_wal()'")
        wait_until("a check says so", lambda: {"host-silent", "archiver-failing"} <= kinds(built), seconds=SECONDS)
    finally:
        faults.start(repository)
    print(f"switchover: {before} with the repository host, {meanwhile} without; seconds without a write")
    assert statistics.median(meanwhile) <= statistics.median(before) + TOLERANCE_SECONDS
    written = _last_segment(built)
    wait_until("the archive has caught up", lambda: archived(built) >= written, seconds=CATCH_UP_SECONDS)
    wait_until("a check finds nothing", lambda: kinds(built) == set(), seconds=CATCH_UP_SECONDS, poll_seconds=5)


def test_a_frozen_repository_host_costs_one_timeout(built: Built) -> None:
    repository = built.lab.host("backup1").container
    faults.freeze(repository)
    try:
        meanwhile = measured(built, times=1)
    finally:
        faults.thaw(repository)
    print(f"switchover with a frozen repository host: {meanwhile} s without a write")
    assert max(meanwhile) <= 15


def test_a_second_run_after_all_that_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def _last_segment(built: Built) -> str:
    """The segment in use, which is then given to the archive though it is not full."""
    asked = "runuser -u postgres -- psql -XAtqc 'select pg_walfile_name(pg_current_wal_lsn() - 1)' -c 'checkpoint'"
    name = run_in(leader(built.lab).container, asked).split()[0]
    run_in(leader(built.lab).container, "runuser -u postgres -- psql -Xqc 'select pg_switch_wal()'")
    return name


def measured(built: Built, times: int = TIMES) -> list[float]:
    """For how long nothing could be written, in as many switchovers."""
    gaps = []
    with Load(dsn(built.lab, connect_timeout=2)) as load:
        for _ in range(times):
            candidate, began = replicas(built.lab)[0], time.monotonic()
            # A dead host would end the run before it begins.
            data = ("--data", f"candidate={candidate.container}", "--limit", "postgres")
            run(built.inventory, SWITCHOVER, *data)
            wait_until("writes go on", lambda: load.attempts[-1].outcome is Outcome.ACKNOWLEDGED, seconds=20)
            gaps.append(round(gap(load.attempts, began, time.monotonic()), 2))
    assert load.verdict().is_clean
    return gaps
