"""What a look asks a host that judges itself."""

from __future__ import annotations

from cluster.components.findings.component import is_wanted
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.runs.findings import OwnJudgement


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """When it last did."""
    return {"judgement": (OwnJudgement, {})} if is_wanted(cluster) else {}
