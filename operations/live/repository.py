"""What a restore reads from the repository: backups, WAL, configuration."""

from __future__ import annotations

from cluster.declared.model import Cluster
from cluster.declared.repositories import repositories_of
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenPgbackrest
from cluster.plans.backup import repository_obstacle
from cluster.plans.restore.in_place import Restore
from cluster.verdicts.lives import stanza_obstacle
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_tablespaces import PgbackrestTablespaces
from operations.util.reading import read, read_all


def repository_to_read(cluster: Cluster, number: int = 0, *, holes: bool = False) -> SeenPgbackrest:
    """
    The first repository of a cluster that has backups and says so, live; when none does, the first one as it is.

    Refuses a cluster without a repository host, and one whose repository host cannot be reached.

    + number: pgBackRest's, of the one that is to be read; 0: any
    + holes: also look for segments of WAL that are missing in it
    """
    node = cluster.repository
    if node is None:
        raise UnsafeError(
            f"{cluster.name} has no repository host\nHINT: there are no backups; see docs/runs/backup.md."
        )
    wanted = [one.number for one in repositories_of(cluster.settings) if number in (0, one.number)]
    if not wanted:
        raise UnsafeError(f"{cluster.name} has no repository {number}\nHINT: leave --data repository away.")
    seen: list[SeenPgbackrest] = []
    for one in wanted:
        said = read([node], PgbackrestInfo, stanza=cluster.name, repository=one, holes=holes)[node.name]
        if said is None:
            raise UnsafeError(f"{node.name} cannot be reached\nHINT: it has the backups; bring it back first.")
        seen.append(said)
    return next((one for one in seen if one["answers"] and one["backups"]), seen[0])


def refuse_another_life(cluster: Cluster) -> None:
    """Refuse when a cluster that is about to begin has backups or WAL in a repository already, or one does not say."""
    node = cluster.repository
    if node is None:
        return
    seen: dict[str, SeenPgbackrest] = {}
    for one in repositories_of(cluster.settings):
        said = read([node], PgbackrestInfo, stanza=cluster.name, repository=one.number)[node.name]
        obstacle = None if said is None else repository_obstacle(said, cluster.name, None, one.title)
        if said is None:
            raise UnsafeError(f"{node.name} cannot be reached\nHINT: bring it back first.")
        if obstacle is not None:
            raise UnsafeError(str(obstacle))
        seen[one.title] = said
    if another := stanza_obstacle(cluster, seen):
        raise UnsafeError(another)


def known_tablespaces(cluster: Cluster, plan: Restore) -> list[str]:
    """The directories of the tablespaces in the backup with which a restore begins. + cluster: whose backup it is"""
    node, backup = cluster.repository, plan.backup
    assert node is not None, "a plan has a backup"
    question = {"stanza": cluster.name, "repository": backup["repository"], "label": backup["label"]}
    return read_all([node], PgbackrestTablespaces, **question)[node.name]
