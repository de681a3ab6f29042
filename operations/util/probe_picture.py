"""What a probe saw, kept as data and as a picture on the control machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from gevent.subprocess import PIPE, Popen

from cluster.endpoints.probe_question import Probe
from cluster.endpoints.probe_timeline import Timeline
from operations.util.journal import Noticed
from operations.util.on_control.probe_picture import NO_LIBRARY

ROOT = Path(__file__).parents[2]
PROGRAM = "operations.util.on_control.probe_picture"
_INSTALL = "pip install 'matplotlib>=3.8'"


def kept_picture(seen: Timeline, probe: Probe, acts: Sequence[Noticed]) -> str:
    """
    Write what a probe saw, and draw it. Returns a line about it: a picture that fails is no reason to fail a run.

    + acts: those of the run meanwhile
    """
    title = next((f"deploys/{Path(word).name}" for word in sys.argv if "deploys/" in word), "probe")
    # What says nothing of itself is a look or a wait, unless nothing does.
    named = [act for act in acts if act.what] or acts
    told = [(act.began - seen.at, act.ended - seen.at, "", act.what or act.operation) for act in named]
    whole = replace(seen, acts=told, cluster=probe.cluster, title=title)
    place = Path(probe.pictures).resolve() / f"{_stem(whole)}.json"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(asdict(whole)))
    except OSError as error:
        return f"what it saw is not kept: {place}: {error.strerror}"
    return _drawn(place)


def _stem(seen: Timeline) -> str:
    return f"{seen.cluster}-{datetime.fromtimestamp(seen.at, UTC):%Y%m%dT%H%M%SZ}-{Path(seen.title).stem}"


def _drawn(place: Path) -> str:
    # matplotlib takes a second to load and starts threads: both are none of this process.
    process = Popen([sys.executable, "-m", PROGRAM, str(place)], cwd=ROOT, stdout=PIPE, stderr=PIPE, text=True)
    _, said = process.communicate()
    if process.returncode == NO_LIBRARY:
        return f"what it saw is in {place}; for a picture: {_INSTALL}, then python -m {PROGRAM} {place}"
    if process.returncode:
        return f"what it saw is in {place}; no picture: {next(reversed(said.splitlines()), 'no reason was given')}"
    return f"picture: {place.with_suffix('.svg')}, and as a page: {place.with_suffix('.html')}"
