"""
Every fault that a lab can make raises its alert, and little else, and the alert ends after the repair. What is printed
at the end is the table of docs/alerts.md: seconds, `for` of the alerts included.

Two limits of an hour are declared as a minute, for nobody waits that long here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from cluster.pki.certificates import PATRONI, CertificatePlace
from cluster.pki.pem import LeafRequest
from cluster.pki.verdicts import Authority, describe
from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.alerts import WATCHED_HOSTS as HOSTS
from tests.lab.vocabulary.alerts import Watched
from tests.lab.vocabulary.runs import (
    MEMBERS,
    dsn,
    leader,
    replicas,
    run,
    secrets_directory,
    site,
    sql,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

SETTINGS: dict[str, Any] = {
    "monitoring": True,
    "monitoring_scrape_seconds": 5,
    "findings_minutes": 1,
    "preflight_free_gib": 0.1,
    "monitoring_limits": {"transaction:seconds": 60.0, "prepared_transaction:seconds": 60.0},
    "patroni_ignore_slots": [{"name": "forgotten", "type": "physical"}],
}
PARAMETERS = {"max_prepared_transactions": 10, "max_slot_wal_keep_size": "128MB", "max_connections": 60}
LONG = "select pg_sleep(3600)"
QUIET_SECONDS = 1800  # most that an alert may take to end after the repair
OTHERS = 2
SPARE, REPOSITORY = "/srv/spare", "/var/lib/pgbackrest"


@dataclass(frozen=True)
class Fault:
    """
    Something that breaks.

    + what: in words; + alert: that has to come of it; + seconds: within which; + also: what else may come, two at most
    + breaks: does it, and says on the stack how it is put right
    """

    what: str
    alert: str
    seconds: float
    breaks: Callable[[Watched, ExitStack], Any]
    also: tuple[str, ...] = ()


@dataclass
class Row:
    """What a fault brought about. + others: alerts besides its own"""

    fault: Fault
    raised: float
    others: set[str] = field(default_factory=set)
    cleared: float = 0.0


ROWS: list[Row] = []


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("alerts")
    with site("al-alerts", directory, hosts=HOSTS, postgres_parameters=PARAMETERS, **SETTINGS) as ready:
        there = Watched(ready.lab, ready.inventory, directory)
        with ExitStack() as disks:
            small_disks(there, disks)
            run(ready.inventory)
            wait_until_settled(ready.lab)
            run(ready.inventory, "deploys/backup.py")
            yield there


def small_disks(there: Watched, stack: ExitStack) -> None:
    """File systems of their own for what is to fill up."""
    stack.enter_context(faults.small_disk(there.lab.host("pg3").container, SPARE, 200))
    stack.enter_context(faults.small_disk(there.lab.host("backup1").container, REPOSITORY, 600))


# --- What breaks ---


def paused(there: Watched, repairs: ExitStack) -> None:
    run(there.inventory, "deploys/pause.py")
    repairs.callback(run, there.inventory, "deploys/resume.py")


def haproxy_dead(there: Watched, repairs: ExitStack) -> None:
    host = there.lab.host("pg2").container
    run_in(host, "systemctl stop haproxy")
    repairs.callback(run_in, host, "systemctl start haproxy")


def long_transaction(there: Watched, repairs: ExitStack) -> None:
    host = leader(there.lab).container
    run_in(host, f'cd / && (runuser -u postgres -- psql -Xqc "{LONG}" >/dev/null 2>&1 &)')
    ends = f"select pg_terminate_backend(pid) from pg_stat_activity where query = '{LONG}'"
    repairs.callback(as_superuser, there.lab, ends)


def prepared_transaction(there: Watched, repairs: ExitStack) -> None:
    sql(there.lab, "create table if not exists prepared (id int)")
    with psycopg.connect(dsn(there.lab), autocommit=True) as connection:
        connection.execute("begin")
        connection.execute("insert into prepared values (1)")
        connection.execute("prepare transaction 'forgotten'")
    repairs.callback(sql, there.lab, "rollback prepared 'forgotten'")


def pending_restart(there: Watched, repairs: ExitStack) -> None:
    parameters = {**PARAMETERS, "max_connections": 70}
    changed = write_inventory(there.lab, there.directory, HOSTS, postgres_parameters=parameters, **SETTINGS)
    run(changed, "deploys/configure.py")
    repairs.callback(run, changed, "deploys/restart_pending.py")


def certificate_ends(there: Watched, repairs: ExitStack) -> None:
    """One of the cluster's CA that has five days left; Patroni loads it, and the next run renews it."""
    host = there.lab.host("pg1")
    put(there.lab, host, PATRONI, days_left=5)
    repairs.callback(run, there.inventory)


def put(lab: Lab, host: Host, place: CertificatePlace, days_left: int) -> None:
    seen = describe(run_in(host.container, f"cat {place.certificate}"))
    names = LeafRequest(seen.subject_cn, seen.dns_names, seen.addresses, seen.server, seen.client, 365)
    signer = Authority.load_or_create(secrets_directory(lab), lab.name)
    leaf = signer.issue(names, now=datetime.now(UTC) - timedelta(days=365 - days_left, hours=-1))
    for path, text in ((place.key, leaf.key_pem), (place.certificate, leaf.certificate_pem)):
        run_in(host.container, f"cat > {path} <<'END'\n{text}END\n")
    run_in(host.container, "systemctl reload patroni")


def backup_old(there: Watched, repairs: ExitStack) -> None:
    """The repository host judges itself with a clock that is two days ahead."""
    host = there.lab.host("backup1").container
    unit = "/etc/systemd/system/pyinfra-patroni-findings.service.d"
    library = "$(dpkg -L libfaketime | grep '/libfaketime.so.1$')"
    ahead = f'printf "[Service]\\nEnvironment=LD_PRELOAD=%s FAKETIME=+2d FAKETIME_DONT_FAKE_MONOTONIC=1\\n" {library}'
    run_in(host, "command -v faketime || apt-get install -qy faketime >/dev/null")
    run_in(host, f"mkdir -p {unit} && {ahead} > {unit}/ahead.conf && systemctl daemon-reload")
    repairs.callback(
        run_in, host, f"rm -r {unit} && systemctl daemon-reload && systemctl start pyinfra-patroni-findings"
    )


def disk_nearly_full(there: Watched, repairs: ExitStack) -> None:
    fill(there.lab.host("pg3"), SPARE, 90, repairs)


def repository_full(there: Watched, repairs: ExitStack) -> None:
    fill(there.lab.host("backup1"), REPOSITORY, 97, repairs)


def fill(host: Host, place: str, percent: int, repairs: ExitStack) -> None:
    size, used = map(int, run_in(host.container, f"df -Pm {place} | awk 'NR == 2 {{ print $2, $3 }}'").split())
    repairs.callback(run_in, host.container, f"rm {place}/filler")
    run_in(host.container, f"fallocate -l {size * percent // 100 - used}M {place}/filler")


def replica_lags(there: Watched, repairs: ExitStack) -> None:
    repairs.enter_context(faults.replays_nothing(replicas(there.lab)[0].container))
    written(there, 80)


def slot_fills(there: Watched, repairs: ExitStack) -> None:
    as_superuser(there.lab, "select pg_create_physical_replication_slot('forgotten', true)")
    repairs.callback(as_superuser, there.lab, "select pg_drop_replication_slot('forgotten')")
    written(there, 80)


def as_superuser(lab: Lab, statement: str) -> None:
    """On the leader, over its own socket."""
    run_in(leader(lab).container, f'cd / && runuser -u postgres -- psql -Xqc "{statement}"')


def written(there: Watched, mebibytes: int) -> None:
    """So much WAL. It stands there as it is, while a table would compress it."""
    message = "pg_logical_emit_message(false, 'test', repeat('x', 1048576))"
    sql(there.lab, f"select count({message}) from generate_series(1, {mebibytes})")


def connections_taken(there: Watched, repairs: ExitStack) -> None:
    host = leader(there.lab).short_name
    while True:
        try:
            repairs.enter_context(psycopg.connect(dsn(there.lab, 5432, host)))
        except psycopg.OperationalError:
            return


def archive_dead(there: Watched, repairs: ExitStack) -> None:
    host = there.lab.host("backup1").container
    run_in(host, "systemctl stop pgbackrest")
    repairs.callback(run_in, host, "systemctl start pgbackrest")
    as_superuser(there.lab, "select pg_logical_emit_message(false, 'test', 'x')")
    as_superuser(there.lab, "select pg_switch_wal()")


def etcd_member_lost(there: Watched, repairs: ExitStack) -> None:
    stop_etcd(there.lab.host("pg3"), repairs)


def etcd_quorum_lost(there: Watched, repairs: ExitStack) -> None:
    for name in ("pg2", "pg3"):
        stop_etcd(there.lab.host(name), repairs)


def stop_etcd(host: Host, repairs: ExitStack) -> None:
    run_in(host.container, "systemctl stop etcd")
    repairs.callback(run_in, host.container, "systemctl start etcd --no-block")


def killed(there: Watched, repairs: ExitStack) -> None:
    host = replicas(there.lab)[0].container
    faults.kill(host)
    repairs.callback(booted, there.lab, host)


def frozen(there: Watched, repairs: ExitStack) -> None:
    host = replicas(there.lab)[0].container
    faults.freeze(host)
    repairs.callback(faults.thaw, host)


def cut(there: Watched, repairs: ExitStack) -> None:
    host = replicas(there.lab)[0]
    faults.cut_peers(host.container, [one.container for one in there.hosts.values() if one != host])
    repairs.callback(faults.heal, host.container)


def booted(lab: Lab, host: str) -> None:
    faults.start(host)
    wait_until_ready(next(one for one in map(lab.host, MEMBERS) if one.container == host))


TOGETHER = [
    Fault("a pending restart is left", "PendingRestart", 720, pending_restart),
    Fault("Patroni is paused", "ClusterPaused", 400, paused),
    Fault("HAProxy of a host is dead", "HaproxyDown", 120, haproxy_dead, ("UnitDown",)),
    Fault("a query runs for long (limit 60 s)", "LongTransaction", 240, long_transaction),
    Fault("a prepared transaction is forgotten (limit 60 s)", "PreparedTransactionOld", 240, prepared_transaction),
    Fault("a certificate ends in 5 days", "CertificateEnds", 240, certificate_ends, ("FindingWarning",)),
    Fault("the newest backup is too old", "BackupOld", 240, backup_old),
    Fault("a disk is nearly full", "DiskNearlyFull", 420, disk_nearly_full),
]
BESIDE = [
    Fault("a replica lags", "ReplicaLagging", 240, replica_lags),
    Fault("a forgotten slot fills up", "SlotKeepsMuch", 240, slot_fills, ("SlotInactive",)),
    Fault("connections are exhausted", "ConnectionsExhausted", 150, connections_taken),
]
ALONE = [
    Fault("the repository's service is dead", "ArchiveFailing", 360, archive_dead, ("UnitDown",)),
    Fault("the repository is full", "RepositoryFull", 240, repository_full),
    Fault("a member of etcd is lost", "EtcdMemberDown", 150, etcd_member_lost, ("UnitDown",)),
    Fault("etcd's quorum is lost", "EtcdNoQuorum", 150, etcd_quorum_lost, ("UnitDown",)),
    Fault("a member is killed", "HostDown", 150, killed),
    Fault("a member is frozen", "HostDown", 150, frozen),
    Fault("a member is cut off", "HostDown", 150, cut),
]


def quiet(there: Watched, what: str, seconds: float = QUIET_SECONDS) -> None:
    wait_until(f"no alert {what}", lambda: not there.alerts(), seconds=seconds, poll_seconds=2)


def observed(there: Watched, several: list[Fault]) -> list[Row]:
    """Let faults come at the same time, wait for the alert of each, repair all, and wait until it is quiet."""
    quiet(there, "before the faults")
    rows: dict[str, Row] = {}
    others: set[str] = set()
    allowed = {name for one in several for name in (one.alert, *one.also)}
    with ExitStack() as repairs:
        for one in several:
            one.breaks(there, repairs)
        began = time.monotonic()
        last = max(one.seconds for one in several)

        def all_raised() -> bool:
            firing = there.alerts()
            others.update(firing - {one.alert for one in several})
            for one in several:
                if one.alert in firing and one.what not in rows:
                    rows[one.what] = Row(one, time.monotonic() - began)
            return len(rows) == len(several)

        wait_until(f"alerts of {[one.what for one in several]}", all_raised, seconds=last, poll_seconds=2)
        repairs.close()
    repaired = time.monotonic()
    while firing := there.alerts():
        others.update(firing - {one.alert for one in several})
        for row in rows.values():
            row.cleared = time.monotonic() - repaired if row.fault.alert in firing else row.cleared
        if time.monotonic() - repaired > QUIET_SECONDS:
            pytest.fail(f"{firing} go on after the repair of {list(rows)}")
        time.sleep(2)
    for row in rows.values():
        row.others = others & set(row.fault.also) if len(several) > 1 else others
        told = f"{row.fault.alert} after {row.raised:.0f} s, gone {row.cleared:.0f} s after the repair"
        print(f"\n{row.fault.what}: {told}; others: {row.others}")
    wait_until_settled(there.lab)
    assert others <= allowed if len(several) > 1 else len(others) <= OTHERS, others
    for row in rows.values():
        assert row.raised <= row.fault.seconds
    return list(rows.values())


def test_a_healthy_cluster_raises_none(watched: Watched) -> None:
    quiet(watched, "of a healthy cluster", 600)


@pytest.mark.parametrize("fault", ALONE, ids=lambda fault: fault.what)
def test_a_fault_raises_its_alert_and_little_else(watched: Watched, fault: Fault) -> None:
    ROWS.extend(observed(watched, [fault]))


@pytest.mark.parametrize("several", [BESIDE, TOGETHER], ids=["quick", "slow"])
def test_faults_at_the_same_time_raise_one_alert_each(watched: Watched, several: list[Fault]) -> None:
    ROWS.extend(observed(watched, several))


def test_all_of_it_as_a_table() -> None:
    print("\n| Fault | Alert | Raised after | Others | Cleared after |\n|---|---|--:|---|--:|")
    for row in ROWS:
        others = ", ".join(sorted(row.others)) or "none"
        print(f"| {row.fault.what} | `{row.fault.alert}` | {row.raised:.0f} s | {others} | {row.cleared:.0f} s |")
    assert len(ROWS) == len(ALONE) + len(BESIDE) + len(TOGETHER)
