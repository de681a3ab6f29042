"""The journal of runs on a host."""

from __future__ import annotations

import json

from cluster.observed.journal import SeenEntry, SeenJournal
from facts.answer import Answer

JOURNAL_DIRECTORY = "/var/log/pyinfra-patroni"
JOURNAL = f"{JOURNAL_DIRECTORY}/journal"

# Every entry begins so: what was cut off has none of its own line end, and the next one stands behind it.
_BEGINS = '{"event": '


class RunJournal(Answer[SeenJournal]):
    """
    The journal of this host, with the older file before it. A host without one has an empty one.

    + last_kib: of the newer file only so much of its end
    """

    def command(self, last_kib: int | None = None) -> str:
        """Both files; one that is there and cannot be read is no empty one."""
        if last_kib is not None:
            return f"[ ! -e {JOURNAL} ] || tail -c {last_kib}k {JOURNAL}"
        return f"for f in {JOURNAL}.1 {JOURNAL}; do [ ! -e $f ] || cat $f || exit 1; done"

    @staticmethod
    def default() -> SeenJournal:
        """Nothing was noted yet."""
        return {"entries": [], "unread": 0}

    def parsed(self, output: list[str]) -> SeenJournal:
        """One entry a line; what is none is counted."""
        entries: list[SeenEntry] = []
        unread = 0
        for line in output:
            torn, begins, rest = line.rpartition(_BEGINS)
            entry = _entry(begins + rest)
            unread += bool(torn) or entry is None
            entries += [entry] if entry is not None else []
        return {"entries": entries, "unread": unread}


def _entry(text: str) -> SeenEntry | None:
    try:
        found: SeenEntry = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"event", "run"} <= set(found) else None
