"""What the steps of a build look at first on a host: one question for all of its components."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from cluster.declared.model import Cluster, Node
from cluster.discovery import contributions
from cluster.secrets.secrets import Secret
from facts.answer import Question
from operations.live import questions
from operations.live.questions.postgres import OF_THE_LEADER
from operations.live.together import commands
from operations.util.hosts import coordinator

Secrets = Mapping[str, Secret]


def first_questions(cluster: Cluster, node: Node, secrets: Secrets) -> dict[str, Question]:
    """
    The questions to one host, by a word. A step whose question is not among them asks itself, which is slower and no
    fault.

    + secrets: all of the cluster's, by name: without them a component does not say which files it has
    """
    found = contributions(questions, "first_questions")
    asked = [question for of_component in found for question in of_component(cluster, node, secrets)]
    shared = (one for of_component in contributions(questions, "shared_questions") for one in of_component(cluster))
    asked += [question for nodes, question in shared if nodes and node is coordinator(nodes)]
    return {f"{kind.__name__}{number}": (kind, given) for number, (kind, given) in enumerate(asked)}


def first_commands(cluster: Cluster, questions: Mapping[str, Question]) -> dict[str, str]:
    """The questions as commands. Those that are for the leader alone fail on a standby, at the cost of a glance."""
    glance = f"[ ! -e {quote(cluster.data_directory)}/standby.signal ] || exit 1; "
    return {
        name: (glance if questions[name][0] in OF_THE_LEADER else "") + command
        for name, command in commands(questions).items()
    }
