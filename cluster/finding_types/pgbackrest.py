"""The kinds of findings about backups, for cluster/finding_types/catalogue.py."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, Kind

PGBACKREST_KINDS: Mapping[str, Kind] = {
    "archive-off": Kind(
        *(ALARM, "backup", "the primary archives no WAL although there is a repository"),
        f"Run `{RUN}/restart_pending.py` when archive_mode waits for a restart, `{RUN}/cluster.py` otherwise.",
    ),
    "wal-waiting": Kind(
        *(
            WARNING,
            "backup",
            "much WAL waits for the archive: a slow repository, a slow network, or a failing archiver",
        ),
        "See /var/log/pgbackrest and archive_command's words in /var/log/postgresql on {where}.",
    ),
    "wal-stuck": Kind(
        *(
            ALARM,
            "backup",
            "WAL has been ready for the archive for minutes, and no attempt at it has failed or succeeded",
        ),
        "See the archiver's words in /var/log/postgresql on {where}; `show archive_command`, `show archive_library`.",
    ),
    "wal-unarchived": Kind(
        *(ALARM, "backup", "PostgreSQL counts WAL as archived that the repository does not have: no restore to now"),
        f"See what archive_command and archive_library run there; mend that, then `{RUN}/backup.py --data type=full`.",
    ),
    "wal-missing": Kind(
        *(ALARM, "backup", "WAL is missing in the archive since the newest backup: a restore ends before it"),
        f"Run `{RUN}/backup.py --data type=diff`: from then on a restore to any moment works again.",
    ),
    "wal-missing-before": Kind(
        *(
            REMARK,
            "backup",
            "WAL is missing between two backups: a restore to the moments right after it is impossible",
        ),
        "Nothing mends it; it goes with the retention. See docs/runs/backup.md for how it can come about.",
    ),
    "archive-unlisted": Kind(
        *(REMARK, "backup", "nobody knows whether WAL is missing: there is too much of it, or the store is slow"),
        "On {where}: `runuser -u postgres -- pgbackrest --stanza={cluster} --repo={id} repo-ls --recurse "
        "archive/{cluster}`.",
    ),
    "repository-full": Kind(
        *(ALARM, "disk", "the repository has no room: no WAL is archived, no backup is taken, and pg_wal grows"),
        "Enlarge {path} on {where}; or lower pgbackrest_retention_full, run `cluster.py`, then there "
        "`runuser -u postgres -- pgbackrest --stanza={cluster} expire`. Delete nothing in it by hand.",
    ),
    "repository-nearly-full": Kind(
        *(WARNING, "disk", "the repository is filled to 85 % or more, or has no room for another full backup"),
        "Enlarge {path} on {where} (`df -h {path}`), or keep fewer backups: pgbackrest_retention_full.",
    ),
    "repository-unusable": Kind(
        *(ALARM, "backup", "pgBackRest cannot use the repository"),
        f"Mend what it says on {{where}}; a stanza that is absent `{RUN}/cluster.py` creates. See docs/runs/backup.md.",
    ),
    "repository-foreign": Kind(
        *(ALARM, "backup", "the repository has the backups of another cluster, or of another life of this one"),
        "Move that repository away, or declare another pgbackrest_path or pgbackrest_s3_path; see docs/runs/backup.md.",
    ),
    "backup-none": Kind(
        *(WARNING, "backup", "there is no backup yet"),
        f"Run `{RUN}/backup.py --data type=full`; the schedule takes one too when its time comes.",
    ),
    "backup-old": Kind(
        *(ALARM, "backup", "the newest backup is older than `pgbackrest_age_alarm_hours`"),
        f"See `systemctl list-timers` on {{where}}; run `{RUN}/backup.py`.",
    ),
    "backup-failed": Kind(
        *(WARNING, "backup", "the last attempt at a type of backup failed"),
        f"See `journalctl -u pgbackrest-backup@{{unit}}` on {{where}}; then `{RUN}/backup.py --data type={{type}}`.",
    ),
    "backup-damaged": Kind(
        *(ALARM, "backup", "pages with a wrong checksum are in the newest backup, and so in a member's data"),
        "See the log of this backup in /var/log/pgbackrest on {where} for the files, then pg_amcheck on the members.",
    ),
    "restore-unfinished": Kind(
        *(ALARM, "restore", "a restore was begun and is not finished: the member may be kept down for it"),
        f"Run `{RUN}/restore.py` again with the same words; with `--data cancel=true` it is ended.",
    ),
    "drill-failed": Kind(
        *(ALARM, "backup", "the last restore drill failed: a backup, or what was written after it, cannot be restored"),
        f"Run `{RUN}/backup.py --data type=full`, then `{RUN}/verify_backup.py`; see docs/runs/verify-backup.md.",
    ),
    "drill-undecided": Kind(
        *(WARNING, "backup", "the last restore drill came to no verdict: no room, no backup, or it was ended"),
        f"Mend what it says on {{where}}, then run `{RUN}/verify_backup.py`.",
    ),
    "drill-old": Kind(
        *(WARNING, "backup", "no backup was proven for `pgbackrest_drill_age_alarm_days`"),
        f"Run `{RUN}/verify_backup.py`; see `systemctl list-timers` and `journalctl -u pgbackrest-drill` on {{where}}.",
    ),
    "drill-none": Kind(
        *(WARNING, "backup", "drills are on the schedule for `pgbackrest_drill_age_alarm_days`, and none has passed"),
        f"Run `{RUN}/verify_backup.py`; see `systemctl list-timers` and `journalctl -u pgbackrest-drill` on {{where}}.",
    ),
}
