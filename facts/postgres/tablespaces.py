"""Tablespaces of a living PostgreSQL, and the directories for them on a host."""

from __future__ import annotations

from collections.abc import Iterable
from shlex import quote

from facts.answer import ASK, Answer, answers
from facts.postgres import PSQL

# One that lies in the data directory has no location of its own to be made.
_SQL = "select pg_tablespace_location(oid) from pg_tablespace where pg_tablespace_location(oid) like '/%' order by 1"

ABSENT, LOST, FREE, HELD = "absent", "lost", "free", "held"

_PLACES = r"""
for x in {locations}; do
  if [ -d "$x" ]; then
    kind={free}
    for d in "$x"/PG_{version}_*; do [ ! -e "$d" ] || kind={held}; done
  elif [ -d "$(dirname "$x")" ]; then kind={absent}; else kind={lost}; fi
  ask "$x" echo $kind
done
"""


class PostgresTablespaces(Answer[list[str] | None]):
    """
    The directories of all tablespaces, as the cluster has them; None when PostgreSQL does not answer here.

    + port: where it listens
    """

    def command(self, port: int = 5432) -> str:
        """One query. A member that is down is no failure: another one knows them, too."""
        return f'({PSQL} -p {port} -d postgres -c {quote(_SQL)}) || echo "no answer"'

    def parsed(self, output: list[str]) -> list[str] | None:
        """A directory a line."""
        return None if output[-1:] == ["no answer"] else [line for line in output if line.startswith("/")]


class TablespacePlaces(Answer[dict[str, str]]):
    """
    What a host has where tablespaces have their directories: ``held`` by files of PostgreSQL's major version, ``free``,
    ``absent``, or ``lost`` with the directory above.

    + locations: the directories
    + version: PostgreSQL's major version; files of another one in the same directory are somebody else's
    """

    def command(self, locations: Iterable[str], version: int) -> str:
        """One look at each."""
        listed = " ".join(map(quote, locations))
        kinds = {"free": FREE, "held": HELD, "absent": ABSENT, "lost": LOST}
        return ASK + _PLACES.format(locations=listed, version=version, **kinds)

    def parsed(self, output: list[str]) -> dict[str, str]:
        """A word for each directory."""
        found = answers(output, ())
        return {location: text.strip() for location, (_, text) in found.items()}
