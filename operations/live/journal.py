"""The journals of all hosts, read side by side and printed as one."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import gevent
from pyinfra.api.exceptions import PyinfraError

from cluster.declared.model import Cluster, Node
from cluster.observed.journal import SeenJournal
from cluster.screens.journal import journal_data, journal_lines, noted_runs, shown_runs, since_moment
from facts.runs.journal import RunJournal
from operations.util.hosts import target_of
from operations.util.reading import run_each

READ_SECONDS = 30


def print_journal(clusters: Sequence[Cluster], since: str, most: int) -> int:
    """
    Print what runs did. Returns the exit code: 1 when no host of a cluster answers.

    + since: a moment or a span, as ``--data since`` has it; + most: how many runs
    """
    begins = since_moment(since, datetime.now(UTC))
    read = {cluster.name: _journals(cluster) for cluster in clusters}
    shown = {name: shown_runs(noted_runs(journals), begins, most) for name, journals in read.items()}
    if "--json" in sys.argv:
        told = {one.name: journal_data(one, read[one.name], shown[one.name]) for one in clusters}
        print(json.dumps({"clusters": told}, indent=2))
    else:
        lines = [line for one in clusters for line in ["", *journal_lines(one, read[one.name], shown[one.name]), ""]]
        print("\n".join(lines))
    return int(any(all(one is None for one in journals.values()) for journals in read.values()))


def journal_text(cluster: Cluster, most: int = 100) -> str:
    """What runs did on one cluster, as a person reads it. + most: how many runs"""
    journals = _journals(cluster)
    return "\n".join(journal_lines(cluster, journals, noted_runs(journals)[-most:]))


def _journals(cluster: Cluster) -> dict[str, SeenJournal | None]:
    jobs = {node.name: gevent.spawn(_journal, node) for node in cluster}
    return {name: job.get() for name, job in jobs.items()}


def _journal(node: Node) -> SeenJournal | None:
    (lines,) = run_each(target_of(node), [str(RunJournal().command())], READ_SECONDS)
    if lines is None:
        return None
    try:
        return RunJournal().process(lines) if lines else RunJournal.default()
    except PyinfraError:
        return None
