"""
Prints repository and label of the newest backup from which a replica of the leader can begin. Lies on the members as a
program.

Where a cluster was taken back to an earlier moment, the newest backup of all may belong to the time that was given up:
a replica that began with it would never follow.

    pgbackrest-newest-set STANZA CONNECTION

Without a connection it takes the newest backup on the newest timeline.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SECONDS = 30


def main(stanza: str, connection: str) -> int:
    """Ask leader and repository. No answer is no backup: Patroni then copies the leader itself."""
    said = _printed("pgbackrest", f"--stanza={stanza}", "--log-level-console=off", "info", "--output=json")
    backups = json.loads(said)[0]["backup"]
    timeline, turns = leaders_history(connection) if connection else (newest_timeline(backups), {})
    found = newest_set(backups, timeline, turns)
    if found is None:
        print(f"no backup leads to timeline {timeline}", file=sys.stderr)
        return 1
    print(found["database"]["repo-key"], found["label"])
    return 0


def leaders_history(connection: str) -> tuple[int, dict[int, int]]:
    """The leader's timeline, and where it left each earlier one. + connection: of a role that may replicate"""
    timeline = int(_asked(connection, "IDENTIFY_SYSTEM").split("|")[1])
    if timeline == 1:
        return timeline, {}
    lines = _asked(connection, f"TIMELINE_HISTORY {timeline}").partition("|")[2].splitlines()
    turns = (line.split("\t") for line in lines if line[:1].isdecimal())
    return timeline, {int(turn[0]): position(turn[1]) for turn in turns}


def newest_timeline(backups: list[dict[str, Any]]) -> int:
    """The newest timeline with a backup: for a standby cluster that knows its source by the archive alone."""
    return max((int(one["archive"]["stop"][:8], 16) for one in backups if one["archive"]["stop"]), default=0)


def newest_set(backups: list[dict[str, Any]], timeline: int, turns: dict[int, int]) -> dict[str, Any] | None:
    """
    The newest backup that ended on this timeline, or on an earlier one before that was left.

    + turns: earlier timeline to the position at which it was left
    """
    found = [one for one in backups if one["archive"]["stop"] and not one.get("error")]
    fitting = [
        one
        for one in found
        if (own := int(one["archive"]["stop"][:8], 16)) == timeline
        or position(one["lsn"]["stop"]) <= turns.get(own, -1)
    ]
    # Of two that are as new the one in the first repository, which is the nearer.
    return max(
        fitting, key=lambda one: (int(one["timestamp"]["stop"]), -int(one["database"]["repo-key"])), default=None
    )


def position(text: str) -> int:
    """Bytes since the beginning of the WAL."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) + int(low, 16)


def _asked(connection: str, command: str) -> str:
    return _printed("psql", f"{connection} replication=true", "-XAtc", command)


def _printed(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
