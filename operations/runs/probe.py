"""The availability probe: what clients of the cluster feel while a procedure acts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import gevent
from gevent.subprocess import PIPE, Popen
from pyinfra import host, logger
from pyinfra.api import operation

from cluster.declared.model import Cluster
from cluster.endpoints.probe import PROBE_AGAIN, Measured, broken_promise, verdict_lines
from cluster.endpoints.probe_question import Probe
from cluster.endpoints.probe_timeline import Timeline
from cluster.errors import UnsafeError
from operations.acts.component import Commands
from operations.util import journal
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.journal import Noticed
from operations.util.planning import dry_run
from operations.util.probe_picture import kept_picture

ROOT = Path(__file__).parents[2]
PROGRAM = "operations.util.on_control.probe"


@operation()
def measure(cluster: Cluster, probe: Probe, seconds: float) -> Commands:
    """
    Measure for a while, and print the verdict. Refuses when an acknowledged write is lost or duplicated.

    + probe: how, and where what it saw is kept
    """
    if dry_run():
        host.noop("a plan measures nothing")
        return
    if not acts_here(cluster.members):
        return
    with probing(probe):
        gevent.sleep(seconds)
    host.noop("what the probe wrote is gone again")
    yield from ()


@contextmanager
def probing(probe: Probe | None) -> Iterator[None]:
    """
    Write and read as clients do while the block acts, then print what they felt. For the generator of any procedure, on
    the host that acts for all.

    Refuses before the block when the endpoints cannot be used from here, and after it when an acknowledged write is
    lost or duplicated. A failure of the block goes on when the verdict is printed.

    + probe: ``probe_of``; None for a run without a probe
    """
    if probe is None or dry_run():
        yield
        return
    process, acts = _begun(probe), list[Noticed]()
    try:
        with journal.noticing(acts):
            yield
    except BaseException:
        if fault := _verdict(process, probe, acts):
            logger.error(fault)
        raise
    if fault := _verdict(process, probe, acts):
        raise UnsafeError(fault)


def _begun(probe: Probe) -> Popen:
    """The program, when its first writes are acknowledged."""
    process = Popen(
        [sys.executable, "-m", PROGRAM],
        cwd=ROOT,
        # libpq takes from the environment what it is not told, e.g. another address for the host.
        env={name: value for name, value in os.environ.items() if not name.startswith("PG")},
        # Ctrl-C is for the run; when that is gone, the program notices, and leaves nothing behind.
        start_new_session=True,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        text=True,
    )
    with suppress(BrokenPipeError):
        process.stdin.write(f"{probe.question}\n")
        process.stdin.flush()
    said = process.stdout.readline()
    if obstacle := json.loads(said)["obstacle"] if said else _last_words(process):
        raise UnsafeError(
            f"the probe cannot begin: {obstacle}\n"
            "HINT: run from a machine that reaches the endpoints, or leave --data probe=true away."
        )
    return process


def _verdict(process: Popen, probe: Probe, acts: Sequence[Noticed]) -> str | None:
    """Let the program end, and print what it found. Returns why the run must not end as if all were well."""
    process.stdin.close()
    said = process.stdout.read()
    process.wait()
    if not said:
        return f"the probe ended without a verdict: {_last_words(process)}\nHINT: {PROBE_AGAIN}"
    document = json.loads(said)
    found = Measured(**document["measured"])
    kept = [kept_picture(Timeline(**document["timeline"]), probe, acts)] if probe.pictures else []
    print_lines(["What clients felt", *(f"  {line}" for line in (*verdict_lines(found), *kept))])
    return broken_promise(found)


def _last_words(process: Popen) -> str:
    return next(reversed(process.stderr.read().splitlines()), "it was interrupted, as when a server hangs")
