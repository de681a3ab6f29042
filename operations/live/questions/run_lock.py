"""What a look asks a host of the run that acts."""

from __future__ import annotations

from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.runs.run_lock import RunLock


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which run has the lock."""
    return {"run_lock": (RunLock, {"cluster": cluster.name})}
