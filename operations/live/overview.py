"""Look at whole clusters at once, dead hosts included, and print what was seen. Reads only."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent

from cluster.checks.check_finding import CheckFinding
from cluster.checks.overview import Overview
from cluster.checks.removals import without_removed
from cluster.checks.report import all_findings, as_data, check_lines, failing
from cluster.components.all import components_on
from cluster.components.component import Component
from cluster.components.component_type import ComponentType
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.host import SeenAnswer
from cluster.preflight.hosts import picture_question
from cluster.screens.nagios import nagios_code, nagios_line
from cluster.screens.status import status_lines
from cluster.secrets.secrets import NAMES, Secret
from facts.host_answers import QUESTION_SECONDS, HostAnswers
from facts.preflight.host import HostPicture
from operations.live.answers import UNANSWERED, commands_of, heard, questions_to, side_by_side
from operations.util.hosts import target_of
from operations.util.reading import run_each

# A frozen host costs its connection's timeout already; a host that answers does so in two seconds.
LOOK_SECONDS = QUESTION_SECONDS + 5
NAGIOS = "nagios"


@dataclass(frozen=True)
class Look:
    """
    A cluster to be looked at, and what this machine knows of it.

    + secrets: those that this machine holds, by name; files with one that it lacks are not compared
    + authority, etcd_authority: files of the certificates of the cluster's CA and of etcd's own
    """

    cluster: Cluster
    secrets: Mapping[str, str]
    authority: Path
    etcd_authority: Path


def observed(looks: Iterable[Look]) -> list[Overview]:
    """
    Clusters as they are now: two commands a host, all hosts at the same time. A host that cannot be reached, fails or
    hangs is a gap in the picture, and never an error.
    """
    jobs = [gevent.spawn(_observed, look) for look in looks]
    return [job.get() for job in jobs]


def _observed(asked: Look) -> Overview:
    cluster, secrets = asked.cluster, asked.secrets
    components = {node.name: _components(cluster, node, secrets) for node in cluster}
    looks = {node.name: gevent.spawn(_look, cluster, node, components[node.name]) for node in cluster}
    seen = {name: look.get() for name, look in looks.items()}
    whole = Overview(
        cluster=cluster,
        at=datetime.now(UTC),
        answers={name: answers for name, (answers, _) in seen.items()},
        silences={name: silences for name, (_, silences) in seen.items()},
        components=components,
        trust=_text(asked.authority),
        etcd_trust=_text(asked.etcd_authority),
    )
    return without_removed(whole, lambda rest, node: _components(rest, node, secrets))


def _text(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def _components(cluster: Cluster, node: Node, secrets: Mapping[str, str]) -> tuple[Component, ...]:
    """Files and units of a host; of a component whose secrets this machine lacks the units alone."""
    held = {name: Secret(secrets.get(name, "")) for name in NAMES}
    return tuple(_component(one, cluster, node, held) for one in components_on(cluster, node))


def _component(declared: ComponentType, cluster: Cluster, node: Node, secrets: Mapping[str, Secret]) -> Component:
    try:
        component = declared.files(cluster, node, secrets)
    except ConfigError:  # the store's keys are not on this machine
        return Component()
    known = all(secrets[name] for name in declared.secrets(cluster, node))
    return component if known else Component(units=component.units)


def _look(
    cluster: Cluster, node: Node, components: Sequence[Component]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """What a host answered by question, None when it said nothing at all; and why questions got no answer."""
    asked, picture, together = questions_to(cluster, node, components), HostPicture(), HostAnswers()
    commands = commands_of(asked)
    # A command of its own: what else the host is asked would blur the measurement of its clock.
    alone = str(picture.command(**picture_question(cluster, node)))
    drawn, said = run_each(target_of(node), [alone, str(together.command(commands))], LOOK_SECONDS)
    if drawn is None and said is None:
        return None, {}
    pictured: SeenAnswer = UNANSWERED if drawn is None else {"code": 0, "lines": drawn, "error": ""}
    got = {**side_by_side(said), "picture": pictured}
    return heard({**asked, "picture": (HostPicture, {})}, got)


def print_status(overviews: Sequence[Overview]) -> int:
    """Print one screen a cluster. Returns the run's exit code, which is 0: a screen judges nothing."""
    _print(overviews, status_lines)
    return 0


def print_check(overviews: Sequence[Overview], form: str = "table") -> int:
    """
    Print every finding. Returns the run's exit code: 1 when there is one that is more than a remark.

    + form: ``nagios`` for one line and the exit codes of a plugin of Nagios; JSON, where it is asked for, counts more
    """
    if form == NAGIOS and "--json" not in sys.argv:
        checked = [(one, all_findings(one)) for one in overviews]
        print(nagios_line(checked))
        return nagios_code(checked)
    found = _print(overviews, check_lines)
    return 1 if failing(found) else 0


def _print(
    overviews: Sequence[Overview], text: Callable[[Overview, Sequence[CheckFinding]], list[str]]
) -> list[CheckFinding]:
    """On the standard output, where nothing else is. JSON when pyinfra's own switch asks for it."""
    found = [(overview, all_findings(overview)) for overview in overviews]
    if "--json" in sys.argv:
        print(json.dumps({"clusters": {one.cluster.name: as_data(one, listed) for one, listed in found}}, indent=2))
    else:
        print("\n".join(line for one, listed in found for line in ["", *text(one, listed), ""]))
    return [one for _, listed in found for one in listed]
