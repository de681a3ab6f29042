"""etcd: its leader, its disks, its network, its database."""

from __future__ import annotations

from monitoring.dashboards_source.panel import GOOD, NO_IS_BAD, OTHER, Board, Panel, Query, Row, one

BOARD = Board(
    "etcd",
    "etcd",
    "Patroni's lock is in etcd: when its disks or its network are slow, leaders lose their locks.",
    (
        Row(
            "Members",
            (
                one(
                    "Leader",
                    "member:etcd_leader:max{@member}",
                    kind="states",
                    states={0: ("follows", OTHER), 1: ("leads", GOOD)},
                ),
                one("Sees a leader", "member:etcd_has_leader:max{@member}", kind="states", states=NO_IS_BAD),
                Panel(
                    "Now",
                    (
                        Query("cluster:etcd_serving:sum{@cluster}", "serve"),
                        Query("cluster:etcd_seen:max{@cluster}", "see each other"),
                        Query("cluster:etcd_voters:count{@cluster}", "members"),
                    ),
                    kind="number",
                ),
                one(
                    "Elections in 15 minutes",
                    "cluster:etcd_leader_changes:increase15m{@cluster}",
                    "{{cluster}}",
                    limit=4,
                ),
                one("Changes per second", "member:etcd_proposals:rate5m{@member}", unit="ops"),
                one("Failed changes in 15 minutes", "member:etcd_proposals_failed:increase15m{@member}"),
            ),
        ),
        Row(
            "Latency",
            (
                one(
                    "Write to disk (fsync, p99)",
                    "member:etcd_fsync:p99{@member}",
                    unit="s",
                    limit=0.5,
                    about="Below 10 ms on a good disk. Nothing while there are no writes.",
                ),
                one("Commit of the database (p99)", "member:etcd_commit:p99{@member}", unit="s", limit=0.25),
                one("Round trip to peers (p99)", "member:etcd_peer:p99{@member}", unit="s", limit=0.15),
            ),
        ),
        Row(
            "Database",
            (
                one("Size", "member:etcd_database:bytes{@member}", unit="bytes"),
                one(
                    "In use",
                    "member:etcd_database_used:bytes{@member}",
                    unit="bytes",
                    about="Much less than the size: defragment.",
                ),
                one("Share of the quota", "member:etcd_database:ratio{@member}", unit="percentunit", limit=0.8),
                one("Age of the newest snapshot", "member:etcd_snapshot_age:seconds{@member}", unit="s"),
            ),
        ),
    ),
)
