"""Everything that support would ask for, of a whole cluster, in one archive on this machine; without secrets."""

from __future__ import annotations

import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import gevent
import pyinfra
from pyinfra.api.exceptions import PyinfraError

from cluster.checks.overview import Overview
from cluster.checks.report import all_findings, as_data, check_lines
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.observed.host import SeenAnswer
from cluster.screens.evidence import evidence_of
from cluster.screens.logs import Span, log_screen
from cluster.screens.ranking import ranked, ranking_lines
from cluster.screens.redaction import redacted
from cluster.screens.status import status_lines
from facts.host_answers import HostAnswers
from operations.live.journal import journal_text
from operations.live.logs import read_logs
from operations.util import journal
from operations.util.hosts import target_of
from operations.util.reading import run_each

LOOK_SECONDS = 60
# Of one file; what is beyond it is at the beginning of a log, and the least likely to be asked for.
FILE_BYTES = 4 * 1024 * 1024
SCREEN_COLUMNS = 120


@dataclass(frozen=True)
class Collected:
    """What one host said. + files: by name, None: it does not answer; + seconds: how long it took"""

    files: Mapping[str, str] | None
    seconds: float


def print_diagnosis(
    overviews: Sequence[Overview], secrets: Mapping[str, Mapping[str, str]], directory: str, since: float
) -> int:
    """
    Write one archive a cluster, and print the causes to look at. Returns the exit code, which is 0: it judges nothing.

    + secrets: by cluster, those that this machine knows; + directory: where the archives go
    + since: from when on logs are wanted, in seconds since 1970
    """
    place = Path(directory)
    for overview in overviews:
        found = all_findings(overview)
        known = {f"{one}/{name}": value for one, held in secrets.items() for name, value in held.items()}
        files = {name: redacted(text, known) for name, text in _files(overview, since)}
        archive = written(place, overview.cluster.name, overview.at, files)
        said = ranking_lines(overview.cluster.name, ranked(found))
        print(
            "\n".join(
                [
                    "",
                    *said,
                    "",
                    f"  everything is in {archive}",
                    "  secrets are removed; look into it before you give it away",
                    "",
                ]
            )
        )
    return 0


def _files(overview: Overview, since: float) -> Iterator[tuple[str, str]]:
    """The archive's files with their texts, secrets still in them."""
    cluster, found = overview.cluster, all_findings(overview)
    logs = {everything: Span(since, time.time(), everything=everything) for everything in (False, True)}
    jobs = {node.name: gevent.spawn(_collected, cluster, node, overview) for node in cluster}
    read = {name: read_logs(cluster, span) for name, span in logs.items()}
    yield "ranking.txt", "\n".join(ranking_lines(cluster.name, ranked(found)))
    yield "check.txt", "\n".join(check_lines(overview, found, SCREEN_COLUMNS))
    yield "check.json", _json(as_data(overview, found))
    yield "status.txt", "\n".join(status_lines(overview, found))
    yield "answers.json", _json({"answers": overview.answers, "silences": overview.silences})
    yield "inventory.json", _json(declared_data(cluster))
    yield "runs.txt", journal_text(cluster)
    for everything, seen in read.items():
        text = "\n".join(log_screen(cluster, logs[everything], seen.hosts, seen.lines))
        yield f"logs-{'all' if everything else 'filtered'}.txt", text
    collected = {name: job.get() for name, job in jobs.items()}
    yield "about.txt", "\n".join(_about(overview, collected))
    for name, one in collected.items():
        yield from ((f"hosts/{name}/{file}.txt", text) for file, text in (one.files or {}).items())


def _collected(cluster: Cluster, node: Node, overview: Overview) -> Collected:
    asked = evidence_of(cluster, node, overview.components.get(node.name, ()))
    fact, before = HostAnswers(), time.monotonic()
    (said,) = run_each(target_of(node), [str(fact.command(asked))], LOOK_SECONDS)
    seconds = time.monotonic() - before
    try:
        answers = None if said is None else fact.process(said)
    except PyinfraError:
        answers = None
    return Collected(None if answers is None else {name: _text(one) for name, one in answers.items()}, seconds)


def _text(said: SeenAnswer) -> str:
    ended = "" if said["code"] == 0 else f"\n=== ended with {said['code']}: {said['error']}"
    return "\n".join(said["lines"]) + ended


def declared_data(cluster: Cluster) -> dict[str, Any]:
    """The cluster as declared."""
    return {
        "name": cluster.name,
        "settings": cluster.settings.model_dump(),
        "hosts": {
            node.name: {
                "roles": sorted(node.roles),
                "address": str(node.address),
                "client_address": str(node.client_address),
                "settings": {k: v for k, v in node.settings.model_dump().items() if v != getattr(cluster.settings, k)},
            }
            for node in cluster
        },
    }


def _about(overview: Overview, collected: Mapping[str, Collected]) -> Iterator[str]:
    yield f"cluster {overview.cluster.name}, looked at {overview.at.isoformat()}"
    yield f"pyinfra-patroni {journal.version()}, pyinfra {pyinfra.__version__}, Python {platform.python_version()}"
    yield f"control machine: {platform.platform()}"
    for name, one in collected.items():
        yield f"{name}: {'answered' if one.files is not None else 'NO ANSWER'} after {one.seconds:.1f} s"


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, default=str, sort_keys=True)


def written(place: Path, name: str, at: datetime, files: Mapping[str, str]) -> Path:
    """
    The archive, which only its owner may read. Refuses a directory that cannot be written.

    + place: directory; + name: of the cluster; + files: texts by name, without secrets
    """
    stem = f"{name}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    archive = place / f"{stem}.tar.gz"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{archive} cannot be written: {error.strerror}\nHINT: --data to=DIRECTORY names another place."
        ) from error
    with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for file, text in files.items():
            content = text.encode(errors="replace")[-FILE_BYTES:]
            entry = tarfile.TarInfo(f"{stem}/{file}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(at.timestamp())
            tar.addfile(entry, io.BytesIO(content))
    return archive
