"""
What a check has to tell people who do not watch a screen: what is new and what is gone, each once; alarms once a day.

Standard library only, for what sends it is a process of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

AGAIN = timedelta(days=1)
ALARM, REMARK = "alarm", "remark"
# The rest of what such a host has may be as it was: cannot be read is not gone.
SILENT = ("host-silent", "answer-missing")
# Figures change with every look; names with a figure in them do not.
_FIGURES = re.compile(r"(?<![\w.-])\d[\d.,:]*(?![\w-])")


@dataclass
class Told:
    """
    What one receiver knows: all that has to outlive a run.

    + findings: by key, with ``told``, when they were told last; + failed: why checks do not run; + failed_told: when
    """

    findings: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: str = ""
    failed_told: str = ""


@dataclass(frozen=True)
class Notice:
    """
    One message; none is sent when all of it is empty.

    + new, again, gone: findings; + failed: why the check did not run; + works: whether it runs again
    """

    new: Sequence[Mapping[str, Any]] = ()
    again: Sequence[Mapping[str, Any]] = ()
    gone: Sequence[Mapping[str, Any]] = ()
    failed: str = ""
    works: bool = False

    def __bool__(self) -> bool:
        return bool(self.new or self.again or self.gone or self.failed or self.works)

    @property
    def subject(self) -> str:
        """One line."""
        if self.failed:
            return "the check of the clusters did not run"
        clusters = ", ".join(dict.fromkeys(str(one["cluster"]) for one in (*self.new, *self.again, *self.gone)))
        counts = [(self.new, "new"), (self.again, "still there"), (self.gone, "gone")]
        words = [f"{_counted(listed)} {what}" for listed, what in counts if listed]
        return f"{clusters}: {', '.join(words)}" if words else "the check of the clusters runs again"

    @property
    def text(self) -> str:
        """All of it."""
        lines = ["The check runs again.", ""] if self.works else []
        if self.failed:
            lines += ["The check could not run; what is wrong meanwhile is not told:", f"  {self.failed}", ""]
        for listed, heading in ((self.new, "New"), (self.again, "Still there"), (self.gone, "Gone")):
            if listed:
                lines += [heading, *(line for one in listed for line in _lines(one, heading != "Gone")), ""]
        return "\n".join(lines)

    @property
    def data(self) -> dict[str, Any]:
        """The same for programs; ``text`` is what chats show."""
        listed = {"new": list(self.new), "again": list(self.again), "gone": list(self.gone)}
        text = f"{self.subject}\n{self.text}".strip()
        return {"text": text, "subject": self.subject, **listed, "failed": self.failed, "works_again": self.works}


def _counted(listed: Sequence[Mapping[str, Any]]) -> str:
    severities = [one["severity"] for one in listed]
    counts = ((severity, severities.count(severity)) for severity in dict.fromkeys(severities))
    return " and ".join(f"{count} {severity}{'s' if count > 1 else ''}" for severity, count in counts)


def _lines(one: Mapping[str, Any], with_hint: bool) -> list[str]:
    said = f"  {one['severity']}  {one['cluster']}, {one['where']}, {one['what']}: {one['problem']}"
    return [said, *([f"    {one['hint']}"] if with_hint else [])]


def key_of(cluster: str, one: Mapping[str, Any]) -> str:
    """By which a finding is known again at the next look, when its figures are others."""
    return "|".join([cluster, str(one["kind"]), str(one["where"]), _FIGURES.sub("#", str(one["problem"]))])


def after_check(told: Told, document: Mapping[str, Any], now: datetime) -> tuple[Notice, Told]:
    """
    What is to be told of a look, and what is known when it was.

    + document: what ``deploys/check.py`` prints as JSON
    """
    found = {key: one for name, cluster in document["clusters"].items() for key, one in _bad(name, cluster)}
    unread = {name: _silent(cluster) for name, cluster in document["clusters"].items()}
    kept = {key: one for key, one in told.findings.items() if key not in found and _unread(one, unread)}
    new = [one for key, one in found.items() if key not in told.findings]
    again = [one for key, one in found.items() if key in told.findings and _is_due(one, told.findings[key], now)]
    gone = [one for key, one in told.findings.items() if key not in found and key not in kept]
    at = now.isoformat()
    known = {
        key: {**one, "told": at if one in new or one in again else told.findings[key]["told"]}
        for key, one in found.items()
    }
    notice = Notice(new=new, again=again, gone=[_plain(one) for one in gone], works=bool(told.failed))
    return notice, Told(findings={**known, **kept})


def _bad(name: str, cluster: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for one in cluster["findings"]:
        if one["severity"] != REMARK:
            yield key_of(name, one), {"cluster": name, **one}


def _silent(cluster: Mapping[str, Any]) -> set[str]:
    return {one["where"] for one in cluster["findings"] if one["kind"] in SILENT}


def _unread(one: Mapping[str, Any], unread: Mapping[str, set[str]]) -> bool:
    """Whether nobody could see if a finding is still there: its host is silent, or the one who saw it may be."""
    silent = unread.get(one["cluster"])
    if not silent or one["kind"] in SILENT:
        return False
    # Of what is said of the cluster as a whole any host may have been the witness.
    return one["where"] in silent or one["where"] == one["cluster"]


def _is_due(one: Mapping[str, Any], former: Mapping[str, Any], now: datetime) -> bool:
    return one["severity"] == ALARM and now - datetime.fromisoformat(former["told"]) >= AGAIN


def _plain(one: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name != "told"}


def after_failure(told: Told, why: str, now: datetime) -> tuple[Notice, Told]:
    """The same of a check that did not run: told once, and then once a day. + why: in a line"""
    due = not told.failed or now - datetime.fromisoformat(told.failed_told) >= AGAIN
    notice = Notice(failed=why if due else "")
    return notice, Told(told.findings, why, now.isoformat() if due else told.failed_told)
