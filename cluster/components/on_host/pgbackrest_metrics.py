"""
pgbackrest_metrics.py STANZA FILE: what pgBackRest says of the backups, as a file of metrics for node_exporter.

Their names and labels are those of pgbackrest_exporter. What cannot be asked has ``pgbackrest_exporter_status`` 0: the
file says that nothing is known, and no older figures stay behind.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

Seen = dict[str, Any]
Sample = tuple[str, dict[str, str], float]
Versions = dict[tuple[int, int], str]

TYPES = ("full", "diff", "incr")
# Each restores by itself what those before it in this list restore, too.
COUNTED = {"full": ("full",), "diff": ("full", "diff"), "incr": TYPES}
SECONDS = 100


def asked(stanza: str) -> Seen | None:
    """What ``pgbackrest info`` says of the stanza; None: nothing, or nothing that can be read."""
    command = ["pgbackrest", f"--stanza={stanza}", "info", "--output=json", "--log-level-console=warn"]
    given: Seen = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    try:
        said = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True, cwd="/", **given).stdout
        return next((one for one in json.loads(said) if one["name"] == stanza), None)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return None


def samples(stanza: str, seen: Seen | None, now: float) -> Iterator[Sample]:
    """Metric, labels and value of everything. + seen: of ``asked``; + now: seconds"""
    yield "exporter_status", {"stanza": stanza}, int(seen is not None)
    if seen is None:
        return
    yield "stanza_status", {"stanza": stanza}, seen["status"]["code"]
    lock = seen["status"].get("lock", {}).get("backup", {})
    yield "stanza_lock_status", {"stanza": stanza}, int(bool(lock.get("held")))
    for repo in seen.get("repo", ()):
        labels = {"cipher": repo.get("cipher", ""), "repo_key": str(repo["key"]), "stanza": stanza}
        yield "repo_status", labels, repo["status"]["code"]
    versions = {(one["id"], one["repo-key"]): one["version"] for one in seen.get("db", ())}
    yield from archives(stanza, seen, versions)
    for backup in seen.get("backup", ()):
        yield from backup_samples(stanza, backup, versions)
    yield from newest(stanza, seen.get("backup", ()), now)


def archives(stanza: str, seen: Seen, versions: Versions) -> Iterator[Sample]:
    """Whether each archive has a first and a last segment."""
    for one in seen.get("archive", ()):
        repo, number = one["database"]["repo-key"], one["database"]["id"]
        labels = {
            "database_id": str(number),
            "pg_version": versions.get((number, repo), ""),
            "repo_key": str(repo),
            "stanza": stanza,
        }
        yield "wal_archive_status", labels, int(bool(one["min"] and one["max"]))


def labels_of(stanza: str, backup: Seen, versions: Versions) -> dict[str, str]:
    """What a backup is known by."""
    repo, number = backup["database"]["repo-key"], backup["database"]["id"]
    return {
        "backup_name": backup["label"],
        "backup_type": backup["type"],
        "database_id": str(number),
        "pg_version": versions.get((number, repo), ""),
        "repo_key": str(repo),
        "stanza": stanza,
    }


def backup_samples(stanza: str, backup: Seen, versions: Versions) -> Iterator[Sample]:
    """What one backup is, how long it took and how large it is."""
    labels, info, times = labels_of(stanza, backup, versions), backup["info"], backup["timestamp"]
    archive = backup.get("archive") or {}
    more = {
        "backrest_ver": backup.get("backrest", {}).get("version", ""),
        "prior": backup.get("prior") or "",
        "wal_start": archive.get("start") or "",
        "wal_stop": archive.get("stop") or "",
    }
    yield "backup_info", {**labels, **more}, 1
    yield "backup_duration_seconds", labels, times["stop"] - times["start"]
    yield "backup_size_bytes", labels, info["size"]
    yield "backup_delta_bytes", labels, info["delta"]
    # Of a repository whose files are bundled the first is not told.
    for name, key in (("backup_repo_size_bytes", "size"), ("backup_repo_delta_bytes", "delta")):
        if info["repository"].get(key) is not None:
            yield name, labels, info["repository"][key]
    if backup.get("error") is not None:
        yield "backup_error_status", labels, int(backup["error"])


def newest(stanza: str, backups: Sequence[Seen], now: float) -> Iterator[Sample]:
    """Of each type the newest that restores as much, however it was taken."""
    for kind, counted in COUNTED.items():
        found = [one for one in backups if one["type"] in counted]
        if not found:
            continue
        last = max(found, key=lambda one: one["timestamp"]["stop"])
        labels = {"backup_type": kind, "stanza": stanza}
        yield "backup_since_last_completion_seconds", labels, max(0, int(now) - last["timestamp"]["stop"])
        yield "backup_last_duration_seconds", labels, last["timestamp"]["stop"] - last["timestamp"]["start"]
        yield "backup_last_size_bytes", labels, last["info"]["size"]
        yield "backup_last_delta_bytes", labels, last["info"]["delta"]
        if last["info"]["repository"].get("size") is not None:
            yield "backup_last_repo_size_bytes", labels, last["info"]["repository"]["size"]
        if last.get("error") is not None:
            yield "backup_last_error_status", labels, int(last["error"])


def text_of(found: Iterable[Sample]) -> str:
    """Samples in the text format: those of a metric side by side."""
    lines: dict[str, list[str]] = {}
    for metric, labels, value in found:
        words = ",".join(f"{name}={json.dumps(text)}" for name, text in labels.items())
        lines.setdefault(metric, []).append(f"pgbackrest_{metric}{{{words}}} {value}\n")
    return "".join(f"# TYPE pgbackrest_{metric} gauge\n" + "".join(of) for metric, of in lines.items())


def main(stanza: str, path: str) -> None:
    """Whole or not at all, so that nobody reads half of it."""
    text = text_of(samples(stanza, asked(stanza), time.time()))
    new = Path(f"{path}.new")
    new.unlink(missing_ok=True)
    # A directory above is that of another user, who is not to lead root to a file elsewhere.
    place = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(place, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    os.replace(new, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
