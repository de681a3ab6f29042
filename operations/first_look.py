"""The first look of a build: each host is asked once for all that the steps after it look at first."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secret
from facts.host_answers import HostAnswers
from operations.acts.component import Commands
from operations.live.first_look import first_commands, first_questions
from operations.util.said import keep_answers


@operation()
def asked(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Ask this host everything at once. The steps that find by it that nothing is to be done ask nothing more, for as long
    as this run has changed nothing anywhere.

    + secrets: all of the cluster's, by name
    """
    questions = first_questions(cluster, cluster.node(host.name), secrets)
    commands = first_commands(cluster, questions)
    keep_answers(questions, lambda: host.get_fact(HostAnswers, commands=commands) or {})
    host.noop("asked for all that the steps look at first")
    yield from ()
