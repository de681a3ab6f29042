"""Whether the archive has what a restore promises, by what the repository and the primary's own settings say."""

from __future__ import annotations

from cluster.components.pgbackrest import ARCHIVE_COMMAND
from cluster.measures import segment_start
from cluster.observed.pgbackrest import SeenBackup, SeenPgbackrest
from cluster.obstacles import Obstacle
from cluster.plans.restore.target import Target
from cluster.verdicts.live import Live

GIVE_UP = "--data skip_archiving=true gives up what is not archived"


def archive_obstacle(live: Live) -> Obstacle | None:
    """Why what the primary has written last cannot be in the archive, with the way out; None when it may be."""
    leading = live.postgres.get(live.leader) if live.leader is not None else None
    if leading is None or not leading["answers"]:
        return None
    configured, archiver = leading.get("configured") or {}, leading.get("archiver")
    if archiver is not None and archiver["mode"] == "off":
        what = "archive_mode is off"
    elif (library := configured.get("archive_library")) is not None and library["setting"]:
        what = f"archive_library is '{library['setting']}'"
    elif (command := configured.get("archive_command")) is not None and command["setting"] != ARCHIVE_COMMAND:
        what = f"archive_command is '{command['setting']}'"
    else:
        return None
    return Obstacle(
        f"{live.leader} does not archive its WAL: {what}", f"deploys/check.py says how to fix it; {GIVE_UP}"
    )


def hole_obstacle(seen: SeenPgbackrest, backup: SeenBackup, target: Target) -> Obstacle | None:
    """
    Why a restore would end before its moment, for WAL that is missing in the archive; None when nothing is known to be.

    + backup: with which it begins
    """
    listed = seen.get("holes") if target.kind in ("latest", "lsn") else None
    if not listed or backup["wal_start"] is None or seen["archive"] is None:
        return None
    for hole in listed:
        # Names without their timeline sort as the WAL was written.
        after = hole["id"] == seen["archive"]["id"] and hole["last"][8:] >= backup["wal_start"][8:]
        if after and (target.kind == "latest" or segment_start(hole["first"]) <= target.position):
            ways = GIVE_UP if target.kind == "latest" else "name a moment before that"
            return Obstacle(
                f"WAL is missing in the archive since the backup {backup['label']}, from {hole['first']} to "
                f"{hole['last']}: a restore ends before it",
                f"{ways}; see docs/runs/backup.md",
            )
    return None
