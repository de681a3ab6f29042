"""Several facts of a host in one remote command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyinfra.api.exceptions import PyinfraError

from cluster.observed.host import SeenAnswer
from facts.answer import Answer, Question
from facts.host_answers import HostAnswers
from operations.util.reading import read_each


def read_together(questions: Mapping[str, Mapping[str, Question]], seconds: int) -> dict[str, dict[str, Any]]:
    """
    Facts by host and word, all hosts at the same time. None stands for a host that cannot be reached. One that fails is
    asked for again alone, and fails the host then as any other does.

    + questions: to each host, by a word
    + seconds: after which a host that hangs has failed
    """
    asked = {name: {"commands": commands(listed), "_timeout": seconds} for name, listed in questions.items() if listed}
    said = read_each({name: (HostAnswers, arguments) for name, arguments in asked.items()})
    found: dict[str, dict[str, Any]] = {name: {} for name in questions}
    for name, answers in said.items():
        for word, question in questions[name].items():
            try:
                found[name][word] = None if answers is None else _fact(question[0], answers.get(word))
            except PyinfraError:
                found[name][word] = _alone(name, question, seconds)
    return found


def commands(questions: Mapping[str, Question]) -> dict[str, str]:
    """What ``HostAnswers`` takes. + questions: by a word"""
    return {word: str(fact().command(**given)) for word, (fact, given) in questions.items()}


def _fact(fact: type[Answer[Any]], said: SeenAnswer | None) -> Any:
    if said is None or said["code"] != 0:
        raise PyinfraError("not answered")
    return fact().process(said["lines"]) if said["lines"] else fact.default()


def _alone(name: str, question: Question, seconds: int) -> Any:
    fact, arguments = question
    return read_each({name: (fact, {**arguments, "_timeout": seconds})})[name]
