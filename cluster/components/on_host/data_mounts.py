"""
Runs on a host before Patroni, etcd or pgBackRest starts, as root: whether the file systems with its data are mounted.
Below the place of a mount that is missing is an empty directory, and what starts there makes everything again, in
the root file system.

  data-mounts check NAME DIRECTORY   notes where the data lie; ends with 255 and a sentence when they are not there now
  data-mounts missing                the same sentences of all that was noted, each behind its name; changes nothing

The notes are in /etc, which is always on the root file system. Standard library only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTES = Path("/etc/pyinfra-patroni/data-mounts")
# systemd takes it for a failure, and tries again: the mount may come late. Any other code would keep the unit down.
AGAIN = 255
HOST_MOUNTS = "/proc/1/mountinfo"


def entries(path: str) -> list[str]:
    """What a directory holds; nothing when it is none."""
    return [name for name in os.listdir(path) if name != "lost+found"] if os.path.isdir(path) else []


def place(path: str) -> dict[str, Any]:
    """Where a path leads, on which mount of which file system, and whether anything is there."""
    real = there = os.path.realpath(path)
    while not os.path.exists(there):
        there = os.path.dirname(there)
    # The host's own mounts: a unit that is shut in sees what it may write as mounts of their own.
    words = ["findmnt", "--kernel", "--tab-file", HOST_MOUNTS, "--json", "--output", "TARGET,SOURCE,UUID,FSROOT"]
    words += ["--target", there]
    found = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)["filesystems"][0]
    # A device may have another name after a boot.
    system = f"{found['uuid'] or found['source']} {found['fsroot']}"
    return {"path": real, "mount": found["target"], "system": system, "filled": bool(entries(real))}


def links(directory: str) -> list[str]:
    """
    What lies elsewhere, of a complete PostgreSQL: pg_control is the last file that a copy gets. In a half-made one they
    may lead to nothing yet, and Patroni makes it anew.
    """
    if not os.path.exists(f"{directory}/global/pg_control"):
        return []
    spaces = [f"{directory}/pg_tblspc/{name}" for name in sorted(entries(f"{directory}/pg_tblspc"))]
    return [path for path in (f"{directory}/pg_wal", *spaces) if os.path.islink(path)]


def is_below(path: str, above: str) -> bool:
    """Whether a path is within another one, and not that itself."""
    return path != above and f"{path}/".startswith(above.rstrip("/") + "/")


def lost(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """What became of the place of some data; None when they are there, or may be begun there."""
    mount = before["mount"]
    if now["path"] != before["path"]:  # somebody led it elsewhere
        if now["filled"] or not before["filled"]:
            return None
        why = "" if os.path.ismount(mount) else f"{mount} is not mounted: "
        return f"{why}the data are stored in {before['path']}, and {now['path']} is empty"
    if is_below(now["mount"], mount):
        over = f"{now['mount']} is mounted over the data in {now['path']}, and is empty"
        return over if before["filled"] and not now["filled"] else None
    if now["mount"] != mount:  # what lies there now is a copy from before the mount, or of a day without it
        return f"{mount} is not mounted, on which {now['path']} is stored"
    if now["system"] != before["system"] and before["filled"] and not now["filled"]:
        return f"{mount} is another file system than the one with the data in {now['path']}, and is empty"
    return None


def problems(directory: str, noted: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Every place that is not what it was; without its own the data directory says nothing about others."""
    judged = {path: lost(noted[path], found) for path, found in now.items() if path in noted}
    if reason := judged.get(directory):
        yield reason
        return
    for path, found in now.items():
        if reason := judged.get(path):
            yield reason
        elif path != directory and not found["filled"]:
            yield f"{path} leads to {found['path']}, where nothing is"


def read(name: str) -> dict[str, Any]:
    """What was noted last; of a first start nothing."""
    try:
        note: dict[str, Any] = json.loads((NOTES / f"{name}.json").read_text())
        return note
    except FileNotFoundError:
        return {"directory": None, "places": {}}


def write(name: str, note: dict[str, Any]) -> None:
    """Whole or not at all, and on disk before anything is written into the data."""
    NOTES.mkdir(parents=True, exist_ok=True)
    new = NOTES / f"{name}.new"
    with new.open("w") as file:
        file.write(json.dumps(note, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(NOTES / f"{name}.json")


def looked_at(name: str, directory: str) -> tuple[list[str], dict[str, Any], bool]:
    """The problems, what is there now as a note, and whether that was noted already."""
    note = read(name)
    noted = note["places"] if note["directory"] == directory else {}
    now = {path: place(path) for path in (directory, *links(directory))}
    fresh = {"directory": directory, "places": now}
    return list(problems(directory, noted, now)), fresh, note == fresh


def check(name: str, directory: str) -> int:
    """Say what is missing, or note where the data lie."""
    found, fresh, is_noted = looked_at(name, directory)
    if found:
        print("\n".join(f"{problem}: not started." for problem in found))
        print(f"Mount it, and it starts by itself. To start again where it is: rm {NOTES}/{name}.json")
        return AGAIN
    try:
        if not is_noted:
            write(name, fresh)
    except OSError as error:  # a full root file system is no reason to keep the data from being used
        print(f"not noted: {error}", file=sys.stderr)
    return 0


def missing() -> int:
    """Say what is missing of all that was noted."""
    for file in sorted(NOTES.glob("*.json")):
        found, _, _ = looked_at(file.stem, json.loads(file.read_text())["directory"])
        print("".join(f"{file.stem}|{problem}\n" for problem in found), end="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(missing() if sys.argv[1:] == ["missing"] else check(*sys.argv[2:]))
    except Exception as error:  # whatever it is: any other code would keep the unit down for good
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(AGAIN)
