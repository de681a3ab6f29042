"""Show why something on a host did not come about: the last lines of those who know."""

from __future__ import annotations

from pyinfra import logger

from cluster.model import Node
from facts.host import UnitJournal
from operations.util.remote import read, target_of

POSTGRES_LOGS = "/var/log/postgresql/*.log"


def show_last_lines(node: Node, unit: str, logs: str = "/dev/null") -> None:
    """
    Print the last lines of a unit, and of its newest log file, under the name of their host.

    + logs: a shell pattern of log files
    """
    lines = read([node], UnitJournal, unit=unit, logs=logs)[node.name]
    for line in lines if lines is not None else ["cannot be reached"]:
        target_of(node).log_styled(line, fg="red", log_func=logger.error)
