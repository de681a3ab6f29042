"""The stanza, which is the cluster's place in each repository, and the proof that WAL arrives in it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.api.command import PyinfraCommand

from cluster.components.data_mounts import REPOSITORY, refused_without
from cluster.components.pgbackrest import SILENT_MARK
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import Repository, repositories_of, repository_question
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.observed.postgres import SeenPostgres
from cluster.plans.backup import end_of, repository_obstacle, stanza_is_absent, unproven
from cluster.verdicts.lives import beyond
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_archiver import PgbackrestArchiver
from facts.postgres.state import PostgresState
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.util.first_look import looks_again
from operations.util.hosts import current_node
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read
from operations.util.said import said

LOCK_SECONDS = 60
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
    + leader: the member whose PostgreSQL is the primary, by what it says itself; None when none does
    + created: whether a stanza was created in one since
    """

    fit: Mapping[Repository, SeenPgbackrest]
    obstacles: tuple[str, ...]
    leader: Node | None
    created: bool = False


@operation()
@looks_again
def stanza(cluster: Cluster) -> Commands:
    """
    Create the stanza where there is none, and prove with a segment that WAL arrives in it, in every repository.

    Refuses a repository that has the backups of another cluster, or WAL of another life of this one, or cannot be read.
    """
    node = cluster.repository
    if node is None or node.name != current_node():
        host.noop("the repository is not on this host")
        return
    if dry_run() and not _has_stanzas(cluster):
        yield from decide_later("the stanza")
        return
    found = yield from stanzas_created(cluster, node)
    if found.obstacles:
        raise UnsafeError(found.obstacles[0])
    if not found.created:
        host.noop("the stanza is there")


def has_backup(cluster: Cluster) -> bool | None:
    """Whether the repository has a backup, as this run has seen; None when it has not looked."""
    return _has_backup.get(cluster.name)


def stanzas_created(cluster: Cluster, node: Node) -> Generator[PyinfraCommand, None, Found]:
    """
    Create what is absent. Refuses when another repository cannot be used: pgBackRest creates all or fails.

    + node: the repository host, which is the one at hand
    """
    leader, leading = _primary(cluster)
    found = _found(cluster, leader, leading)
    if not any(stanza_is_absent(said) for said in found.fit.values()):
        return found
    if found.obstacles:
        raise UnsafeError(found.obstacles[0])
    create = _CREATE.format(seconds=LOCK_SECONDS, command=_words(cluster, "stanza-create"))
    yield StringCommand(f"{_mounted(cluster)}{create}")
    # Turned on later, archive_mode waits for a restart of PostgreSQL; until then there is nothing to prove.
    if leading is not None and leading["archiver"] and leading["archiver"]["mode"] != "off":
        yield from proven(cluster, node, leader)
    return replace(found, created=True)


def _mounted(cluster: Cluster) -> str:
    """Below the place of a mount that is missing there is no stanza either."""
    directory = cluster.repository_directory
    return "" if directory is None else refused_without(REPOSITORY, directory)


def proven(cluster: Cluster, node: Node, leader: Node | None) -> Commands:
    """
    Let the primary archive a segment. Refuses, with the words of its archiver, when that does not arrive in time.

    + node: the repository host
    """
    if leader is not None:
        # The repository answers. Who has tried in vain just now would not ask again for a while, and then PostgreSQL
        # lets a minute go by: as long as pgBackRest would wait for the segment by default.
        yield Act(leader, StringCommand(f"rm -f {SILENT_MARK}"))
    check = Act(node, StringCommand(f"cd / && {{ {_words(cluster, CHECK)} 2>&1 && echo {ARRIVED}; }} || true"))
    yield check
    if check.printed[-1:] != [ARRIVED]:
        raise UnsafeError(unproven(check.printed, _archivers_words(cluster, leader)))


def observed(cluster: Cluster, repository: Repository, **question: object) -> SeenPgbackrest:
    """What the repository host at hand knows of one repository. + question: further arguments of the fact"""
    place = repository_question(repository, cluster.name, cluster.settings)
    return said(PgbackrestInfo, **place, **question)


def _primary(cluster: Cluster) -> tuple[Node | None, SeenPostgres | None]:
    seen: dict[str, SeenPostgres | None] = read(cluster.members, PostgresState)
    leading = (
        (cluster.node(name), one) for name, one in seen.items() if one is not None and one["in_recovery"] is False
    )
    return next(leading, (None, None))


def _found(cluster: Cluster, leader: Node | None, leading: SeenPostgres | None) -> Found:
    identifier = leading["control"]["identifier"] if leading and leading["control"] else None
    seen = {one: observed(cluster, one) for one in repositories_of(cluster.settings)}
    _has_backup[cluster.name] = any(said["backups"] for said in seen.values())
    end = end_of(leading)
    if any(beyond(said["archive"], end) for said in seen.values()):
        # What it has written since it was asked may be in the archive by now.
        _, leading = _primary(cluster)
        end = end_of(leading)
    judged = {one: repository_obstacle(said, cluster.name, identifier, one.title, end) for one, said in seen.items()}
    fit = {one: said for one, said in seen.items() if judged[one] is None}
    return Found(fit, tuple(str(obstacle) for obstacle in judged.values() if obstacle), leader)


def _archivers_words(cluster: Cluster, leader: Node | None) -> str:
    said = read([leader], PgbackrestArchiver, stanza=cluster.name)[leader.name] if leader is not None else None
    return said or ""


def _has_stanzas(cluster: Cluster) -> bool:
    """In the plan pgBackRest may not even be installed yet."""
    seen = [observed(cluster, one) for one in repositories_of(cluster.settings)]
    return all(one["answers"] and not stanza_is_absent(one) for one in seen)


def _words(cluster: Cluster, command: str) -> str:
    return f"runuser -u postgres -- pgbackrest --stanza={cluster.name} {command}"
