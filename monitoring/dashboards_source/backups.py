"""Backups, the archive and drills."""

from __future__ import annotations

from monitoring.dashboards_source.panel import NO_IS_BAD, Board, Row, one

BOARD = Board(
    "backups",
    "Backups and drills",
    "How old the newest backup is, whether WAL is archived, and when a restore was last tested.",
    (
        Row(
            "Backups",
            (
                one(
                    "Age of the newest backup",
                    "cluster:backup_age:seconds{@cluster}",
                    "{{cluster}} repository {{repository}} {{type}}",
                    unit="s",
                ),
                one(
                    "Since the last one of a type",
                    "cluster_type:backup_completed:seconds{@cluster}",
                    "{{cluster}} {{backup_type}}",
                    unit="s",
                ),
                one(
                    "How long it took",
                    "cluster_type:backup_duration:seconds{@cluster}",
                    "{{cluster}} {{backup_type}}",
                    unit="s",
                ),
                one(
                    "What those that are kept take",
                    "cluster_type:backup_stored:bytes{@cluster}",
                    "{{cluster}} {{backup_type}}",
                    unit="bytes",
                ),
                one(
                    "pgBackRest can use the repository",
                    "cluster:stanza_status:max{@cluster} == bool 0",
                    "{{cluster}}",
                    kind="states",
                    states=NO_IS_BAD,
                ),
                one(
                    "Since a drill passed",
                    "cluster:drill_age:seconds{@cluster}",
                    "{{cluster}}",
                    unit="s",
                    about="The restore of the newest backup, with a check of every page and index.",
                ),
            ),
        ),
        Row(
            "Archive",
            (
                one("Segments archived per second", "member:archived:rate5m{@member}", unit="ops"),
                one("Failed attempts in five minutes", "member:archive_failed:increase5m{@member}", limit=1),
                one(
                    "Since a segment was archived",
                    "member:archived_age:seconds{@member} and on (cluster, member) member:leader:max == 1",
                    unit="s",
                ),
                one(
                    "Segments that wait",
                    "member:wal_ready:max{@member}",
                    about="A few at most; more and more when the archive is dead.",
                ),
            ),
        ),
    ),
)
