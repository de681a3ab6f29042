"""
Tablespaces of a restore drill's copy. WAL names their directories as the cluster has them. The drill's unit sees none
of the host's, so that each can lead to a directory of the copy's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from pgbackrest_drill_tools import PROOF, SCRATCH, Undecided

TABLESPACES = SCRATCH / "tablespaces"
# What the unit says that hides the host's directories; one of an earlier version does not.
ALONE = "DRILL_IS_ALONE"
# The record at which replay ended, in PostgreSQL's words.
MADE = re.compile(r'WAL redo at \S+ for Tablespace/CREATE: (\d+) "(.*)"$', re.MULTILINE)


def refuse_company() -> None:
    """Where the host's directories are in sight, replay would write into a member's tablespaces."""
    if os.environ.get(ALONE) != "yes":
        raise Undecided("the drill's unit is that of an earlier version: run deploys/cluster.py")


def lead_known() -> None:
    """Those of the backup: what its WAL makes again has the files that were restored."""
    for location, name in PROOF["tablespaces"].items():
        lead(location, TABLESPACES / name)


def lead(location: str, own: Path) -> bool:
    """Let the cluster's directory be one of the copy's. False where that path is not free."""
    own.mkdir(mode=0o700, exist_ok=True)
    try:
        Path(location).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        Path(location).symlink_to(own)
    except OSError:
        return False
    return True


def provided(said: str) -> bool:
    """
    A directory for the tablespace that replay could not make. False when it ended for another reason.

    + said: the log of the copy
    """
    made = MADE.findall(said)
    if not made or Path(made[-1][1]).is_symlink():
        return False
    number, location = made[-1]
    if not lead(location, TABLESPACES / number):
        raise Undecided(
            f"the tablespace in {location} was made after the backup, and the drill has no place there for its own; "
            "take another backup, which knows it"
        )
    PROOF["notes"].append(f"the tablespace in {location} was made after the backup: it came from the archive alone")
    return True
