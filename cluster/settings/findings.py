"""The settings of the judgement of hosts by themselves."""

from __future__ import annotations

from cluster.settings.base import Strict, setting


class FindingsSettings(Strict):
    """How often hosts judge themselves; see docs/findings.md."""

    findings_minutes: int = setting(
        5, "minutes between two judgements of a host by itself, with monitoring on", ge=1, le=1440
    )
