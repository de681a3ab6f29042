"""What a look asks a host of the run that acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.declared.model import Cluster, Node
from facts.runs.run_lock import RunLock

if TYPE_CHECKING:
    from operations.live.question import Question


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Which run has the lock."""
    return {"run_lock": (RunLock(), {"cluster": cluster.name})}
