"""The types of findings about backups, the archive and restore drills."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "archive-off": FindingType(
        *(ALARM, "backup", "the primary archives no WAL although there is a repository"),
        f"Run `{RUN}/restart_pending.py` if archive_mode needs a restart, `{RUN}/cluster.py` otherwise.",
    ),
    "wal-waiting": FindingType(
        *(
            WARNING,
            "backup",
            "much WAL is waiting to be archived: a slow repository, a slow network, or a failing archiver",
        ),
        "See /var/log/pgbackrest and archive_command's errors in /var/log/postgresql on {where}.",
    ),
    "wal-stuck": FindingType(
        *(
            ALARM,
            "backup",
            "WAL has been ready for archiving for minutes, and no attempt has failed or succeeded",
        ),
        "See the archiver's errors in /var/log/postgresql on {where}; `show archive_command`, `show archive_library`.",
    ),
    "wal-unarchived": FindingType(
        *(
            ALARM,
            "backup",
            "WAL that PostgreSQL counts as archived is not in the repository: no restore of recent changes",
        ),
        f"See what archive_command and archive_library run there; fix that, then `{RUN}/backup.py --data type=full`.",
    ),
    "wal-missing": FindingType(
        *(ALARM, "backup", "WAL is missing in the archive since the newest backup: a restore ends before the gap"),
        f"Run `{RUN}/backup.py --data type=diff`: from then on a restore to any time works again.",
    ),
    "wal-missing-before": FindingType(
        *(
            REMARK,
            "backup",
            "WAL is missing between two backups: a restore to a time in this gap is impossible",
        ),
        "It cannot be fixed; it disappears with the retention. See docs/runs/backup.md for the causes.",
    ),
    "archive-unlisted": FindingType(
        *(REMARK, "backup", "it is unknown whether WAL is missing: there is too much of it, or the store is slow"),
        "On {where}: `runuser -u postgres -- pgbackrest --stanza={cluster} --repo={id} repo-ls --recurse "
        "archive/{cluster}`.",
    ),
    "repository-full": FindingType(
        *(ALARM, "disk", "the repository is full: no WAL is archived, no backup is taken, and pg_wal grows"),
        "Enlarge {path} on {where}; or lower pgbackrest_retention_full, run `cluster.py`, then there "
        "`runuser -u postgres -- pgbackrest --stanza={cluster} expire`. Delete nothing in it by hand.",
    ),
    "repository-nearly-full": FindingType(
        *(WARNING, "disk", "the repository is at least 85 % full, or has no space for another full backup"),
        "Enlarge {path} on {where} (`df -h {path}`), or keep fewer backups: pgbackrest_retention_full.",
    ),
    "repository-unusable": FindingType(
        *(ALARM, "backup", "pgBackRest cannot use the repository"),
        f"Fix the error on {{where}}; `{RUN}/cluster.py` creates a missing stanza. See docs/runs/backup.md.",
    ),
    "repository-foreign": FindingType(
        *(ALARM, "backup", "the repository has the backups of another cluster, or of another incarnation of this one"),
        "Move that repository away, or declare another pgbackrest_path or pgbackrest_s3_path; see docs/runs/backup.md.",
    ),
    "backup-none": FindingType(
        *(WARNING, "backup", "there is no backup yet"),
        f"Run `{RUN}/backup.py --data type=full`; or wait for the schedule.",
    ),
    "backup-old": FindingType(
        *(ALARM, "backup", "the newest backup is older than `pgbackrest_age_alarm_hours`"),
        f"See `systemctl list-timers` on {{where}}; run `{RUN}/backup.py`.",
    ),
    "backup-failed": FindingType(
        *(WARNING, "backup", "the last attempt at a type of backup failed"),
        f"See `journalctl -u pgbackrest-backup@{{unit}}` on {{where}}; then `{RUN}/backup.py --data type={{type}}`.",
    ),
    "backup-damaged": FindingType(
        *(ALARM, "backup", "the newest backup, and so a member's data, has pages with a wrong checksum"),
        "See the log of this backup in /var/log/pgbackrest on {where} for the files, then pg_amcheck on the members.",
    ),
    "restore-unfinished": FindingType(
        *(ALARM, "restore", "a restore was started and has not finished: the member may be kept down for it"),
        f"Run `{RUN}/restore.py` again with the same options; `--data cancel=true` cancels it.",
    ),
    "drill-failed": FindingType(
        *(ALARM, "backup", "the last restore drill failed: a backup, or WAL after it, cannot be restored"),
        f"Run `{RUN}/backup.py --data type=full`, then `{RUN}/verify_backup.py`; see docs/runs/verify-backup.md.",
    ),
    "drill-undecided": FindingType(
        *(WARNING, "backup", "the last restore drill had no verdict: no disk space, no backup, or it was stopped"),
        f"Fix the error on {{where}}, then run `{RUN}/verify_backup.py`.",
    ),
    "drill-old": FindingType(
        *(WARNING, "backup", "no restore drill has passed for `pgbackrest_drill_age_alarm_days`"),
        f"Run `{RUN}/verify_backup.py`; see `systemctl list-timers` and `journalctl -u pgbackrest-drill` on {{where}}.",
    ),
    "drill-none": FindingType(
        *(
            WARNING,
            "backup",
            "drills have been scheduled for `pgbackrest_drill_age_alarm_days`, and none has ever passed",
        ),
        f"Run `{RUN}/verify_backup.py`; see `systemctl list-timers` and `journalctl -u pgbackrest-drill` on {{where}}.",
    ),
}
