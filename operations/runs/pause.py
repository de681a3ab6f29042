"""Pause and resume Patroni."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.verdicts.health import holdup
from cluster.verdicts.live import Live
from cluster.verdicts.slots import slot_remarks
from facts.patroni import PatroniPauseSeen
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.live.members import look
from operations.util.console import print_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.reading import read

_PATCH = (Path(__file__).parents[1] / "util" / "on_host" / "patroni_patch.py").read_text()


@operation()
def pause(cluster: Cluster) -> Commands:
    """
    Pause Patroni on the whole cluster: PostgreSQL runs on, and nobody fails over, starts or stops it any more. Refuses
    while there is no leader, for nobody would be elected then.
    """
    if not acts_here(cluster.members):
        return
    live = look(cluster)
    _refuse_if_silent(live)
    if live.leader is None and not live.patroni["paused"]:
        raise UnsafeError(
            f"cluster {cluster.name} has no leader, and while it is paused it gets none\nHINT: wait for the election."
        )
    yield from _turned(cluster, live, on=True)
    print_lines(
        [
            f"{cluster.name} is paused; {live.leader or 'nobody'} leads",
            "  there is NO failover now: a PostgreSQL that stops stays down, wherever it is",
            "  it stays so until it is resumed: pyinfra inventory.py deploys/resume.py",
            "  slots that are made by hand meanwhile are dropped then, unless patroni_ignore_slots names them",
            *(f"  at resume {remark}" for remark in slot_remarks(cluster, live)),
        ]
    )


@operation()
def resume(cluster: Cluster) -> Commands:
    """Let Patroni act again. Refuses nothing; says so when the cluster is then not well."""
    if not acts_here(cluster.members):
        return
    live = look(cluster)
    _refuse_if_silent(live)
    print_lines(slot_remarks(cluster, live))
    yield from _turned(cluster, live, on=False)
    names = [node.name for node in cluster.members]
    after = look(cluster, names, wait_seconds=_loops(cluster))
    print_lines([f"{cluster.name} is not paused; {after.leader or 'nobody'} leads", *_unwell(cluster, after)])


def _refuse_if_silent(live: Live) -> None:
    if not live.patroni["answers"]:
        raise UnsafeError(
            f"no Patroni answers: {live.patroni['error']}\nHINT: start it; 'systemctl start patroni' on a member."
        )


def _loops(cluster: Cluster) -> int:
    """Seconds within which every member has looked at etcd: each does once in loop_wait."""
    return 2 * cluster.settings.patroni_loop_wait + 10


def _turned(cluster: Cluster, live: Live, *, on: bool) -> Commands:
    """Set or clear the pause, and wait until every member that answers has seen it."""
    answering = [node for node in cluster.members if node.name not in live.silent]
    if live.patroni["paused"] is on:
        host.noop(f"{cluster.name} is {'' if on else 'not '}paused already")
    else:
        asked = next(iter(in_this_run(answering)), answering[0])
        yield Act(asked, StringCommand(f"python3 -c {quote(_PATCH)}", _stdin=[json.dumps({"pause": on or None})]))
    seen = read(answering, PatroniPauseSeen, wanted=on, wait_seconds=_loops(cluster))
    if late := [name for name, knows in seen.items() if knows is not on]:
        raise UnsafeError(
            f"{', '.join(late)} has not seen the {'pause' if on else 'end of the pause'} after {_loops(cluster)} s\n"
            "HINT: look at 'journalctl -u patroni' there; run again when it is fixed."
        )
    if live.silent:
        host.log("does not answer, and learns it later: " + ", ".join(live.silent))


def _unwell(cluster: Cluster, live: Live) -> list[str]:
    if live.patroni["settled"]:
        return ["  every standby streams"]
    node, reason = holdup(cluster, live.patroni, cluster.members[0].name)
    return [f"  not all is well yet: {node.name} {reason}"]
