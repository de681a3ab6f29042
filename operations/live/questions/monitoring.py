"""What a look asks a host of its exporters."""

from __future__ import annotations

from cluster.components.monitoring import exporter_places
from cluster.declared.model import Cluster, Node
from facts.answer import Question
from facts.monitoring.exporters import ExporterAnswers


def questions(cluster: Cluster, node: Node) -> dict[str, Question]:
    """Whether each of them answers."""
    places = exporter_places(cluster, node)
    return {"exporters": (ExporterAnswers, {"places": places})} if places else {}
