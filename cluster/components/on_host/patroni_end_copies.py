"""
Runs on a member before Patroni starts, and when it has ended, however it did. The unit leaves its children alive, for
PostgreSQL shall survive its Patroni; but a copy that survives goes on beside the next one, and the first of them to
fail empties the directory that the others fill.

Ends at once, without a chance to clean up, whatever is left in the unit's control group, but for PostgreSQL, all that
it has started, and what pgBackRest does for the archive. Standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

PROC = Path("/proc")
END_SECONDS = 60
ARCHIVE = {b"archive-push", b"archive-get", b"archive-push:async", b"archive-get:async", b"catch-up"}


def status(pid: int) -> tuple[str, str, int]:
    """A process's name, state and parent. The name is in brackets, and may hold any character."""
    name, _, rest = (PROC / str(pid) / "stat").read_text().partition("(")[2].rpartition(")")
    state, parent = rest.split()[:2]
    return name, state, int(parent)


def group() -> dict[int, tuple[str, int, list[bytes]]]:
    """Name, parent and words of every living process in the control group of this one."""
    mine, found = (PROC / "self" / "cgroup").read_bytes(), {}
    for pid in (int(one.name) for one in PROC.iterdir() if one.name.isdecimal()):
        try:
            if (PROC / str(pid) / "cgroup").read_bytes() == mine:
                name, state, parent = status(pid)
                if state not in "ZX":
                    found[pid] = name, parent, (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
    return found


def kept(pid: int, seen: dict[int, tuple[str, int, list[bytes]]]) -> bool:
    """Whether a process, or one above it, is PostgreSQL or is at work for the archive."""
    while pid in seen:
        name, parent, words = seen[pid]
        if name in ("postgres", "postmaster") or ARCHIVE & set(words):
            return True
        pid = parent
    return False


def above(pid: int, seen: dict[int, tuple[str, int, list[bytes]]]) -> set[int]:
    """A process and those above it."""
    found = set()
    while pid in seen:
        found.add(pid)
        pid = seen[pid][1]
    return found


def left_over() -> dict[int, str]:
    """What an earlier Patroni has left, by process id."""
    seen, main = group(), int(os.environ.get("MAINPID", "0"))
    spared = above(os.getpid(), seen) | {main}
    return {
        pid: b" ".join(words).decode(errors="replace").strip() or name
        for pid, (name, _, words) in seen.items()
        if pid not in spared and not kept(pid, seen)
    }


def main() -> int:
    """Look again after each round: what was about to start another process has done so by then."""
    until, named = time.monotonic() + END_SECONDS, set[int]()
    while found := left_over():
        for pid, words in found.items():
            if pid not in named:
                print(f"left by a Patroni that has ended, and ended now: {words[:120]}")
            named.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > until:
            print(f"still there after {END_SECONDS} s: {', '.join(map(str, found))}")
            return 1
        time.sleep(0.1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
