"""The settings of monitoring: the exporters on the hosts, their ports, and what a host of the group monitor does."""

from __future__ import annotations

from cluster.settings.base import Strict, port, setting


class MonitoringSettings(Strict):
    """Metrics of the hosts for Prometheus, and hosts that scrape them; see docs/monitoring.md."""

    monitoring: bool = setting(
        False, "exporters on every host, over TLS, for those alone who show the scraper's certificate"
    )
    monitoring_node_port: int = port(9100, "metrics of the host, and those that files hold")
    monitoring_postgres_port: int = port(9187, "metrics of PostgreSQL, on members")
    monitoring_pgbouncer_port: int = port(9127, "metrics of PgBouncer's pools, where it runs")
    monitoring_etcd_port: int = port(2381, "metrics of etcd, on its hosts")
    monitoring_etcd_local_port: int = port(2382, "the same without TLS, on loopback alone: etcd serves them there")
    monitoring_backup_minutes: int = setting(
        5, "minutes between two looks at the backups, on the repository host", ge=1, le=1440
    )
