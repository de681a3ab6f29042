"""A backup now, into each repository."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster
from cluster.declared.repositories import Repository, service
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenBackup, SeenPgbackrest
from cluster.plans.backup import backup_lines, failure, progress_line, room_obstacle
from operations.acts.component import Commands
from operations.acts.last_lines import show_last_lines
from operations.pgbackrest_stanza import observed, proven, stanzas_created
from operations.util.console import print_lines
from operations.util.hosts import current_node
from operations.util.planning import decide_later, dry_run

PROGRESS_SECONDS = 10
LOOKS = 10


@operation()
def backup(cluster: Cluster, kind: str) -> Commands:
    """
    Take a backup now into each repository, one after the other, and return when they are complete. One of this type
    that is under way already is waited for. A repository that cannot be used is refused when the other has its backup.

    + kind: full, diff or incr; the first one is a full one, whatever is asked for
    """
    node = cluster.repository
    if node is None or node.name != current_node():
        host.noop("the repository host runs this step")
        return
    if dry_run():
        yield from decide_later(f"a {kind} backup")
        return
    found = yield from stanzas_created(cluster, node)
    full = {one: obstacle for one, seen in found.fit.items() if (obstacle := _no_room(one, seen, kind)) is not None}
    begun = all(seen["attempts"][kind]["running"] for seen in found.fit.values())
    # With a store that is gone it would take minutes to say what is known already.
    if not (found.created or found.obstacles or full or begun):
        yield from proven(cluster, node, found.leader)
    failures = [*found.obstacles, *full.values()]
    for one, seen in found.fit.items():
        if one not in full:
            failures += yield from _backed_up(cluster, one, kind, seen)
    print_lines([line for other in failures[1:] for line in other.splitlines()])
    if failures:
        raise UnsafeError(failures[0])


def _no_room(repository: Repository, seen: SeenPgbackrest, kind: str) -> str | None:
    """What is under way has its room, or fails by itself."""
    obstacle = None if seen["attempts"][kind]["running"] else room_obstacle(seen, repository.title)
    return str(obstacle) if obstacle is not None else None


def _backed_up(
    cluster: Cluster, repository: Repository, kind: str, before: SeenPgbackrest
) -> Generator[PyinfraCommand, None, list[str]]:
    """Take a backup into one repository. Returns why it failed, so that the other one gets its own all the same."""
    what = _backup_words(kind, repository)
    if before["attempts"][kind]["running"]:
        print_lines([f"a {what} is under way already: none is started, its end is waited for"])
    else:
        unit = service(kind, repository.number)
        yield StringCommand(f"systemctl reset-failed {unit} 2>/dev/null; systemctl start --no-block {unit}")
    known = {one["label"] for one in before["backups"]}
    try:
        taken = _taken(cluster, repository, kind, known)
    except UnsafeError as failure:
        return [str(failure)]
    print_lines([] if repository.alone else [f"In {repository.title}:"])
    print_lines([line for one in taken for line in backup_lines(one)])
    return []


def _backup_words(kind: str, repository: Repository) -> str:
    return f"{kind} backup" if repository.alone else f"{kind} backup into {repository.title}"


def _taken(cluster: Cluster, repository: Repository, kind: str, known: Collection[str]) -> list[SeenBackup]:
    """
    The backup, when it has ended; on the way a line now and then. Refuses when it failed.

    + known: labels of those that were there before
    """
    began, looks, what = time.monotonic(), 0, _backup_words(kind, repository)
    while True:
        seen = observed(cluster, repository, wait_for=kind, wait_seconds=PROGRESS_SECONDS)
        attempt = seen["attempts"][kind]
        if attempt["running"]:
            print_lines([progress_line(what, seen, time.monotonic() - began)])
        elif attempt["failed"]:
            break
        elif taken := [one for one in seen["backups"] if one["label"] not in known]:
            return taken
        elif (looks := looks + 1) > LOOKS:  # systemd begins a moment after it was told to
            break
    show_last_lines(cluster.node(current_node()), service(kind, repository.number))
    raise UnsafeError(failure(what, attempt["error"]))
