"""PostgreSQL of one member restarted in place, through its own Patroni."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra.api import StringCommand
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster
from cluster.verdicts.live import Live
from operations.acts.act import Act
from operations.util.journal import described

# Patroni looks at the configuration once in loop_wait; this much more for a busy host.
NOTICE_SECONDS = 10
# Standbys ask a primary that was away for WAL again once in wal_retrieve_retry_interval, 5 s by default.
FOLLOW_SECONDS = 30
_RESTART = (Path(__file__).parents[1] / "util" / "on_host" / "patroni_restart.py").read_text()


def restart_in_place(
    cluster: Cluster, live: Live, name: str, what: str, before: Any = None, after: Any = None
) -> Generator[PyinfraCommand, None, dict[str, Any]]:
    """
    Restart PostgreSQL of a member where a restart is pending, and wait until it is well again: every run that restarts
    one does it here. While it is the leader nobody can write from here on, until this returns.

    Nothing is done when the role of the member is no longer the one that was seen. Returns what the script on the host
    says: whether it was ``asked`` for, Patroni's ``text``, whether PostgreSQL is ``ready``, and after how many
    ``seconds``.

    + live: the picture that it was decided on
    + name: of the member
    + what, before, after: for the journal, as ``described`` has them
    """
    act = Act(cluster.node(name), restart_command(cluster, live, name))
    yield described(act, what, before, after)
    said: dict[str, Any] = json.loads(act.printed[-1])
    return said


def restart_command(cluster: Cluster, live: Live, name: str) -> StringCommand:
    """The restart as one command on the member's host. + live, name: as above"""
    settings, lead = cluster.settings, live.postgres[str(live.leader)]
    streaming = {one["name"] for one in (lead["replication"] if lead else ()) if one["state"] == "streaming"}
    late = {one for one, seen in live.postgres.items() if seen and seen["apply_delay_ms"]}
    late |= {one for one, member in live.patroni["members"].items() if member["tags"].get("nostream")}
    asked = {
        "leads": name == live.leader,
        "seconds": settings.patroni_restart_seconds,
        "notice_seconds": 2 * settings.patroni_loop_wait + NOTICE_SECONDS,
        "follow_seconds": FOLLOW_SECONDS,
        "target": lead["written"] if lead else None,
        "late": name in late,
        "standbys": sorted((streaming - late) & {node.name for node in cluster.members}),
    }
    return StringCommand(f"python3 -c {quote(_RESTART)} {quote(json.dumps(asked))}")
