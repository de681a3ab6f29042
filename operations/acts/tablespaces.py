"""Directories of tablespaces on members: made for one that gets its data, moved aside where a restore makes others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from pyinfra.api import StringCommand

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.verdicts.tablespaces import joining_obstacle
from facts.postgres.tablespaces import ABSENT, PostgresTablespaces, TablespacePlaces
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.util.hosts import in_this_run
from operations.util.reading import read, read_all

# A directory is as PostgreSQL wants it; of those above it none is made: it may be a file system that is not mounted.
_MAKE = "install -d -o postgres -g postgres -m 700 {paths}"

# Beside it, where that is the same file system; else in it. Files of other versions are other clusters'.
_ASIDE = """
{first}
for given in {paths}; do
  x=$(readlink -f "$given")
  for d in "$x"/PG_{version}_*; do
    [ -d "$d" ] || continue
    kept=$x.{name}
    [ "$(stat -c %d "$x")" = "$(stat -c %d "$x/..")" ] || kept=$x/{name}
    install -d -o postgres -g postgres -m 700 "$kept" && mv -T "$d" "$kept/${{d##*/}}" || exit 1
  done
done
"""

# What leads to them goes with the data directory.
_REMOVE = """
for l in {data}/pg_tblspc/*; do
  [ ! -L "$l" ] || rm -rf -- "$(readlink -f "$l")"/PG_"$(cat {data}/PG_VERSION)"_*
done
"""


def _tablespaces_of(cluster: Cluster, asked: Iterable[Node]) -> list[str]:
    """The directories of the cluster's tablespaces; none while nobody can say it, and then there is no copy either."""
    seen = read(asked, PostgresTablespaces, port=cluster.settings.postgres_port)
    return max((one for one in seen.values() if one is not None), key=len, default=[])  # a standby may be behind


def make_places(cluster: Cluster, node: Node, *, fresh: bool, source: Cluster | None = None) -> Commands:
    """
    Let a member that gets its data have a directory for each of the cluster's tablespaces: neither PostgreSQL nor
    pgBackRest could make it. Refuses what ``joining_obstacle`` refuses.

    + fresh: nothing there can be the cluster's own yet
    + source: the cluster whose data they are, where that is another one
    """
    others = source.members if source else [one for one in in_this_run(cluster.members) if one is not node]
    if not (locations := _tablespaces_of(source or cluster, others)):
        return
    version = cluster.settings.postgres_version
    places = read_all([node], TablespacePlaces, locations=locations, version=version)[node.name]
    if obstacle := joining_obstacle(node.name, places, fresh=fresh):
        raise UnsafeError(obstacle)
    if absent := [path for path, kind in places.items() if kind == ABSENT]:
        yield Act(node, StringCommand(_MAKE.format(paths=" ".join(map(quote, absent)))))


def move_aside(cluster: Cluster, node: Node, locations: Sequence[str], name: str, *, first: str = "true") -> Commands:
    """
    Move a member's files of tablespaces aside, those of its own major version.

    + name: what they are kept under
    + first: a command before that; without it nothing is moved
    """
    if locations:
        paths, version = " ".join(map(quote, locations)), cluster.settings.postgres_version
        script = _ASIDE.format(first=f"{first} || exit 1", paths=paths, version=version, name=name)
        yield Act(node, StringCommand(script))


def removal_of_tablespaces(data: str) -> str:
    """The command that removes the files of all tablespaces of a data directory which is about to go itself."""
    return _REMOVE.format(data=quote(data))
