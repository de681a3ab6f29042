"""What a backup and a restore of a gigabyte take, beside pg_basebackup and cp with the same data. For `make bench`."""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cluster.components.patroni import REPLICATION_USER
from cluster.pki.certificates import MEMBERSHIP, POSTGRES
from tests.lab.docker import run_in
from tests.lab.failover.test_switchover import gap
from tests.lab.spec import Lab
from tests.lab.vocabulary.backups import psql, write_segments
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import MEMBERS, Built, dsn, leader, replicas, run, secrets, site, wait_until_settled
from tests.lab.vocabulary.waiting import wait_until

# pgbench's own tables: 15 MB for each step of the scale.
SCALE = 70
GAP_SECONDS = 0.5
RUN_SECONDS = 600
SCRATCH = "/var/lib/postgresql/scratch"


@dataclass(frozen=True)
class Figure:
    """One way to move the data. + mb: of data, as PostgreSQL has them"""

    what: str
    seconds: float
    mb: float

    def __str__(self) -> str:
        return f"  {self.what:<72} {self.seconds:6.1f} s {self.mb / self.seconds:6.0f} MB/s"


def measured_backups(directory: Path, name: str = "bench-backup") -> tuple[list[Figure], float]:
    """All figures, and for how long nobody could write during a full backup. + name: of the lab"""
    with site(name, directory, hosts=(*MEMBERS, "backup1")) as ready:
        built = Built(ready.lab, ready.inventory, run(ready.inventory))
        wait_until_settled(built.lab)
        mb = _filled(built)
        with Load(dsn(built.lab, connect_timeout=2)) as load:
            wait_until("the load runs", lambda: load.report().acknowledged >= 200, seconds=20)
            began = time.monotonic()
            full = Figure("full backup from a standby, over the network, compressed, encrypted", _backup(built), mb)
            longest = gap(load.attempts, began, time.monotonic())
        return [full, *_others(built, mb)], longest


def _filled(built: Built) -> float:
    """A gigabyte on the primary, that the standbys have too. Returns what it is in MB."""
    primary = leader(built.lab).container
    pgbench = f"cd / && runuser -u postgres -- pgbench -i -q -s {SCALE} app"
    run_in(primary, pgbench, timeout_seconds=RUN_SECONDS)
    psql(built, "checkpoint")
    write_segments(built, 1)
    wait_until_settled(built.lab)
    return int(psql(built, "select sum(pg_database_size(oid)) from pg_database")) / 1e6


def _backup(built: Built, kind: str = "full") -> float:
    return _timed(built.lab.host("backup1").container, f"systemctl start pgbackrest-backup@{kind}")


def _others(built: Built, mb: float) -> Iterator[Figure]:
    lab, standby = built.lab, replicas(built.lab)[0].container
    restore = f"PGBACKREST_PROCESS_MAX=$(nproc) pgbackrest --stanza={lab.name} --pg1-path={SCRATCH} --type=none"
    yield Figure("incremental backup of the same data", _backup(built, "incr"), mb)
    yield Figure("restore into an empty directory", _timed(standby, as_postgres(f"{restore} restore"), fresh=True), mb)
    yield Figure("restore --delta where all files are as in the backup", _timed(standby, again(restore)), mb)
    copy = as_postgres(f"{replication_login(lab)} -c fast -X none -D {SCRATCH}")
    yield Figure("pg_basebackup from the primary, over the network", _timed(standby, copy, fresh=True), mb)
    plain = f"cp -r /var/lib/postgresql/*/{lab.name}/. {SCRATCH}"
    yield Figure("cp -r on the standby itself", _timed(standby, plain, fresh=True), mb)


def replication_login(lab: Lab) -> str:
    """pg_basebackup with what a member logs in with: its certificate and the password."""
    own = next(place for place in MEMBERSHIP if place.role == REPLICATION_USER)
    words = (
        f"host={leader(lab).address4} user={REPLICATION_USER} sslmode=verify-full "
        f"sslrootcert={POSTGRES.authority} sslcert={own.certificate} sslkey={own.key}"
    )
    return f'PGPASSWORD={secrets(lab)["PATRONI_REPLICATION_PASSWORD"]} pg_basebackup -d "{words}"'


def again(restore: str) -> str:
    """A restore over one that is there. + restore: its words without the command"""
    return as_postgres(f"{restore} --delta restore")


def as_postgres(words: str) -> str:
    """A command of the user postgres."""
    return f"cd / && runuser -u postgres -- sh -c '{words}'"


def _timed(host: str, command: str, *, fresh: bool = False) -> float:
    """For how long a command ran, with what it wrote on the disk. + fresh: its directory is emptied before"""
    if fresh:
        run_in(host, f"rm -rf {SCRATCH} && install -d -o postgres -g postgres -m 700 {SCRATCH} && sync")
    began = time.monotonic()
    run_in(host, f"{command} && sync", timeout_seconds=RUN_SECONDS)
    return time.monotonic() - began


def print_backups(figures: list[Figure], longest: float) -> None:
    """The table, and what the machine was doing besides."""
    print(f"\nbackups: {figures[0].mb:.0f} MB, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    print("\n".join(map(str, figures)))
    print(f"  {'no write during the full backup for':<72} {longest:6.2f} s")
