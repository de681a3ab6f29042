"""
A host judges itself: the questions and the judgement of ``deploys/check.py``, without another host's answers.

    python3 -m operations.live.judgement DECLARATION METRICS

Runs on the host, by a timer. What only several hosts together show is left to the control machine and to Prometheus.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.checks.check_finding import CheckFinding
from cluster.checks.overview import Overview
from cluster.checks.removals import without_removed
from cluster.checks.report import all_findings
from cluster.components.all import held_places
from cluster.components.component import Component
from cluster.components.findings.declaration import declared_components
from cluster.declared.model import Cluster, Node
from cluster.declared.plain import from_plain
from cluster.pki.certificates import Issuer
from cluster.preflight.hosts import picture_question
from cluster.screens.metrics import Took, metrics_text
from facts.answer import Question
from facts.host_answers import QUESTION_SECONDS, HostAnswers
from facts.preflight.host import HostPicture
from facts.runs.journal import RunJournal
from operations.live.answers import commands_of, heard, questions_to, side_by_side

# Silence is what all others look like from here; and this host does judge itself.
OF_OTHERS = ("host-silent", "judgement-old")
# The last run is of interest; the whole journal may have megabytes.
JOURNAL_KIB = 128


def judged(cluster: Cluster, node: Node, components: Sequence[Component]) -> tuple[Overview, Any]:
    """What this host says of its cluster now, and its journal of runs. + components: all that it shall have"""
    asked = _questions(cluster, node, components)
    answers, silences = heard(asked, side_by_side(_asked(commands_of(asked))))
    journal = answers.pop("journal", None)
    said: dict[str, Mapping[str, Any] | None] = {one.name: None for one in cluster}
    whole = Overview(
        cluster=cluster,
        at=datetime.now(UTC),
        answers={**said, node.name: answers},
        silences={node.name: silences},
        components={node.name: tuple(components)},
        trust=_trusted(cluster, node, answers, "cluster"),
        etcd_trust=_trusted(cluster, node, answers, "etcd"),
    )
    return without_removed(whole, lambda _, one: tuple(components) if one.name == node.name else ()), journal


def _questions(cluster: Cluster, node: Node, components: Sequence[Component]) -> dict[str, Question]:
    picture: Question = (HostPicture, picture_question(cluster, node))
    return {
        **questions_to(cluster, node, components),
        "picture": picture,
        "journal": (RunJournal, {"last_kib": JOURNAL_KIB}),
    }


def _asked(commands: Mapping[str, str]) -> list[str] | None:
    script = str(HostAnswers().command(commands))
    try:
        ran = subprocess.run(["sh", "-c", script], capture_output=True, timeout=QUESTION_SECONDS + 10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ran.stdout.decode(errors="replace").splitlines()


def _trusted(cluster: Cluster, node: Node, answers: Mapping[str, Any], issuer: Issuer) -> str | None:
    """The CA that a host trusts, in place of that which the control machine has: all places of one are to agree."""
    seen = answers.get("certificates") or {}
    places = (place for place in held_places(cluster, node) if place.issuer == issuer and place.certificate in seen)
    texts = [text for place in places if (text := seen[place.certificate]["authority"])]
    return min(texts, key=len, default=None)  # PostgreSQL's may have further ones behind it


def own_findings(overview: Overview) -> list[CheckFinding]:
    """What this host can vouch for. Of others it knows what Patroni and etcd tell, and never that they are silent."""
    return [one for one in all_findings(overview) if one.kind not in OF_OTHERS]


def written(text: str, path: Path) -> None:
    """Replace a file by another at once: node_exporter may read it at any moment."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    # The directory is that of another user, who is not to lead root to a file elsewhere.
    place = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(place, "w") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    os.replace(part, path)


def _took(started: float) -> Took:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, kinds))
    return Took(time.monotonic() - started, used)


def main(declaration: str, metrics: str) -> None:
    """Judge this host. + declaration: file of ``declaration``; + metrics: file for node_exporter"""
    started = time.monotonic()
    told = json.loads(Path(declaration).read_text())
    cluster = from_plain(told["cluster"])
    node = cluster.node(told["host"])
    overview, journal = judged(cluster, node, declared_components(told["components"]))
    found = own_findings(overview)
    written(metrics_text(overview, node, found, _took(started), journal), Path(metrics))
    for one in found:
        print(f"{one.severity} {one.kind}: {one.finding.where}: {one.finding.problem}")


if __name__ == "__main__":
    main(*sys.argv[1:])
