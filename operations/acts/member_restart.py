"""PostgreSQL of one member restarted in place, through its own Patroni."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra.api import StringCommand
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster
from cluster.verdicts.held_clients import HOLD, Holding, held_hosts
from cluster.verdicts.live import Live
from cluster.verdicts.standby_role import is_standby
from operations.acts.act import Act
from operations.acts.held_clients import clients_held, ended_when_it_writes
from operations.acts.last_lines import Watch
from operations.util.journal import described

# Patroni looks at the configuration once in loop_wait; this much more for a busy host.
NOTICE_SECONDS = 10
# Standbys ask a primary that was away for WAL again once in wal_retrieve_retry_interval, 5 s by default.
FOLLOW_SECONDS = 30
# Two starts of one server are further apart; the moment comes as a number that may have been rounded.
BETWEEN_SECONDS = 0.1
_RESTART = (Path(__file__).parents[1] / "util" / "on_host" / "patroni_restart.py").read_text()


def restart_in_place(
    cluster: Cluster,
    live: Live,
    name: str,
    what: str,
    before: Any = None,
    after: Any = None,
    *,
    pending: bool = True,
    holding: Holding = HOLD,
) -> Generator[PyinfraCommand, None, dict[str, Any]]:
    """
    Restart PostgreSQL of a member, and wait until it is well again: every run that restarts one does it here. While it
    is the leader nobody can write from here on, until this returns.

    Nothing is done when the role of the member is no longer the one that was seen. Returns what the script on the host
    says: whether it was ``asked`` for, Patroni's ``text``, whether PostgreSQL is ``ready``, and after how many
    ``seconds``.

    + live: the picture that it was decided on
    + name: of the member
    + what, before, after: for the journal, as ``described`` has them
    + pending: only if a restart is pending there
    + holding: whether clients of PgBouncer wait while it is the leader
    """
    node, leads = cluster.node(name), name == live.leader
    act = Act(node, restart_command(cluster, live, name, pending=pending))
    if not leads or not held_hosts(cluster, holding):
        yield described(act, what, before, after)
        return _said(act)
    # Nobody waits for what can be done before.
    yield Act(node, restart_command(cluster, live, name, pending=pending, prepares=True))
    with clients_held(cluster, holding, node) as held, ended_when_it_writes(held, node, _began_anew(live, name)):
        yield described(act, what, before, after)
    return _said(act)


def _said(act: Act) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(act.printed[-1])
    return said


def _began_anew(live: Live, name: str) -> str:
    """A statement that fails on the server that runs still, for that one takes writes, too."""
    lead = live.postgres[name]
    began = lead["started_at"] if lead is not None else 0.0
    return f"select 1 / (extract(epoch from pg_postmaster_start_time()) > {began + BETWEEN_SECONDS})::int"


def restart_command(cluster: Cluster, live: Live, name: str, *, pending: bool, prepares: bool = False) -> StringCommand:
    """
    The restart as one command on the member's host.

    + live, name, pending: as above; + prepares: only what comes before it, the checkpoint
    """
    settings, lead = cluster.settings, live.postgres[str(live.leader)]
    streaming = {one["name"] for one in (lead["replication"] if lead else ()) if one["state"] == "streaming"}
    late = {one for one, seen in live.postgres.items() if seen and seen["apply_delay_ms"]}
    late |= {one for one, member in live.patroni["members"].items() if member["tags"].get("nostream")}
    asked = {
        "role": _role(live, name),
        "pending": pending,
        "seconds": settings.patroni_restart_seconds,
        "notice_seconds": 2 * settings.patroni_loop_wait + NOTICE_SECONDS,
        "follow_seconds": FOLLOW_SECONDS,
        "target": lead["written"] if lead else None,
        "late": name in late or (_role(live, name) == "standby_leader" and not (lead and lead["receiving"])),
        "standbys": sorted((streaming - late) & {node.name for node in cluster.members}),
    }
    asked |= {"prepares": True} if prepares else {}
    return StringCommand(f"python3 -c {quote(_RESTART)} {quote(json.dumps(asked))}")


def _role(live: Live, name: str) -> str:
    """In Patroni's words, from 4.0 on."""
    if name != live.leader:
        return "replica"
    return "standby_leader" if is_standby(live.patroni["config"]) else "primary"


def refuse_unwell(cluster: Cluster, name: str, said: Mapping[str, Any], waits: str = "") -> None:
    """
    End the run when a member is not well after its restart, with its last lines.

    + said: as ``restart_in_place`` returns it; + waits: what else is to be known then, as the end of a sentence
    """
    if not said["ready"]:
        problem = f"{name} is not well {said['seconds']} s after its restart: {said['text']}{waits}"
        Watch(cluster.data_directory).refuse(cluster.node(name), problem)
