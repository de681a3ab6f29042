"""What a look asks a host of PgBouncer."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.components.pgbouncer.component import is_wanted
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import processes
from facts.answer import Question
from facts.pgbouncer import PgbouncerFiles, PgbouncerProcesses


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """What each process says of itself."""
    ports = {process.name: process.port for process in processes(cluster, node)}
    return {"pgbouncer": (PgbouncerProcesses, {"ports": ports})} if ports else {}


def first_questions(cluster: Cluster, node: Node, secrets: object) -> Iterator[Question]:
    """For which processes it has files."""
    if is_wanted(cluster, node):
        yield PgbouncerFiles, {}
