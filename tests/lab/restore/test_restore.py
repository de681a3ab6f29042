"""Restores on real hosts: a running cluster taken back in place, and a new cluster from another's backup."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import lifecycle
from tests.lab.docker import docker, run_in
from tests.lab.inventory import host_data
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.backups import BACKUP, REPOSITORY, backups, one_line, pgbackrest, psql
from tests.lab.vocabulary.history import POINT, History, recorded
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
    RUN_SECONDS,
    SMALL,
    Built,
    Run,
    assert_changes_nothing,
    dsn,
    kill_run,
    leader,
    members,
    replicas,
    run,
    site,
    sql,
    start,
    start_times,
    system_identifier,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

RESTORE = "deploys/restore.py"
STATE = "/var/lib/pyinfra-patroni/restore"
PHASE_SECONDS = 60

DIGEST = """select md5(
    (select string_agg(id || said, ',' order by id) from notes)
    || (select string_agg(concat(run, writer, ':', sequence, written), ',' order by run, writer, sequence) from probe)
)"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members and a repository host, with one full backup."""
    with site("k-restore", tmp_path_factory.mktemp("k-restore"), hosts=(*MEMBERS, REPOSITORY)) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        run(ready.inventory, BACKUP, "--data", "type=full")
        sql(ready.lab, "create table if not exists notes (id int primary key, said text)")
        yield Built(ready.lab, ready.inventory, first)


@pytest.fixture(scope="module")
def history(built: Built) -> History:
    """Some seconds of clients that write, with a restore point, a position and a time in the middle."""
    return recorded(built)


def data(*words: str) -> list[str]:
    return [part for word in words for part in ("--data", word)]


def restore(built: Built, *words: str, check: bool = True) -> Run:
    return run(built.inventory, RESTORE, *data(*words, f"confirm={built.lab.name}"), check=check)


def refused(built: Built, *words: str) -> str:
    """What a run says that does nothing, in one line."""
    before = start_times(built.lab)
    done = run(built.inventory, RESTORE, *data(*words), check=False)
    assert done.code == 1, done
    assert start_times(built.lab) == before
    assert [name for name in MEMBERS if "order" in run_in(built.lab.host(name).container, f"ls {STATE} || true")] == []
    return one_line(done.log)


def note(built: Built, number: int) -> None:
    sql(built.lab, f"insert into notes values ({number}, md5('{number}'))")


def notes(built: Built) -> list[int]:
    return [row[0] for row in sql(built.lab, "select id from notes order by id")]


def now(built: Built) -> str:
    """The time there, as the command line takes it."""
    text = "select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    return f"{sql(built.lab, text)[0][0]}+00:00"


def newest_set(built: Built) -> str:
    return str(backups(built)[-1]["label"])


def assert_one_cluster(built: Built) -> None:
    """One timeline, everybody streams, everybody has the same data, and of the restore nothing is left."""
    wait_until_settled(built.lab)
    shown = members(built.lab)
    assert len({one["timeline"] for one in shown.values()}) == 1
    wait_until(
        "all have the same data",
        lambda: len({sql(built.lab, DIGEST, 5432, name)[0][0] for name in MEMBERS}) == 1,
        seconds=PHASE_SECONDS,
    )
    assert [name for name in MEMBERS if run_in(built.lab.host(name).container, f"ls {STATE} || true")] == []
    assert all(not one.get("pending_restart") for one in shown.values())


def test_moments_that_cannot_be_reached_are_refused_before_anything_stops(built: Built) -> None:
    note(built, 1)
    assert "no restore target was given" in refused(built)
    assert "is before the end of the first backup" in refused(built, "time=2020-01-01T00:00:00+00:00")
    assert "is in the future" in refused(built, "time=2100-01-01T00:00:00+00:00")
    assert "does not say in which time zone" in refused(built, "time=2026-01-01T00:00:00")
    assert "is not written yet" in refused(built, "lsn=FF/0")
    assert "is before the end of the first backup" in refused(built, "lsn=0/1000000")
    assert "the backup 20200101-000000F is not in the repository" in refused(built, "set=20200101-000000F")
    assert "other is no cluster of this inventory" in refused(built, "latest=true", "confirm=other")


def test_without_a_confirmation_only_the_plan_is_shown(built: Built) -> None:
    said = refused(built, f"time={now(built)}")
    assert "LOST everything committed after" in said
    assert f"nothing was touched HINT: add --data confirm={built.lab.name}" in said


def test_back_to_a_time(built: Built, history: History) -> None:
    note(built, 2)
    done = restore(built, f"time={history.time.target}")
    print(f"restored to a time in {done.seconds:.1f} s, with a backup at the end: {done.log[-900:]}")
    history.assert_ends_at(history.time, psql(built, history.question))
    assert notes(built) == [1]
    assert_one_cluster(built)
    assert_changes_nothing(built.inventory)


def cut_off(built: Built, words: list[str], reached: Callable[[], bool]) -> None:
    """Kill a run as soon as something has come about."""
    process = start(built.inventory, RESTORE, *data(*words, f"confirm={built.lab.name}"))
    try:
        wait_until("the run is that far", reached, seconds=PHASE_SECONDS, poll_seconds=0.05)
    finally:
        kill_run(process)
        process.communicate(timeout=RUN_SECONDS)


def there(host: Host, test: str) -> bool:
    return run_in(host.container, f"if {test}; then echo yes; fi") == "yes"


def asked(host: Host, statement: str) -> str:
    return run_in(host.container, f'runuser -u postgres -- psql -XAtq app -c "{statement}"')


def restored_one(built: Built) -> Host:
    """The member that an unfinished restore is of."""
    named = run_in(built.lab.host("pg1").container, f'sed \'s/.*"member": "//; s/".*//\' {STATE}/order.json')
    return built.lab.host(named)


def power_on(host: Host) -> None:
    """Give a host its power back."""
    faults.start(host.container)
    wait_until("its host answers", lambda: there(host, "systemctl is-active --quiet ssh"), seconds=PHASE_SECONDS)


def test_a_run_that_is_killed_again_and_again_is_gone_on_with(built: Built, history: History) -> None:
    """To a position in the WAL; killed while it stops the members, in the restore, and, with the new primary, later."""
    words = [f"lsn={history.position.target}"]
    first, leading = built.lab.host("pg1"), leader(built.lab)
    cut_off(built, words, lambda: there(first, f"test -e {STATE}/order.json"))
    said = one_line(run(built.inventory, check=False).log)
    assert "a restore of this host was started and is not finished" in said, "no other run may start what is stopped"
    cut_off(built, words, lambda: any(there(built.lab.host(name), f"test -e {STATE}/begun") for name in MEMBERS))
    chosen = restored_one(built)
    assert chosen != leading, "the data of the primary stay until the restored ones lead"
    cut_off(built, words, lambda: there(chosen, "systemctl is-active --quiet patroni"))
    faults.kill(chosen.container)
    power_on(chosen)
    done = restore(built, *words)
    assert "resumes a restore that an earlier run has started" in done.log
    history.assert_ends_at(history.position, psql(built, history.question))
    assert_one_cluster(built)


def test_a_moment_that_never_came_is_named_and_the_cluster_given_back(built: Built) -> None:
    """PostgreSQL finds out at the end of the WAL; until then nothing is lost."""
    note(built, 5)
    done = restore(built, "name=never_made", f"set={newest_set(built)}", check=False)
    assert done.code == 1
    assert "recovery ended before configured recovery target was reached" in done.log
    assert "--data cancel=true" in done.log
    run(built.inventory, RESTORE, *data("cancel=true"))
    assert notes(built) == [1, 5]
    assert_one_cluster(built)


def test_a_named_point_though_its_host_is_killed_in_between(built: Built, history: History) -> None:
    assert f"none says whether {POINT} was made before it" in refused(built, f"name={POINT}")
    words = [f"name={POINT}", f"set={backups(built)[0]['label']}"]
    process = start(built.inventory, RESTORE, *data(*words, f"confirm={built.lab.name}"))
    begun = replicas(built.lab)[0]
    wait_until("its data are touched", lambda: there(begun, f"test -e {STATE}/begun"), seconds=PHASE_SECONDS)
    faults.kill(begun.container)
    process.communicate(timeout=RUN_SECONDS)
    assert process.returncode != 0
    power_on(begun)
    assert there(begun, "! systemctl is-active --quiet patroni"), "a reboot starts nothing on half restored data"
    restore(built, *words)
    history.assert_ends_at(history.point, psql(built, history.question))
    assert_one_cluster(built)


def test_the_latest_loses_nothing(built: Built) -> None:
    with Load(dsn(built.lab)) as load:
        restore(built, "latest=true", "node=" + leader(built.lab).container)
    verdict, seen = load.verdict(), load.report()
    print(f"restored to the latest under load: {seen}")
    assert not verdict.lost and seen.acknowledged
    assert_one_cluster(built)


def test_the_end_of_a_backup(built: Built) -> None:
    label, before = newest_set(built), notes(built)
    note(built, 8)
    restore(built, f"set={label}")
    assert notes(built) == before
    assert_one_cluster(built)
    assert_changes_nothing(built.inventory)


# --- A new cluster from the backup of another ---


@pytest.fixture(scope="module")
def copy(built: Built, history: History, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """
    Two hosts of another cluster in the same inventory, the second one with its repository, too: begun at a time that
    the original has gone back behind, on the timeline that it gave up for that.
    """
    lab = built.lab
    lifecycle.up(lab, ("pg4", "pg5"))
    hba = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
    extra = {"cluster_name": "k-copy", **SMALL, "postgres_hba": hba}
    one, two = ((host.container, host_data(host, extra=extra)) for host in lab.hosts(("pg4", "pg5")))
    more = f"postgres += {[one, two]}\netcd += [{one!r}]\nhaproxy += {[one, two]}\nbackup += [{two!r}]\n"
    path: Path = tmp_path_factory.mktemp("k-copy") / "inventory.py"
    path.write_text(built.inventory.read_text() + more)
    begun = time.monotonic()
    moment = ("timeline=1", f"time={history.time.target}", f"set={backups(built)[0]['label']}")
    before = [files(lab.host(name)) for name in (*MEMBERS, REPOSITORY)]
    done = run(path, RESTORE, *data(f"source={lab.name}", *moment, "confirm=k-copy"))
    assert [files(lab.host(name)) for name in (*MEMBERS, REPOSITORY)] == before, "the original is as it was"
    print(f"a new cluster of two members from a backup in {time.monotonic() - begun:.1f} s")
    yield Built(lab, path, done)


def files(host: Host) -> str:
    """The configuration of a host, as digests."""
    return run_in(host.container, "find /etc/patroni /etc/pgbackrest -type f -exec sha256sum {} + | sort || true")


def test_a_new_cluster_has_the_data_of_the_other(built: Built, copy: Built, history: History) -> None:
    wait_until(
        "the standby has them, too",
        lambda: len({asked(built.lab.host(name), DIGEST) for name in ("pg4", "pg5")}) == 1,
        seconds=PHASE_SECONDS,
    )
    history.assert_ends_at(history.time, asked(built.lab.host("pg5"), history.question))
    assert [asked(built.lab.host(name), "select pg_is_in_recovery()") for name in ("pg4", "pg5")] == ["f", "t"]


def test_the_original_is_untouched(built: Built, copy: Built) -> None:
    """It leads, it writes, and its archive has nothing of the copy's timelines."""
    note(built, 9)
    timeline = int(next(iter(members(built.lab).values()))["timeline"])
    assert f"/{timeline + 1:08X}" not in pgbackrest(built, f"repo-ls --recurse archive/{built.lab.name}")
    assert there(built.lab.host("pg4"), "test ! -e /etc/pgbackrest/source"), "its way to the source is taken away"
    assert asked(built.lab.host("pg4"), "select system_identifier from pg_control_system()") == system_identifier(
        built.lab
    )


def test_both_clusters_are_as_declared_afterwards(copy: Built) -> None:
    assert_changes_nothing(copy.inventory)


def test_a_cluster_that_exists_does_not_begin_again(built: Built, copy: Built) -> None:
    words = data(f"source={built.lab.name}", "latest=true", "confirm=k-copy")
    done = run(copy.inventory, RESTORE, *words, check=False)
    assert "the cluster k-copy exists" in done.log


# --- Everything lost but the backups ---


def test_a_cluster_that_has_lost_all_its_members_begins_again_with_its_own_backup(built: Built) -> None:
    lost = [built.lab.host(name).container for name in MEMBERS]
    identifier, before = system_identifier(built.lab), notes(built)
    psql(built, "select pg_switch_wal()")
    wait_until("the last segment is archived", lambda: not waiting(built), seconds=PHASE_SECONDS)
    docker("rm", "--force", *lost)
    lifecycle.up(built.lab, MEMBERS)
    begun = time.monotonic()
    restore(built, f"source={built.lab.name}", "latest=true")
    print(f"three empty members with the data of the lost ones in {time.monotonic() - begun:.1f} s")
    assert (system_identifier(built.lab), notes(built)) == (identifier, before)
    assert_one_cluster(built)
    assert_changes_nothing(built.inventory)


def waiting(built: Built) -> bool:
    """Whether a segment is not in the archive yet."""
    return psql(built, "select count(*) from pg_ls_archive_statusdir() where name like '%.ready'") != "0"
