"""The stanza, which is the cluster's place in the repository, and a backup now."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass, replace

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from cluster.errors import UnsafeError
from cluster.model import Cluster, Node
from cluster.observed import SeenPostgres
from cluster.observed_pgbackrest import SeenBackup, SeenPgbackrest
from cluster.plan_backup import (
    backup_lines,
    failure,
    progress_line,
    repository_obstacle,
    room_obstacle,
    stanza_is_absent,
    unproven,
)
from cluster.render_pgbackrest import SILENT_MARK
from cluster.repositories import Repository, repositories_of, service
from cluster.settings_pgbackrest import DIRECTORY
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_archiver import PgbackrestArchiver
from facts.postgres_state import PostgresState
from operations.util.act import Act
from operations.util.cause import show_last_lines
from operations.util.component import Commands
from operations.util.console import print_lines
from operations.util.remote import here, read
from operations.util.stage import planning, undecided

PROGRESS_SECONDS = 10
LOCK_SECONDS = 60
LOOKS = 10
CHECK, ARRIVED = "--archive-timeout=130 check", "a segment arrived"

# Whether a cluster has a backup, as the step that looked at its repository saw it. The card at the end of the same run
# says so, without another look.
_has_backup: dict[str, bool] = {}

# A primary that has WAL for the archive already tries, and holds the lock on it meanwhile. PostgreSQL lets go after
# three attempts, for a minute.
_CREATE = """cd /
end=$(( $(date +%s) + {seconds} ))
until said=$({command} 2>&1); do
  case $said in *'unable to acquire lock'*) held=yes ;; *) held= ;; esac
  if [ -z "$held" ] || [ "$(date +%s)" -ge "$end" ]; then printf '%s\\n' "$said" >&2; exit 1; fi
  sleep 0.5
done"""


@dataclass(frozen=True)
class Found:
    """
    The repositories at the beginning.

    + fit: those that can be used, as they were; + obstacles: why others cannot, with a way out
    + created: whether a stanza was created in one since
    """

    fit: Mapping[Repository, SeenPgbackrest]
    obstacles: tuple[str, ...]
    created: bool = False


@operation()
def stanza(cluster: Cluster) -> Commands:
    """
    Create the stanza where there is none, and prove with a segment that WAL arrives in it, in every repository.

    Refuses a repository that has the backups of another cluster, or cannot be read.
    """
    node = cluster.repository
    if node is None or node.name != here():
        host.noop("the repository is not on this host")
        return
    if planning() and not _has_stanzas(cluster):
        yield from undecided("the stanza")
        return
    found = yield from _stanzas_created(cluster, node)
    if found.obstacles:
        raise UnsafeError(found.obstacles[0])
    if not found.created:
        host.noop("the stanza is there")


def has_backup(cluster: Cluster) -> bool | None:
    """Whether the repository has a backup, as this run has seen; None when it has not looked."""
    return _has_backup.get(cluster.name)


@operation()
def backup(cluster: Cluster, kind: str) -> Commands:
    """
    Take a backup now into each repository, one after the other, and return when they are complete. One of this type
    that is under way already is waited for. A repository that cannot be used is refused when the other has its backup.

    + kind: full, diff or incr; the first one is a full one, whatever is asked for
    """
    node = cluster.repository
    if node is None or node.name != here():
        host.noop("the repository host does it")
        return
    if planning():
        yield from undecided(f"a {kind} backup")
        return
    found = yield from _stanzas_created(cluster, node)
    full = {one: obstacle for one, seen in found.fit.items() if (obstacle := _no_room(one, seen, kind)) is not None}
    begun = all(seen["attempts"][kind]["running"] for seen in found.fit.values())
    # With a store that is gone it would take minutes to say what is known already.
    if not (found.created or found.obstacles or full or begun):
        yield from _proven(cluster, node)
    failures = [*found.obstacles, *full.values()]
    for one, seen in found.fit.items():
        if one not in full:
            failures += yield from _backed_up(cluster, one, kind, seen)
    print_lines([line for other in failures[1:] for line in other.splitlines()])
    if failures:
        raise UnsafeError(failures[0])


def _no_room(repository: Repository, seen: SeenPgbackrest, kind: str) -> str | None:
    """What is under way has its room, or fails by itself."""
    return None if seen["attempts"][kind]["running"] else room_obstacle(seen, repository.title)


def _found(cluster: Cluster, leading: SeenPostgres | None) -> Found:
    identifier = leading["control"]["identifier"] if leading and leading["control"] else None
    seen = {one: _observed(cluster, one) for one in repositories_of(cluster.settings)}
    _has_backup[cluster.name] = any(said["backups"] for said in seen.values())
    judged = {one: repository_obstacle(said, cluster.name, identifier, one.title) for one, said in seen.items()}
    fit = {one: said for one, said in seen.items() if judged[one] is None}
    return Found(fit, tuple(obstacle for obstacle in judged.values() if obstacle))


def _stanzas_created(cluster: Cluster, node: Node) -> Generator[PyinfraCommand, None, Found]:
    """Create what is absent. Refuses when another repository cannot be used: pgBackRest creates all or fails."""
    leading = _leader_state(cluster)
    found = _found(cluster, leading)
    if not any(stanza_is_absent(said) for said in found.fit.values()):
        return found
    if found.obstacles:
        raise UnsafeError(found.obstacles[0])
    yield StringCommand(_CREATE.format(seconds=LOCK_SECONDS, command=_words(cluster, "stanza-create")))
    # Turned on later, archive_mode waits for a restart of PostgreSQL; until then there is nothing to prove.
    if leading is not None and leading["archiver"] and leading["archiver"]["mode"] != "off":
        yield from _proven(cluster, node)
    return replace(found, created=True)


def _proven(cluster: Cluster, node: Node) -> Commands:
    """Let the primary archive a segment. Refuses, with the words of its archiver, when that does not arrive in time."""
    # The repository answers. Who has tried in vain just now would not ask again for a while, and then PostgreSQL lets a
    # minute go by: as long as pgBackRest would wait for the segment by default.
    for name in (name for name, state in _states(cluster).items() if _leads(state)):
        yield Act(cluster.node(name), StringCommand(f"rm -f {SILENT_MARK}"))
    check = Act(node, StringCommand(f"cd / && {{ {_words(cluster, CHECK)} 2>&1 && echo {ARRIVED}; }} || true"))
    yield check
    if check.printed[-1:] != [ARRIVED]:
        raise UnsafeError(unproven(check.printed, _archivers_words(cluster)))


def _archivers_words(cluster: Cluster) -> str:
    said: dict[str, str | None] = read(cluster.members, PgbackrestArchiver, stanza=cluster.name)
    leading = (said[name] for name, state in _states(cluster).items() if _leads(state))
    return next(leading, None) or ""


def _has_stanzas(cluster: Cluster) -> bool:
    """In the plan pgBackRest may not even be installed yet."""
    seen = [_observed(cluster, one) for one in repositories_of(cluster.settings)]
    return all(one["answers"] and not stanza_is_absent(one) for one in seen)


def _backed_up(
    cluster: Cluster, repository: Repository, kind: str, before: SeenPgbackrest
) -> Generator[PyinfraCommand, None, list[str]]:
    """Take a backup into one repository. Returns why it failed, so that the other one gets its own all the same."""
    what = _backup_words(kind, repository)
    if before["attempts"][kind]["running"]:
        print_lines([f"a {what} is under way already: none is begun, its end is waited for"])
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


def _leader_state(cluster: Cluster) -> SeenPostgres | None:
    return next((one for one in _states(cluster).values() if _leads(one)), None)


def _states(cluster: Cluster) -> dict[str, SeenPostgres | None]:
    return read(cluster.members, PostgresState)


def _leads(state: SeenPostgres | None) -> bool:
    return state is not None and state["in_recovery"] is False


def _observed(cluster: Cluster, repository: Repository, **question: object) -> SeenPgbackrest:
    place: dict[str, object] = {"stanza": cluster.name, "repository": repository.number}
    if repository.kind == DIRECTORY:
        place["directory"] = cluster.settings.pgbackrest_path
    seen: SeenPgbackrest = host.get_fact(PgbackrestInfo, **place, **question)
    return seen


def _words(cluster: Cluster, command: str) -> str:
    return f"runuser -u postgres -- pgbackrest --stanza={cluster.name} {command}"


def _taken(cluster: Cluster, repository: Repository, kind: str, known: Collection[str]) -> list[SeenBackup]:
    """
    The backup, when it has ended; on the way a line now and then. Refuses when it failed.

    + known: labels of those that were there before
    """
    began, looks, what = time.monotonic(), 0, _backup_words(kind, repository)
    while True:
        seen = _observed(cluster, repository, wait_for=kind, wait_seconds=PROGRESS_SECONDS)
        attempt = seen["attempts"][kind]
        if attempt["running"]:
            print_lines([progress_line(what, seen, time.monotonic() - began)])
        elif attempt["failed"]:
            break
        elif taken := [one for one in seen["backups"] if one["label"] not in known]:
            return taken
        elif (looks := looks + 1) > LOOKS:  # systemd begins a moment after it was told to
            break
    show_last_lines(cluster.node(here()), service(kind, repository.number))
    raise UnsafeError(failure(what, attempt["error"]))
