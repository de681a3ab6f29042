"""One member's part in a restore: stopped for it, restored by a unit of its own, given back to Patroni."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra.api import StringCommand

from cluster.components.files import File
from cluster.components.patroni_unit import UNIT as PATRONI
from cluster.components.pgbackrest import CONFIGURATION
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.restore import SeenRestore
from cluster.plans.restore.target import Target, recovery_settings
from cluster.verdicts.tablespaces import unknown
from facts.pgbackrest_restore import STATE, UNIT, RestoreState
from operations.acts.act import Act
from operations.acts.commands import write_file
from operations.acts.component import Commands
from operations.acts.last_lines import show_last_lines
from operations.acts.tablespaces import move_aside
from operations.util.console import print_lines
from operations.util.reading import read_all

PROGRESS_SECONDS = 10

_PROGRAM = (Path(__file__).parents[1] / "util" / "on_host" / "pgbackrest_restore.sh").read_text()

# Masked only when it is stopped: of a masked unit systemd forgets how it is stopped. Until the member is given back
# nobody starts Patroni on data that are half restored, no reboot and no other run.
_HALT = f"systemctl stop {PATRONI} && systemctl mask --quiet {PATRONI}"
_RELEASE = f"systemctl unmask --quiet {PATRONI} && systemctl start {PATRONI}"

# Without it Patroni knows these data for unfit, and waits to be told to make them anew; a delta needs the rest.
_DISARM = "c={data}/global/pg_control; [ ! -e $c ] || mv $c $c.before-restore"


def state_of(cluster: Cluster, node: Node, **question: Any) -> SeenRestore:
    """What a member knows of the restore. Refuses when it cannot be reached. + question: as the fact takes it"""
    seen: SeenRestore = read_all([node], RestoreState, data=cluster.data_directory, **question)[node.name]
    return seen


def record_job(node: Node, order: Mapping[str, Any]) -> Act:
    """Note on a member what is to be restored: from now on it belongs to the restore."""
    return Act(node, _written("order.json", json.dumps(dict(order)) + "\n", "600"))


def stop_patroni(node: Node) -> Act:
    """Stop Patroni and its PostgreSQL on a member, and keep them down."""
    return Act(node, StringCommand(_HALT))


def release_patroni(node: Node) -> Act:
    """Let Patroni run on a member again, with the data that are there."""
    return Act(node, StringCommand(_RELEASE))


def disarmed(cluster: Cluster, node: Node) -> Act:
    """Let Patroni run on a member again, with data that it will not start."""
    return Act(node, StringCommand(f"{_DISARM.format(data=quote(cluster.data_directory))} && {_RELEASE}"))


def end_restore(node: Node) -> Act:
    """End the unit that restores a member, if it runs."""
    return Act(node, StringCommand(f"systemctl stop {UNIT} 2>/dev/null; true"))


def forget_job(node: Node) -> Act:
    """Take away what a member knows of the restore: for it, it is over."""
    reset = f"systemctl reset-failed {UNIT} 2>/dev/null"
    return Act(node, StringCommand(f"rm -rf {STATE}; {reset}; systemctl unmask --quiet {PATRONI}"))


def unknown_aside(cluster: Cluster, node: Node, known: Sequence[str], name: str) -> Commands:
    """
    Move aside what a member that is to be restored has in tablespaces that the backup does not know. From then on its
    data count as touched, and no longer as whole, for links of theirs lead to nothing: whoever ends the restore makes
    them anew.

    + known: directories of the backup's; + name: what the others' files are kept under
    """
    locations = unknown(state_of(cluster, node), known)
    disarm = _DISARM.format(data=quote(cluster.data_directory))
    yield from move_aside(cluster, node, locations, name, first=f"touch {STATE}/begun && {{ {disarm}; }}")


def begin_restore(
    cluster: Cluster,
    node: Node,
    target: Target,
    order: Mapping[str, Any],
    *,
    stanza: str,
    configuration: str = CONFIGURATION,
    roles: str = "",
    tablespaces: Sequence[str] = (),
) -> Commands:
    """
    Begin the unit that restores a member. Returns at once.

    + order: holds the backup, its repository and the timeline
    + stanza, configuration: where pgBackRest finds them
    + tablespaces: directories of those in the backup
    + roles: SQL for the restored data, before anybody else can connect
    """
    recovery = [f"{name}={value}" for name, value in recovery_settings(target, order["to_timeline"]).items()]
    place = [configuration, stanza, str(order["repository"]), order["set"]]
    words = ["restore", cluster.data_directory, cluster.bin_directory, *place, *recovery]
    yield Act(node, _written("program", _PROGRAM, "700"))
    yield Act(node, _written("tablespaces", "".join(f"{path}\n" for path in tablespaces), "600"))
    if roles:
        yield Act(node, _written("roles.sql", roles, "600"))
    run = f"systemd-run --quiet --unit={UNIT} -- /bin/bash {STATE}/program {' '.join(map(quote, words))}"
    yield Act(node, StringCommand(f"systemctl reset-failed {UNIT} 2>/dev/null; rm -f {STATE}/result; {run}"))


def _written(name: str, content: str, mode: str) -> StringCommand:
    write = write_file(File(f"{STATE}/{name}", content, mode=mode))
    return StringCommand(f"install -d -m 700 {STATE} &&", *write.bits, **write.connector_arguments)


def await_restore(cluster: Cluster, node: Node) -> dict[str, Any]:
    """
    What the restored data are, when they are complete; on the way a line now and then. Refuses when the unit failed.
    """
    began = time.monotonic()
    while True:
        seen = state_of(cluster, node, wait_seconds=PROGRESS_SECONDS)
        if seen["result"] is not None and not seen["running"]:
            return seen["result"]
        if not seen["running"]:
            break
        print_lines([f"{node.name} is restored for {time.monotonic() - began:.0f} s: {seen['progress']}"])
    show_last_lines(node, UNIT)
    raise UnsafeError(
        f"the restore of {node.name} failed: {seen['error'] or 'it was ended'}\n"
        "HINT: the others still have the data from before; run again with the same or another moment, or give the "
        "cluster back as it was with --data cancel=true."
    )
