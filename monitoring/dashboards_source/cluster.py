"""One cluster: who leads, who follows how closely, and what is wrong."""

from __future__ import annotations

from monitoring.dashboards_source.panel import BAD, GOOD, OTHER, WORSE, YES_IS_BAD, Board, Panel, Query, Row, one

_ROLES = {0: ("down", WORSE), 1: ("replica", OTHER), 2: ("leader", GOOD)}

BOARD = Board(
    "cluster",
    "Cluster",
    "Roles, writes and replication of one cluster. Marks are changes of the timeline (promotions), and runs of ours.",
    (
        Row(
            "Roles",
            (
                one(
                    "Roles over time",
                    "2 * member:leader:max{@member} + member:replica:max{@member}",
                    kind="states",
                    states=_ROLES,
                    about="Exactly one leader at any moment. A gap means that Patroni did not answer.",
                    width=16,
                ),
                Panel(
                    "Now",
                    (
                        Query("cluster:leaders:sum{@cluster}", "leaders"),
                        Query("cluster:primaries:sum{@cluster}", "primaries"),
                        Query("cluster:replicas:sum{@cluster}", "replicas"),
                        Query("cluster:synchronous:sum{@cluster}", "synchronous"),
                        Query("cluster:timeline:max{@cluster}", "timeline"),
                    ),
                    kind="number",
                ),
                one(
                    "Without a leader",
                    "cluster:leaders:sum{@cluster} == bool 0",
                    "{{cluster}}",
                    kind="states",
                    states=YES_IS_BAD,
                    about="The gaps in which no member accepted writes, as far as Prometheus looked.",
                    height=4,
                    width=16,
                ),
                one(
                    "Changes of the leader in the last hour",
                    "cluster:timeline:increase1h{@cluster}",
                    "{{cluster}}",
                    limit=4,
                    height=4,
                ),
            ),
        ),
        Row(
            "Writes and replication",
            (
                one("WAL written by the leader", "cluster:wal:rate5m{@cluster}", "{{cluster}}", unit="Bps"),
                one(
                    "Lag",
                    "member:lag:bytes{@member}",
                    unit="bytes",
                    about="WAL that a standby has not replayed. Beyond patroni_maximum_lag_mib it is not promoted.",
                ),
                one(
                    "Streaming",
                    "member:streaming:max{@member} and member:replica:max{@member} == 1",
                    kind="states",
                    states={0: ("no", WORSE), 1: ("streams", GOOD)},
                ),
                one("Timeline", "member:timeline:max{@member}", about="All members on the same one."),
                one(
                    "Replay paused",
                    "member:replay_paused:max{@member}",
                    kind="states",
                    states={0: ("no", GOOD), 1: ("paused", BAD)},
                ),
                one("Position", "member:patroni_position:bytes{@member}", unit="bytes", about="Written or replayed."),
            ),
        ),
        Row(
            "Patroni",
            (
                one(
                    "Paused",
                    "cluster:paused:max{@cluster}",
                    "{{cluster}}",
                    kind="states",
                    states={0: ("no", GOOD), 1: ("paused", BAD)},
                    height=5,
                ),
                one(
                    "Failsafe mode",
                    "cluster:failsafe:max{@cluster}",
                    "{{cluster}}",
                    kind="states",
                    states=YES_IS_BAD,
                    height=5,
                ),
                one(
                    "Pending restart",
                    "member:pending_restart:max{@member}",
                    kind="states",
                    states={0: ("no", GOOD), 1: ("pending", BAD)},
                    height=5,
                ),
                one(
                    "Since Patroni last reached etcd",
                    "member:dcs_seen:seconds{@member}",
                    unit="s",
                    limit=90,
                    about="Below patroni_loop_wait plus the interval of scrapes.",
                ),
                one("PostgreSQL has run for", "member:postgres_uptime:seconds{@member}", unit="s"),
                one(
                    "Targets that are up",
                    "sum by (member) (member_job:up:max{@member})",
                    about="A host has one for each exporter and service.",
                ),
            ),
        ),
        Row(
            "What is wrong",
            (
                one(
                    "Findings",
                    'max by (kind, host) (2 * cluster:finding:max{@cluster,severity="alarm"}'
                    ' or cluster:finding:max{@cluster,severity="warning"})',
                    "{{kind}} {{host}}",
                    kind="states",
                    states={1: ("warning", BAD), 2: ("alarm", WORSE)},
                    about="docs/runs/check.md says of each kind what it means and how to fix it.",
                    width=16,
                    height=9,
                ),
                one(
                    "Alerts that fire",
                    'max by (alertname) (1 + (alert:firing:count{@cluster,severity="page"} > bool 0)'
                    ' or (alert:firing:count{@cluster,severity="ticket"} > bool 0))',
                    "{{alertname}}",
                    kind="states",
                    states={1: ("ticket", BAD), 2: ("page", WORSE)},
                    height=9,
                ),
                one("Since the last judgement", "member:judged:seconds{@member}", unit="s", limit=1800),
                one("Judgement takes", "member:judging:seconds{@member}", unit="s"),
                one("Questions without an answer", "member:unanswered:sum{@member}", limit=1),
                one("Since the last run of ours", "cluster:run:seconds{@cluster}", "{{run}} {{outcome}}", unit="s"),
                one("Days until a certificate ends", "member:certificate:days{@member}", "{{member}} {{component}}"),
            ),
        ),
    ),
)
