"""Who acts on a cluster, as the hosts and etcd note it."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TypedDict, cast


class SeenHolder(TypedDict):
    """
    The run that has the lock, as it described itself.

    + run: its id; + who: user and control machine; + what: its command line without secrets
    + since: when it took the lock, by its own clock, only to be shown
    + machine: of its process: the boot of the kernel and the space of process ids; empty where that cannot be told
    + started: of its process, in the kernel's ticks, since a process id is used again
    """

    run: str
    who: str
    what: str
    since: str
    machine: str
    pid: int
    started: str


class SeenRunLock(TypedDict):
    """
    One place where a lock is noted.

    + word: ``mine``, ``other``, ``none``, ``free`` (given back), ``silent`` (it gave no answer), ``error``
    + holder: of another run; + renewed_seconds: how long ago that renewed it, by the clock of the place
    + lease: of etcd; + text: the note as it is there, or what is wrong
    """

    word: str
    holder: SeenHolder | None
    renewed_seconds: int
    lease: str
    text: str


class SeenLocks(TypedDict):
    """What one host said. + boot: of its kernel, whose end ends its lock; + etcd: None when it was not asked"""

    boot: str
    host: SeenRunLock
    etcd: SeenRunLock | None


UNKNOWN: SeenHolder = {
    "run": "?",
    "who": "unknown",
    "what": "a run",
    "since": "unknown",
    "machine": "",
    "pid": 0,
    "started": "",
}


def written(holder: SeenHolder) -> str:
    """A holder as the places note it: one word that no shell and no etcd has to quote."""
    return base64.b64encode(json.dumps(holder).encode()).decode()


def read_holder(text: str) -> SeenHolder:
    """The holder in a note. One that cannot be read is somebody all the same."""
    try:
        found = json.loads(base64.b64decode(text, validate=True))
        return cast(SeenHolder, {name: found[name] for name in UNKNOWN})
    except (ValueError, KeyError, TypeError, binascii.Error):
        return UNKNOWN
