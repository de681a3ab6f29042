"""The repository that a restore reads."""

from __future__ import annotations

from cluster.errors import UnsafeError
from cluster.model import Cluster
from cluster.observed_pgbackrest import SeenPgbackrest
from cluster.repositories import repositories_of
from facts.pgbackrest import PgbackrestInfo
from operations.util.remote import read


def repository_to_read(cluster: Cluster, number: int = 0, *, holes: bool = False) -> SeenPgbackrest:
    """
    The first repository of a cluster that has backups and says so, live; when none does, the first one as it is.

    Refuses a cluster without a repository host, and one whose repository host cannot be reached.

    + number: pgBackRest's, of the one that is to be read; 0: any
    + holes: also look for segments of WAL that are missing in it
    """
    node = cluster.repository
    if node is None:
        raise UnsafeError(f"{cluster.name} has no repository host\nHINT: there are no backups; see docs/backup.md.")
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
