"""Remove a member's data and let Patroni copy them again."""

from __future__ import annotations

import time

from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import refuse
from cluster.plans.reinit_node import is_being_copied, reinit_obstacles, reinit_remarks, source_text
from cluster.verdicts.health import CLONING
from cluster.verdicts.live import Live
from facts.patroni import DirectorySize, PatroniCluster
from facts.postgres.state import PostgresState
from operations.acts.component import Commands
from operations.acts.copies import Copying
from operations.acts.patroni_rest import Post
from operations.acts.tablespaces import make_places
from operations.live.members import look
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.planning import dry_run
from operations.util.reading import read, read_all

PROGRESS_SECONDS = 10


@operation()
def reinit(cluster: Cluster, member: str, force: bool = False) -> Commands:
    """
    Rebuild one member from the others or the repository, and return when it streams. One that is being copied already
    is waited for. Refuses what ``reinit_obstacles`` finds.

    + member: its name
    + force: also a healthy standby, one with WAL that the leader does not have, and one that a backup reads from
    """
    if not acts_here(cluster.members):
        return
    live, node = look(cluster), cluster.node(member)
    if is_being_copied(live, member):
        print_lines([f"{member} is being copied already: nothing is started, its end is waited for"])
        host.noop("a copy is under way")
        if not dry_run():
            yield from make_places(cluster, node, fresh=False)  # without them it fails again and again
            _wait(cluster, node, live, before=None)
        return
    refuse(f"{member} is not rebuilt now", reinit_obstacles(cluster, live, member, force=force))
    print_lines(
        [
            f"Rebuild of {member} in {cluster.name}: it gets its data from {source_text(cluster, live, member)}",
            *(f"  note   {remark}" for remark in reinit_remarks(cluster, live, member, _size_mib(cluster, node))),
        ]
    )
    yield from make_places(cluster, node, fresh=False)
    asked = Post(node, "/reinitialize", {"force": True})
    yield asked
    if asked.status != 200:
        raise UnsafeError(
            f"Patroni did not rebuild {member}: {asked.text} (status {asked.status})\n"
            f"HINT: its data is as it was; 'journalctl -u patroni' on {member} says more."
        )
    _wait(cluster, node, live, before=live.postgres[member])


def _wait(cluster: Cluster, node: Node, live: Live, before: SeenPostgres | None) -> None:
    """Until the member streams with a PostgreSQL that was started anew: etcd shows the old picture for a moment."""
    began, copying = time.monotonic(), Copying(cluster.data_directory)
    started_at = before["started_at"] if before is not None else 0.0
    while True:
        seen = _asked(node)
        now: SeenPostgres | None = read([node], PostgresState)[node.name]
        if seen["settled"] and now is not None and now["receiving"] and now["started_at"] > started_at:
            break
        if not copying.goes_on(node, state := _state(seen, node)):
            copying.refuse(node, f"{node.name} does not stream: {state}")
    _refuse_if_foreign(node, live, now)
    print_lines(
        [
            f"{node.name} streams from {seen['leader']} on timeline {now['timeline']}",
            f"  {_size_mib(cluster, node)} MiB after {time.monotonic() - began:.1f} s",
        ]
    )


def _size_mib(cluster: Cluster, node: Node) -> int:
    return read_all([node], DirectorySize, directory=cluster.data_directory)[node.name]


def _asked(node: Node) -> SeenPatroni:
    question = {"expected": [node.name], "wait_seconds": PROGRESS_SECONDS}
    seen: SeenPatroni = read_all([node], PatroniCluster, **question)[node.name]
    return seen


def _state(seen: SeenPatroni, node: Node) -> str:
    found = seen["members"].get(node.name)
    if found is None:
        return seen["error"] or "not known to etcd"
    return CLONING if found["streaming"] else found["state"]  # the old picture: its data is on the way out


def _refuse_if_foreign(node: Node, live: Live, now: SeenPostgres) -> None:
    leading = live.postgres[str(live.leader)]
    wanted, found = (state and state["control"] and state["control"]["identifier"] for state in (leading, now))
    if wanted is not None and wanted != found:
        raise UnsafeError(
            f"{node.name} streams with system identifier {found}, the leader has {wanted}\n"
            "HINT: this cannot be; do not use this member, and look at what it copied from."
        )
