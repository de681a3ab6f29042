"""
Backups under fire: a primary that dies in the middle of one, a repository that is down, full, holed, or lost.

The tests are in the order of what they do to the lab, and each leaves a settled cluster to the next one.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.lab import lifecycle
from tests.lab.docker import docker, run_in
from tests.lab.failover.test_switchover import gap
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.backups import (
    BACKUP,
    REPOSITORY,
    SECONDS,
    SWITCHOVER,
    absent,
    archived,
    backups,
    findings,
    kinds,
    one_line,
    psql,
    refused,
    segments,
    take,
    write_segments,
)
from tests.lab.vocabulary.load import Load, Outcome
from tests.lab.vocabulary.runs import (
    MEMBERS,
    RUN_SECONDS,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    kill_run,
    leader,
    replicas,
    run,
    site,
    start,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

GAP_SECONDS = 0.5
TIMES = 3
# Longer than what a loaded machine makes of nothing, and shorter than any failover.
HELD_UP_SECONDS = 5.0
KILL_GAP_SECONDS = 45
# Of a failover with the repository host up: both wait for the same lock to run out, and look for it in the same loop.
TOLERANCE_SECONDS = 10
# Replication is asynchronous: what the primary acknowledged in its last moments may not have left it.
LAST_MOMENTS_SECONDS = 1.0
# On an overloaded machine the repository may seem silent; after that nobody asks for 20 s, and PostgreSQL for a minute.
CATCH_UP_SECONDS = 150
DATA_MIB, TABLES = 200, 40

FULL = "pgbackrest-backup@full.service"
OVERRIDE = "/run/systemd/system/pgbackrest-backup@.service.d/test.conf"
DIRECTORY = "/var/lib/pgbackrest"
SMALL_MIB = 512


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members and a repository host."""
    with site("q-backup", tmp_path_factory.mktemp("q-backup"), hosts=(*MEMBERS, REPOSITORY)) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def repository(built: Built) -> str:
    """The container of the repository host."""
    return built.lab.host(REPOSITORY).container


def unit(built: Built, what: str, name: str = FULL) -> str:
    """A property of a unit on the repository host."""
    return run_in(repository(built), f"systemctl show -P {what} {name}")


@contextmanager
def backups_with(built: Built, **environment: object) -> Iterator[None]:
    """Backups that are tried again after seconds, not minutes. + environment: options of pgBackRest"""
    lines = "".join(f"Environment=PGBACKREST_{name.upper()}={value}\n" for name, value in environment.items())
    write = f"install -D -m 644 /dev/stdin {OVERRIDE} && systemctl daemon-reload"
    run_in(repository(built), write, stdin=f"[Service]\nRestartSec=3\n{lines}")
    try:
        yield
    finally:
        run_in(repository(built), f"rm {OVERRIDE} && systemctl daemon-reload")


def write_tables(built: Built) -> None:
    """Data in files of some MiB each: pgBackRest looks up from its work between two files."""
    # Eight times the same in a row: as compressible as rows of an application are.
    rows = f"select n, repeat(md5(n::text), 8) from generate_series(1, {DATA_MIB * 3400 // TABLES}) n"
    psql(built, "; ".join(f"create table bulk{number} as {rows}" for number in range(TABLES)))
    wait_until_settled(built.lab)
    for host in (leader(built.lab), *replicas(built.lab)):
        run_in(host.container, "runuser -u postgres -- psql -Xqc checkpoint")


def is_copying(built: Built) -> bool:
    """Whether a backup has its session on the primary."""
    asked = "select count(*) from pg_stat_activity where application_name = 'pgBackRest [backup]'"
    return psql(built, asked) == "1"


# --- A backup as such ---


def test_a_new_cluster_says_that_it_has_no_backup_until_it_has(built: Built) -> None:
    assert (
        one_line(built.run.log).count("NO BACKUP YET: `pyinfra inventory.py deploys/backup.py --data type=full`") == 1
    )
    take(built, "full")
    assert "NO BACKUP YET" not in assert_changes_nothing(built.inventory).log


def test_a_full_backup_interrupts_no_write(built: Built) -> None:
    write_tables(built)
    last = write_segments(built, 1)
    wait_until("all of it is archived", lambda: archived(built) >= last, seconds=CATCH_UP_SECONDS)
    gaps: list[float] = []
    with Load(dsn(built.lab, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= 200, seconds=20)
        # An overloaded machine holds clients up during one backup or another; a lock would do so in each.
        while len(gaps) < TIMES and min(gaps, default=60.0) > GAP_SECONDS:
            began = time.monotonic()
            said = take(built, "full")
            gaps.append(round(gap(load.attempts, began, time.monotonic()), 2))
    print(f"\nfull backup: {said.partition('full backup, ')[2][:150]}")
    print(f"no write for {gaps} s, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    assert min(gaps) <= GAP_SECONDS
    assert load.verdict().is_clean


# --- A primary that goes away ---


@dataclass(frozen=True)
class Killed:
    """A primary that was killed. + via: a host that lives; + seconds: for how long nobody could write"""

    old: Host
    via: str
    seconds: float


def killed(built: Built, load: Load, via: str) -> Killed:
    """Kill the primary, and wait until clients write again. Nothing may be lost but the last moments' writes."""
    old, at = leader(built.lab, via), time.monotonic()
    faults.kill(old.container)

    def written() -> bool:
        return any(one.outcome is Outcome.ACKNOWLEDGED and one.started > at + 1 for one in load.attempts)

    wait_until("writes go on", written, seconds=KILL_GAP_SECONDS)
    return Killed(old, via, round(gap(load.attempts, at - 1, time.monotonic()), 1))


def assert_kept_its_word(load: Load, killed_at: float) -> None:
    verdict = load.verdict()
    lost = [one.ended for one in load.attempts if one.value in verdict.lost]
    assert not verdict.duplicated and not verdict.resurrected, verdict
    assert all(killed_at - LAST_MOMENTS_SECONDS <= ended <= killed_at for ended in lost), verdict


def back(built: Built, old: Host) -> None:
    """Start a killed member, and wait until it streams."""
    faults.start(old.container)
    wait_until_ready(old)
    wait_until_settled(built.lab)


def begun(built: Built, words: str) -> subprocess.Popen[str]:
    """A run that takes a full backup, and has said these words."""
    process = start(built.inventory, BACKUP, "--data", "type=full")
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if words in line:
            return process
    raise AssertionError("".join(seen))


def archiver_failing(built: Built) -> str | None:
    """What a check says of an archiver that fails."""
    return findings(built).get("archiver-failing")


FAILOVERS: dict[str, float] = {}


def test_a_backup_outlives_its_run_and_the_primary_s_death_ends_it_for_minutes_only(built: Built) -> None:
    via, before = replicas(built.lab)[0].short_name, len(backups(built))
    with Load(dsn(built.lab, 5000, via, connect_timeout=2)) as load:
        with backups_with(built, compress_level=19):
            first = begun(built, "Starting operation: Backup")
            wait_until("the backup copies", lambda: is_copying(built), seconds=SECONDS)
            kill_run(first)
            first.communicate(timeout=RUN_SECONDS)
            said = refused(built, SWITCHOVER)
            assert "a backup has been under way for 0 min on" in said
            assert "--data force=true does not wait" in said
            assert unit(built, "SubState") == "start", "the backup goes on without its run"
            second = begun(built, "is under way already")
            at = time.monotonic()
            gone = killed(built, load, via)
        # From here on at its own pace, and again after three seconds.
        with backups_with(built):
            log = one_line(second.communicate(timeout=RUN_SECONDS)[1])
            assert second.returncode == 1 and "the full backup failed: [" in log, log
            faults.start(gone.old.container)
            wait_until("the unit has tried again", lambda: len(backups(built)) == before + 1, seconds=RUN_SECONDS)
        wait_until_settled(built.lab)
    assert_kept_its_word(load, at)
    FAILOVERS["up"] = gone.seconds
    print(f"\nno write for {gone.seconds} s; {log.partition('the full backup failed: ')[2][:200]}")
    assert "incr backup, complete at" in take(built, "incr"), "no lock is left"
    assert kinds(built) == set()


def test_a_dead_repository_costs_a_failover_nothing_and_leaves_no_hole(built: Built) -> None:
    via, kept = replicas(built.lab)[0].short_name, leader(built.lab)
    faults.kill(repository(built))
    try:
        with Load(dsn(built.lab, 5000, via, connect_timeout=2)) as load:
            write_segments(built, 4, via)
            problem = wait_until("the archiver fails", lambda: archiver_failing(built), seconds=SECONDS)
            at = time.monotonic()
            gone = killed(built, load, via)
            last = write_segments(built, 2, via)
    finally:
        faults.start(repository(built))
    back(built, gone.old)
    assert_kept_its_word(load, at)
    print(f"\nno write for {gone.seconds} s without a repository host, {FAILOVERS.get('up')} s with it")
    print(problem)
    assert "could not be archived: the repository does not answer; " in problem
    assert "MiB, wait for the archive on the disk, which has" in problem
    assert gone.seconds <= FAILOVERS.get("up", KILL_GAP_SECONDS) + TOLERANCE_SECONDS
    assert leader(built.lab) != kept
    wait_until("the archive has caught up", lambda: archived(built) >= last, seconds=CATCH_UP_SECONDS)
    wait_until("nothing is missing in it", lambda: not absent(built), seconds=CATCH_UP_SECONDS)
    assert findings(built) == {}


# --- A hole ---


def test_a_hole_in_the_archive_is_named_until_a_backup_makes_it_harmless(built: Built) -> None:
    write_segments(built, 1)
    victim = write_segments(built, 1)
    last = write_segments(built, 1)
    wait_until("they are archived", lambda: archived(built) >= last, seconds=CATCH_UP_SECONDS)
    there, archive = segments(built), f"cd {DIRECTORY}/archive/{built.lab.name}"
    # What is missing before a fresh one may be on its way.
    run_in(repository(built), f"{archive} && rm {there[victim]} && touch -d '-5 minutes' {there[last]}")
    assert len(absent(built)) == 1
    assert findings(built)["wal-missing"] == f"a segment is missing in the archive: {victim}"
    take(built, "full")
    # A restore to a moment between the two backups cannot succeed any more, and that stays worth a word.
    assert findings(built) == {"wal-missing-before": f"a segment is missing in the archive: {victim}"}


# --- A full disk ---


def fill(built: Built, leave_mib: int) -> None:
    """Fill the repository's file system but for so much."""
    ballast = f"{DIRECTORY}/ballast"
    measure = f"$(df --output=avail -k {DIRECTORY} | tail -n 1)"
    run_in(repository(built), f"rm -f {ballast}; fallocate -l $(( {measure} - {leave_mib * 1024} ))KiB {ballast}")


def test_a_full_repository_is_named_and_costs_no_write(built: Built) -> None:
    host = repository(built)
    small = f"mkdir /run/small && mount -t tmpfs -o size={SMALL_MIB}m,mode=750 tmpfs /run/small"
    run_in(host, f"{small} && chown postgres: /run/small && cp -a {DIRECTORY}/. /run/small/")
    # A service that is shut in does not see what is mounted in a container while it runs.
    run_in(host, f"mount --bind /run/small {DIRECTORY} && systemctl restart pgbackrest")
    before = set(findings(built))

    fill(built, leave_mib=50)
    found = findings(built)
    assert "repository-nearly-full" in set(found) - before
    assert re.search(rf"is filled to 90 %, (49|50) MiB are left for {DIRECTORY}$", found["repository-nearly-full"])

    fill(built, leave_mib=17)
    with backups_with(built, job_retry=0):
        said = refused(built, BACKUP, "type=full")
    print(f"\n{said.partition('Operation error')[2]}")
    assert f"the full backup failed: the repository is full: 0 MiB are left on the file system of {DIRECTORY}" in said
    run_in(host, f"systemctl stop {FULL}; systemctl reset-failed {FULL}")

    fill(built, leave_mib=0)
    with Load(dsn(built.lab, connect_timeout=2)) as load:
        began = time.monotonic()
        write_segments(built, 3)
        wait_until("the archiver fails", lambda: archiver_failing(built), seconds=SECONDS)
        found, said = findings(built), refused(built, BACKUP, "type=full")
        longest = gap(load.attempts, began, time.monotonic())
    print(f"{found['repository-full']}\n{found['archiver-failing']}\nno write for {longest:.2f} s")
    assert "No space left on device" in found["archiver-failing"]
    assert f"the repository is full: 0 of {SMALL_MIB} MiB are left on its file system HINT: enlarge" in said
    assert load.verdict().is_clean and longest <= HELD_UP_SECONDS

    run_in(host, f"rm {DIRECTORY}/ballast")
    # PostgreSQL looks once a minute, and when there is a new segment.
    last = write_segments(built, 1)
    wait_until("the archive has caught up", lambda: archived(built) >= last, seconds=CATCH_UP_SECONDS)
    take(built, "full")
    assert set(findings(built)) <= before


# --- A repository host that is gone for good ---


def test_a_lost_repository_host_is_built_anew(built: Built) -> None:
    docker("rm", "--force", "--volumes", repository(built))
    write_segments(built, 2)
    lifecycle.up(built.lab, [REPOSITORY])
    rebuilt = run(built.inventory)
    assert changed(rebuilt)["Backups | Create the stanza and check archiving"] == [repository(built)]
    assert "NO BACKUP YET" in rebuilt.log
    assert "full backup, complete at" in take(built, "incr")
    assert kinds(built) == set()
    assert_changes_nothing(built.inventory)
