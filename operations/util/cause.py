"""Show why something on a host did not come about: the last lines of those who know."""

from __future__ import annotations

import re

from pyinfra import logger

from cluster.model import Node
from facts.host import UnitJournal
from operations.util.remote import read, target_of

POSTGRES_LOGS = "/var/log/postgresql/*.log"


CORRECT = (
    "when a parameter is the cause, declare another value in postgres_parameters, run deploys/configure.py, then this"
)

# A session's line has its user and database in between; whoever is turned away says nothing about a start.
_FATAL = re.compile(r"\] FATAL:\s+(?!the database system is )(.*)")


def show_last_lines(node: Node, unit: str, logs: str = "/dev/null") -> str:
    """
    Print the last lines of a unit, and of its newest log file, under the name of their host. Returns with which of them
    PostgreSQL ended; empty when it did not.

    + logs: a shell pattern of log files
    """
    lines = read([node], UnitJournal, unit=unit, logs=logs)[node.name]
    shown = lines if lines is not None else ["cannot be reached"]
    for line in shown:
        target_of(node).log_styled(line, fg="red", log_func=logger.error)
    return next((found[1].strip() for line in reversed(shown) if (found := _FATAL.search(line))), "")
