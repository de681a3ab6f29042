"""Where data left their earlier timelines, as their newest history file has it; readable while PostgreSQL is down."""

from __future__ import annotations

from cluster.measures import lsn_bytes

# A function of the shell: the newest history file of a data directory, then a line for each earlier timeline.
TURNS = r"""
turns() {
  h=$(ls "$1/pg_wal" 2>/dev/null | grep -E '^[0-9A-F]{8}[.]history$' | tail -n 1)
  [ -z "$h" ] || { echo "$h"; awk '$1 ~ /^[0-9]+$/ { print $1 ":" $2 }' "$1/pg_wal/$h"; }
}
"""


def turns_of(text: str) -> tuple[int, dict[int, int]]:
    """The timeline of the history file, 0 when there is none, and the position in bytes at which each was left."""
    name, *lines = text.split() or [""]
    turns = {int(turn): lsn_bytes(end) for turn, _, end in (line.partition(":") for line in lines)}
    return int(name[:8] or "0", 16), turns
