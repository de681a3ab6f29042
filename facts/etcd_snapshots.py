"""The snapshots of etcd that a host keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from shlex import quote

from cluster.observed.etcd import SeenSnapshot, SeenSnapshots
from facts.answer import Answer

# The time at which it was taken, and the revision; see etcd_snapshot.sh.
_NAME = re.compile(r"(\d{8}T\d{6}Z)-(\d+)\.db")


class EtcdSnapshots(Answer[SeenSnapshots]):
    """
    Snapshots on this host by their names, which only sound ones get: ``{"newest": {path, at, revision} or None,
    "count", "now"}``.

    + directory: where they lie
    """

    def command(self, directory: str) -> str:
        """The clock there, then one line a file."""
        place = quote(directory)
        return f"date +%s; [ ! -e {place} ] || find {place} -maxdepth 1 -name '*.db'"

    def parsed(self, output: list[str]) -> SeenSnapshots:
        """The lines."""
        found = list(named(output[1:]))
        newest = max(found, key=lambda one: one["at"], default=None)
        return {"newest": newest, "count": len(found), "now": int(output[0])}


def named(paths: Iterable[str]) -> Iterable[SeenSnapshot]:
    """What the names of snapshots say; other files are left out."""
    for path in paths:
        if match := _NAME.fullmatch(path.rpartition("/")[2]):
            at = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            yield {"path": path, "at": int(at.timestamp()), "revision": int(match[2])}
