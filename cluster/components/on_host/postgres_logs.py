"""
Bounds PostgreSQL's log files by age and by size: the oldest go. PostgreSQL itself removes none, and a storm of errors
would fill the disk. Run by a timer on the members.

    postgres-logs DIRECTORY DAYS MIB

Only files are removed whose names PostgreSQL gave them as it is configured here, or logrotate after that; and never the
newest of a kind, which is the one that is written to.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

DAY_SECONDS = 24 * 3600
MIB = 1024 * 1024
# The days of the week are those of earlier versions.
OURS = re.compile(
    r"postgresql-(?:\d{4}-\d\d-\d\d_\d{6}|Mon|Tue|Wed|Thu|Fri|Sat|Sun)\.(?P<kind>log|json|csv)(?:\.\d+)?(?:\.gz)?"
)


def main(directory: str, days: int, mib: int) -> int:
    """Remove what is too old, then the oldest while all of it is too much."""
    found = sorted(listed(Path(directory)), reverse=True)
    written = {kind: path for _, kind, path, _ in reversed(found)}.values()
    left, oldest, failed = mib * MIB, time.time() - days * DAY_SECONDS, 0
    for changed, _, path, size in found:
        left -= size
        if path not in written and (changed < oldest or left < 0):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                failed = 1
                print(f"{path} is not removed: {error.strerror}", file=sys.stderr)
                continue
            left += size
            print(f"removed {path} of {size // MIB} MiB")
    return failed


def listed(directory: Path) -> list[tuple[float, str, Path, int]]:
    """The files, each with when it was written to, its kind and its size."""
    rows = []
    for path in directory.iterdir():
        name = OURS.fullmatch(path.name)
        if name and path.is_file() and not path.is_symlink():
            seen = path.stat()
            rows.append((seen.st_mtime, name["kind"], path, seen.st_size))
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
