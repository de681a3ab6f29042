"""The stanza, which is the cluster's place in the repository, and a backup now."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator

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
from cluster.render_pgbackrest import service
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
ARRIVED = "a segment arrived"

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


@operation()
def stanza(cluster: Cluster) -> Commands:
    """
    Create the stanza where there is none, and prove with a segment that WAL arrives in it.

    Refuses a repository that has the backups of another cluster, or cannot be read.
    """
    node = cluster.repository
    if node is None or node.name != here():
        host.noop("the repository is not on this host")
        return
    if planning() and not _has_stanza(cluster):
        yield from undecided("the stanza")
        return
    if not (yield from _stanza_created(cluster, node)):
        host.noop("the stanza is there")


def has_backup(cluster: Cluster) -> bool | None:
    """Whether the repository has a backup, as this run has seen; None when it has not looked."""
    return _has_backup.get(cluster.name)


@operation()
def backup(cluster: Cluster, kind: str) -> Commands:
    """
    Take a backup now, and return when it is complete. One of this type that is under way already is waited for.

    + kind: full, diff or incr; the first one is a full one, whatever is asked for
    """
    node = cluster.repository
    if node is None or node.name != here():
        host.noop("the repository host does it")
        return
    if planning():
        yield from undecided(f"a {kind} backup")
        return
    created = yield from _stanza_created(cluster, node)
    before = _repository(cluster)
    known = {one["label"] for one in before["backups"]}
    if before["attempts"][kind]["running"]:
        print_lines([f"a {kind} backup is under way already: none is begun, its end is waited for"])
    else:
        if obstacle := room_obstacle(before):
            raise UnsafeError(obstacle)
        if not created:
            yield from _proven(cluster, node)
        unit = service(kind)
        yield StringCommand(f"systemctl reset-failed {unit} 2>/dev/null; systemctl start --no-block {unit}")
    print_lines([line for one in _taken(cluster, node, kind, known) for line in backup_lines(one)])


def _stanza_created(cluster: Cluster, node: Node) -> Generator[PyinfraCommand, None, bool]:
    seen, leading = _repository(cluster), _leader_state(cluster)
    _has_backup[cluster.name] = bool(seen["backups"])
    identifier = leading["control"]["identifier"] if leading and leading["control"] else None
    if obstacle := repository_obstacle(seen, cluster.name, identifier):
        raise UnsafeError(obstacle)
    if not stanza_is_absent(seen):
        return False
    yield StringCommand(_CREATE.format(seconds=LOCK_SECONDS, command=_words(cluster, "stanza-create")))
    # Turned on later, archive_mode waits for a restart of PostgreSQL; until then there is nothing to prove.
    if leading is not None and leading["archiver"] and leading["archiver"]["mode"] != "off":
        yield from _proven(cluster, node)
    return True


def _proven(cluster: Cluster, node: Node) -> Commands:
    """Let the primary archive a segment. Refuses, with the words of its archiver, when that does not arrive in time."""
    check = Act(node, StringCommand(f"cd / && {{ {_words(cluster, 'check')} 2>&1 && echo {ARRIVED}; }} || true"))
    yield check
    if check.printed[-1:] != [ARRIVED]:
        raise UnsafeError(unproven(check.printed, _archivers_words(cluster)))


def _archivers_words(cluster: Cluster) -> str:
    said: dict[str, str | None] = read(cluster.members, PgbackrestArchiver, stanza=cluster.name)
    leading = (said[name] for name, state in _states(cluster).items() if _leads(state))
    return next(leading, None) or ""


def _has_stanza(cluster: Cluster) -> bool:
    """In the plan pgBackRest may not even be installed yet."""
    seen = _repository(cluster)
    return seen["answers"] and not stanza_is_absent(seen)


def _leader_state(cluster: Cluster) -> SeenPostgres | None:
    return next((one for one in _states(cluster).values() if _leads(one)), None)


def _states(cluster: Cluster) -> dict[str, SeenPostgres | None]:
    return read(cluster.members, PostgresState)


def _leads(state: SeenPostgres | None) -> bool:
    return state is not None and state["in_recovery"] is False


def _repository(cluster: Cluster) -> SeenPgbackrest:
    question = {"stanza": cluster.name, "directory": cluster.repository_directory}
    seen: SeenPgbackrest = host.get_fact(PgbackrestInfo, **question)
    return seen


def _words(cluster: Cluster, command: str) -> str:
    return f"runuser -u postgres -- pgbackrest --stanza={cluster.name} {command}"


def _taken(cluster: Cluster, node: Node, kind: str, known: Collection[str]) -> list[SeenBackup]:
    """
    The backup, when it has ended; on the way a line now and then. Refuses when it failed.

    + known: labels of those that were there before
    """
    began, looks = time.monotonic(), 0
    question = {"stanza": cluster.name, "wait_for": kind, "wait_seconds": PROGRESS_SECONDS}
    while True:
        seen: SeenPgbackrest = host.get_fact(PgbackrestInfo, **question)
        attempt = seen["attempts"][kind]
        if attempt["running"]:
            print_lines([progress_line(kind, seen, time.monotonic() - began)])
        elif attempt["failed"]:
            break
        elif taken := [one for one in seen["backups"] if one["label"] not in known]:
            return taken
        elif (looks := looks + 1) > LOOKS:  # systemd begins a moment after it was told to
            break
    show_last_lines(node, service(kind))
    raise UnsafeError(failure(kind, attempt["error"]))
