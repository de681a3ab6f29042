"""A scraper on this machine, with what deploys/monitoring.py has written for one, and what its scrapes cost a host."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.lab import bench_cpu
from tests.lab.docker import docker, run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.runs import Site, run

EXPORTERS = {"node": "9100/metrics", "postgres": "9187/metrics", "etcd": "2381/proxy?module=etcd"}
POOLS = {"pgbouncer": "9127/proxy?module=pgbouncer"}
OTHERS = {"patroni": "8008/metrics", "haproxy": "7000/metrics"}
UNITS = {
    "node": "pyinfra-patroni-node-exporter",
    "postgres": "pyinfra-patroni-postgres-exporter",
    "etcd": "pyinfra-patroni-etcd-metrics",
    "pgbouncer": "pyinfra-patroni-pgbouncer-exporter",
}


# Names that are the same on both releases, and that rules are made of.
NAMES = {
    "node": {"node_load1", "node_filesystem_avail_bytes", "node_filesystem_readonly", "node_memory_MemAvailable_bytes"},
    "postgres": {
        *("pg_up", "pg_stat_activity_count", "pg_settings_max_connections", "pg_stat_archiver_failed_count"),
        *("pg_replication_lag_seconds", "pg_replication_is_replica", "pg_postmaster_start_time_seconds"),
        *("pg_replication_slots_active", "pg_replication_slots_pg_wal_lsn_diff", "pg_stat_database_deadlocks"),
        *("pg_pyinfra_transaction_id_age", "pg_pyinfra_wal_ready", "pg_database_size_bytes", "pg_wal_segments"),
        *("pg_database_wraparound_age_datfrozenxid_seconds", "pg_locks_count", "pg_replication_slot_slot_is_active"),
        *("pg_settings_max_slot_wal_keep_size_bytes", "pg_long_running_transactions"),
    },
    "etcd": {
        "etcd_server_has_leader",
        "etcd_disk_wal_fsync_duration_seconds_bucket",
        "etcd_mvcc_db_total_size_in_bytes",
    },
    "patroni": {"patroni_primary", "patroni_postgres_running", "patroni_postgres_timeline", "patroni_dcs_last_seen"},
    "haproxy": {"haproxy_backend_active_servers", "haproxy_frontend_current_sessions"},
}
BACKUPS = {"pgbackrest_stanza_status", "pgbackrest_repo_status", "pgbackrest_exporter_status"}


@dataclass(frozen=True)
class Scraper:
    """Who is let in. + directory: that of the cluster in the export"""

    directory: Path

    @property
    def pair(self) -> tuple[str, str]:
        """Its certificate and key."""
        return str(self.directory / "pki/scraper.crt"), str(self.directory / "pki/scraper.key")

    @property
    def authority(self) -> str:
        """Whom it believes to be an exporter."""
        return str(self.directory / "pki/monitoring-ca.crt")

    def get(self, job: str, host: Host, **changed: Any) -> requests.Response:
        """One scrape. + changed: arguments of requests that differ, such as ``cert=None``"""
        place = {**EXPORTERS, **POOLS, **OTHERS}[job]
        verified = str(self.directory / "pki/ca.crt") if job in OTHERS else self.authority
        shown = None if job == "patroni" else self.pair
        given = {"cert": shown, "verify": verified, "timeout": 20, **changed}
        return requests.get(f"https://{host.address4}:{place}", **given)

    def text(self, job: str, host: Host) -> str:
        """What a scrape brings."""
        answer = self.get(job, host)
        answer.raise_for_status()
        return answer.text

    def names(self, job: str, host: Host) -> set[str]:
        """The names of its metrics."""
        return set(re.findall(r"^([a-z_][a-z0-9_]*)[ {]", self.text(job, host), re.MULTILINE | re.IGNORECASE))

    def value(self, job: str, host: Host, name: str) -> float:
        """The value of a metric with at most one label."""
        found = re.search(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.text(job, host), re.MULTILINE)
        assert found, f"{job} of {host.container} has no {name}"
        return float(found.group(1))


def exported(place: Site, directory: Path) -> Scraper:
    """What the run writes for a scraper of one's own."""
    run(place.inventory, "deploys/monitoring.py", "--data", f"export={directory}", as_json=False)
    return Scraper(directory / place.lab.name)


def started(host: Host, unit: str) -> str:
    """When a unit was started."""
    return run_in(host.container, f"systemctl show -P ExecMainStartTimestampMonotonic {unit}").strip()


def used_ms(host: Host) -> float:
    """What all processes of a host have used so far, those that have ended included."""
    files = ("/sys/fs/cgroup/cpuacct/docker/{}/cpuacct.usage", "/sys/fs/cgroup/system.slice/docker-{}.scope/cpu.stat")
    number = docker("inspect", "--format", "{{.Id}}", host.container).strip()
    old, new = (Path(path.format(number)) for path in files)
    if old.exists():
        return int(old.read_text()) / 1e6
    if new.exists():
        return int(new.read_text().split()[1]) / 1e3
    ticks = bench_cpu.look(host.container).ticks.values()
    return 1000 * sum(ticks) / bench_cpu.TICKS_A_SECOND


def cost_ms(scraper: Scraper, host: Host, job: str, times: int, idle_ms_a_second: float) -> float:
    """What one scrape of a job costs a host, on top of what it uses anyway; over one connection, as Prometheus does."""
    place = {**EXPORTERS, **POOLS, **OTHERS}[job]
    given = {
        "cert": None if job == "patroni" else scraper.pair,
        "verify": str(scraper.directory / "pki/ca.crt") if job in OTHERS else scraper.authority,
        "timeout": 20,
    }
    with requests.Session() as session:
        session.get(f"https://{host.address4}:{place}", **given).raise_for_status()
        before, began = used_ms(host), time.monotonic()
        for _ in range(times):
            session.get(f"https://{host.address4}:{place}", **given).raise_for_status()
        after, ended = used_ms(host), time.monotonic()
    return (after - before - idle_ms_a_second * (ended - began)) / times
