"""pgBackRest: the WAL archive and the backups, on the members and on the repository host."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.pgbackrest_drill import DRILL_TIMER, DRILL_TIMER_PATH
from cluster.components.pgbackrest_files import pgbackrest_component
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import (
    timer_path,
    unscheduled_timers,
)
from cluster.secrets.secrets import Secret
from facts.host import HostComponent
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again
from operations.util.said import said


@operation()
@looks_again
def configured(cluster: Cluster, cipher_pass: Secret) -> Commands:
    """
    pgBackRest's files, its TLS server, and on the repository host the timers. Leaves hosts alone that have neither data
    nor the repository; a cluster without a repository host has nothing of this.

    + cipher_pass: with which the repository is encrypted
    """
    node = cluster.node(host.name)
    if not cluster.uses_pgbackrest(node):
        host.noop("no backups on this host")
        return
    yield from _unscheduled_gone(cluster, node)
    yield from apply_component(pgbackrest_component(cluster, node, cipher_pass))


def _unscheduled_gone(cluster: Cluster, node: Node) -> Commands:
    """Stop the timers of what has no time any more, and of a repository that is not declared any more."""
    names = _without_time(cluster) if "backup" in node.roles else {}
    if not names:
        return
    seen = said(HostComponent, paths=list(names.values()), units={})
    for name, path in names.items():
        if seen["paths"][path] is not None:
            yield StringCommand(f"systemctl disable --now --quiet {name}; rm -f {path} && systemctl daemon-reload")


def _without_time(cluster: Cluster) -> dict[str, str]:
    drill = {DRILL_TIMER: DRILL_TIMER_PATH} if cluster.settings.pgbackrest_drill_schedule is None else {}
    return {**{name: timer_path(name) for name in unscheduled_timers(cluster.settings)}, **drill}
