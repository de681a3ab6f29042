"""What a look asks a host, and what was answered. No connection is needed here: hosts judge themselves with it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.exceptions import FactProcessError, PyinfraError

from cluster.components.component import Component
from cluster.declared.model import Cluster, Node
from cluster.discovery import contributions
from cluster.observed.host import SeenAnswer
from facts.answer import Answer, Question
from facts.host import HostComponent
from facts.host_answers import QUESTION_SECONDS, HostAnswers
from operations.live import questions

TIMED_OUT = 124  # of timeout(1)
UNANSWERED: SeenAnswer = {"code": 1, "lines": [], "error": "it was not answered"}


def questions_to(cluster: Cluster, node: Node, components: Sequence[Component]) -> dict[str, Question]:
    """
    All that a host is asked, by a word. What is asked of a component is in the file of the component's name.

    + components: files and units that the host shall have
    """
    paths = [item.path for component in components for item in component.items]
    units = {unit.name: list(unit.loads) for component in components for unit in component.units}
    asked: dict[str, Question] = {"component": (HostComponent, {"paths": paths, "units": units})}
    for of_component in contributions(questions, "questions"):
        asked |= of_component(cluster, node)
    return asked


def commands_of(asked: Mapping[str, Question]) -> dict[str, str]:
    """The questions as ``HostAnswers`` takes them."""
    return {name: str(fact().command(**given)) for name, (fact, given) in asked.items()}


def side_by_side(lines: list[str] | None) -> dict[str, SeenAnswer]:
    """What ``HostAnswers`` printed; nothing where it printed nothing that can be read. + lines: None: it was not run"""
    try:
        return {} if lines is None else HostAnswers().process(lines)
    except PyinfraError:
        return {}


def heard(asked: Mapping[str, Question], said: Mapping[str, SeenAnswer]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the questions were answered with, by word, and why others got no answer."""
    answers: dict[str, Any] = {}
    silences: dict[str, str] = {}
    for name, (fact, _) in asked.items():
        try:
            answers[name] = _answer(fact(), said.get(name, UNANSWERED))
        except PyinfraError as error:
            silences[name] = str(error)
    return answers, silences


def _answer(question: Answer[Any], said: SeenAnswer) -> Any:
    if said["code"] == TIMED_OUT:
        raise FactProcessError(f"nothing within {QUESTION_SECONDS} s")
    if said["code"] != 0:
        raise FactProcessError(said["error"] or f"exit code {said['code']}")
    return question.process(said["lines"]) if said["lines"] else question.default()
