"""PostgreSQL on each member: connections, transactions, activity, slots, space."""

from __future__ import annotations

from monitoring.dashboards_source.panel import NO_IS_BAD, Board, Row, one

BOARD = Board(
    "postgres",
    "PostgreSQL",
    "What PostgreSQL does on each member, and what it may run out of.",
    (
        Row(
            "Connections",
            (
                one("Answers the exporter", "member:postgres_up:max{@member}", kind="states", states=NO_IS_BAD),
                one("Connections in use", "member:connections:ratio{@member}", unit="percentunit", limit=0.75),
                one("Connections by state", "sum by (state) (member_state:connections:sum{@member}) > 0", "{{state}}"),
            ),
        ),
        Row(
            "Transactions",
            (
                one("Commits per second", "member:commits:rate5m{@member}", unit="ops"),
                one("Rollbacks per second", "member:rollbacks:rate5m{@member}", unit="ops"),
                one("Rows changed per second", "member:rows_changed:rate5m{@member}", unit="ops"),
                one("Longest transaction", "member:transaction:seconds{@member}", unit="s", limit=3600),
                one("Longest idle in a transaction", "member:idle_transaction:seconds{@member}", unit="s", limit=900),
                one("Oldest prepared", "member:prepared_transaction:seconds{@member}", unit="s", limit=3600),
                one("Deadlocks in five minutes", "member:deadlocks:increase5m{@member}"),
                one("Locks", "sum by (mode) (member_mode:locks:sum{@member}) > 0", "{{mode}}"),
                one(
                    "Transaction IDs used",
                    "member:transaction_ids:ratio{@member}",
                    unit="percentunit",
                    limit=0.25,
                    about="At 100 % PostgreSQL refuses writes. Autovacuum starts at 10 % by default.",
                ),
            ),
        ),
        Row(
            "Memory and disk",
            (
                one("Pages found in the cache", "member:cache_hits:ratio{@member}", unit="percentunit"),
                one("Temporary files written", "member:temporary:rate5m{@member}", unit="Bps"),
                one(
                    "Size of the databases",
                    "max by (datname) (member_database:size:bytes{@member})",
                    "{{datname}}",
                    unit="bytes",
                ),
                one("Pages with a wrong checksum, last hour", "member:checksum_failures:increase1h{@member}", limit=1),
            ),
        ),
        Row(
            "Slots",
            (
                one("WAL kept by slots", "member_slot:kept:bytes{@member}", "{{member}} {{slot_name}}", unit="bytes"),
                one(
                    "Share of what a slot may keep",
                    "member_slot:kept:ratio{@member}",
                    "{{member}} {{slot_name}}",
                    unit="percentunit",
                    limit=0.5,
                ),
                one(
                    "Slots in use",
                    "member_slot:active:max{@member}",
                    "{{member}} {{slot_name}}",
                    kind="states",
                    states=NO_IS_BAD,
                ),
            ),
        ),
    ),
)
