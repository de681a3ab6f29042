"""All clusters: a row for each, and what is wrong anywhere."""

from __future__ import annotations

from monitoring.dashboards_source.panel import Board, Panel, Query, Row, one

_FIRING = 'sum by (cluster) (alert:firing:count{{cluster!="",severity="{}"}})'

BOARD = Board(
    "overview",
    "Clusters",
    "Every cluster in one row. Start here, then open the dashboard of the cluster.",
    (
        Row(
            "All clusters",
            (
                Panel(
                    "Clusters",
                    (
                        Query("cluster:leaders:sum", "leaders"),
                        Query("cluster:replicas:sum", "replicas"),
                        Query("cluster:etcd_serving:sum", "etcd"),
                        Query("max by (cluster) (member:lag:bytes)", "lag, bytes"),
                        Query("max by (cluster) (member:connections:ratio)", "connections, share"),
                        Query("cluster:paused:max", "paused"),
                        Query('max by (cluster) (cluster:backup_age:seconds{type="any"})', "backup, s ago"),
                        Query(f"{_FIRING.format('page')} or cluster:up:max * 0", "pages"),
                        Query(f"{_FIRING.format('ticket')} or cluster:up:max * 0", "tickets"),
                    ),
                    kind="table",
                    about="One leader, as many replicas as members less one, and every etcd member: this is normal.",
                    width=24,
                    height=6,
                ),
            ),
        ),
        Row(
            "What is wrong",
            (
                one(
                    "Alerts that fire",
                    "sum by (cluster, alertname, severity) (alert:firing:count)",
                    "{{cluster}} {{alertname}}",
                    about="Without Watchdog, which always fires.",
                ),
                one(
                    "Findings",
                    'count by (cluster, severity) (cluster:finding:max{severity!="remark"})',
                    "{{cluster}} {{severity}}",
                    about="What the hosts' own judgement found; see the dashboard of the cluster for each.",
                ),
                one(
                    "Hosts that answer nothing",
                    "count by (cluster) (member:up:max == 0) or cluster:up:max * 0",
                    "{{cluster}}",
                    limit=1,
                ),
            ),
        ),
        Row(
            "What they do",
            (
                one("Commits per second", "sum by (cluster) (member:commits:rate5m)", "{{cluster}}", unit="ops"),
                one("WAL written", "cluster:wal:rate5m", "{{cluster}}", unit="Bps"),
                one(
                    "Last run of ours",
                    "min by (cluster) (cluster:run:seconds)",
                    "{{cluster}}",
                    unit="s",
                    about="How long ago a run ended on a host of the cluster.",
                ),
            ),
        ),
    ),
    members=False,
)
