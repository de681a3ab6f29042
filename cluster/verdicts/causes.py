"""Why a member's PostgreSQL does not start or follow: its error, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cluster.finding_types.finding_type import RUN
from cluster.observed.cause import SeenCause

# So often, and over so many seconds, the same end is no accident any more: nothing changes by waiting.
TIMES = 3
SPAN_SECONDS = 15

_END = re.compile(r"\b(?:FATAL|PANIC):  (.*)|(pg_basebackup: error: .*)")
_WHY = re.compile(r"\b(?:LOG|ERROR):  (.*)")
# A session that is turned away, and whoever is told to end, say nothing about a start.
_OTHERS = re.compile(
    r"the database system is |terminating |canceling |no pg_hba\.conf entry|pg_hba\.conf rejects|connection requires|"
    r"role \"|database \"|sorry, too many|remaining connection slots|[-\w]+ authentication failed for user"
)
# A PostgreSQL that runs may be unable to follow all the same.
_FOLLOWING = re.compile(r"could not (connect to the primary server|receive data from WAL|start WAL streaming)")
# Ends that name no cause of their own; the line before does.
_WORDLESS = re.compile(r"could not load |configuration file .* contains errors")

MEND = "fix what they name and run again."
_CONFIGURE = f"`{RUN}/configure.py`"
_BUILD = f"`{RUN}/cluster.py`"
_REFUSED = re.compile(r"no pg_hba\.conf entry for .*host \"([^\"]+)\"|pg_hba\.conf rejects .*host \"([^\"]+)\"")
_CERTIFICATE = re.compile(r"certificate|private key|tlsv1 alert|SSL error", re.IGNORECASE)
_KEPT = re.compile(r"has already been removed|to release replication slot|has been invalidated|exceeded the maximum")
_TAKEN = re.compile(r"max_wal_senders|all replication slots are in use")
_ROOM = re.compile(r"No space left on device")


@dataclass(frozen=True)
class Cause:
    """
    Why it does not go on.

    + words: PostgreSQL's own
    + way: what fixes it, a sentence
    + certain: that waiting does not help
    + starts: whether PostgreSQL runs, and only does not follow
    """

    words: str
    way: str
    certain: bool = False
    starts: bool = False

    def __str__(self) -> str:
        what = "copy" if self.words.startswith("pg_basebackup") else "PostgreSQL"
        return f"its PostgreSQL says: {self.words}" if self.starts else f"its {what} ended with: {self.words}"


def cause_in(seen: SeenCause, seconds: float = 0) -> Cause | None:
    """
    The cause behind a member's last complaint; None when it has none.

    + seen: ``PostgresCause``
    + seconds: for how long it has been waited for
    """
    ends = list(_ends(seen))
    if not ends:
        return None
    words = ends[0][1]
    ages = [age for age, one in ends if age <= seconds and _kind(one) == _kind(words)]
    repeats = len(ages) >= TIMES and max(ages) - min(ages) >= SPAN_SECONDS
    return Cause(words, _way(words), repeats and not _passes(seen, words), seen["running"])


def _ends(seen: SeenCause) -> Iterator[tuple[float, str]]:
    for at, one in enumerate(seen["said"]):
        found = _END.search(one["text"])
        words = (found[1] or found[2]).strip() if found else ""
        if words and not _OTHERS.match(words) and (not seen["running"] or _FOLLOWING.match(words)):
            before = _WHY.search(seen["said"][at + 1]["text"]) if at + 1 < len(seen["said"]) else None
            yield one["age"], f"{words}: {before[1].strip()}" if before and _WORDLESS.match(words) else words


def _kind(words: str) -> str:
    return re.sub(r"[0-9A-F]*\d[0-9A-F]*", "0", words)


def _passes(seen: SeenCause, words: str) -> bool:
    """Whether it may end by itself: the primary comes back, or the archive has what is missing."""
    return seen["running"] and not (_REFUSED.search(words) or _CERTIFICATE.search(words))


def _way(words: str) -> str:
    if found := _REFUSED.search(words):
        address = found[1] or found[2]
        return (
            f"it comes from {address}, and pg_hba lets members in from their cluster_address alone: see "
            f"`ip route get LEADER` there, declare the address as the host's cluster_address, then {_BUILD}"
        )
    if _CERTIFICATE.search(words):
        return f"{_BUILD} reissues certificates where one does not fit or is expired"
    if _KEPT.search(words):
        return (
            "WAL that it needs is gone, for no slot may keep more than max_slot_wal_keep_size: raise that in "
            f"postgres_parameters, {_CONFIGURE}, then let it start again"
        )
    if _TAKEN.search(words):
        return f"raise max_wal_senders or max_replication_slots in postgres_parameters, {_CONFIGURE}, then restart"
    if _ROOM.search(words):
        return "make room on its disk"
    if "pg_hba.conf" in words:
        return f"correct postgres_hba, then {_CONFIGURE}"
    if "password authentication failed" in words:
        return f"{_BUILD} gives the host the password that the cluster has; see docs/secrets.md"
    if _FOLLOWING.match(words) or words.startswith("pg_basebackup"):
        return f"see that the host reaches the others; `{RUN}/check.py` says what is wrong with them"
    another = "declare another value in postgres_parameters, None to take it away"
    return f"when a parameter is the cause, {another}, then {_CONFIGURE}"


def copied_anew(name: str) -> str:
    """The way out of a standby that does not follow, and names no cause. + name: the node's"""
    return f"`{RUN}/reinit_node.py --data node={name}` makes a new copy."


def stuck_text(problem: str, name: str, cause: Cause | None, other: str | None = None, otherwise: str = MEND) -> str:
    """
    The refusal of a run that waits for a member in vain.

    + problem: a sentence; + name: of the member whose last lines were shown, and whose ``cause`` it is
    + other: its name again, where the sentence is about another member
    + otherwise: the way out where it names no cause
    """
    whose = str(cause).replace("its ", f"{other}'s ", 1) if other else str(cause)
    said, more = (f"; {whose}", f"{cause.way}; then run this again.") if cause else ("", "")
    hint = f"the last lines of {name} stand above; {more or otherwise}"
    return f"{problem}{said}\nHINT: {hint}"
