"""The same work in several processes at once, as several runs of pyinfra on one machine would do it."""

import json
import subprocess
import sys
from pathlib import Path

from cluster.pki.verdicts import Authority
from cluster.secrets.secrets import Secrets
from tests.lab.paths import ROOT

PROCESSES = 6
SECONDS = 600  # only that a hang ends some time: six Pythons on a busy machine take their time


def in_processes(function: str, directory: Path) -> set[str]:
    """
    What a function of one argument returns in processes of their own, started together.

    Not multiprocessing: its pools hang once gevent has patched the threads, as pyinfra's command line does on import.

    + function: dotted name, e.g. ``tests.cluster.racing.made``
    """
    module, _, name = function.rpartition(".")
    script = f"import pathlib, sys, {module} as m; print(m.{name}(pathlib.Path(sys.argv[1])))"
    command = [sys.executable, "-c", script, str(directory)]
    runs = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    answers = {run.communicate(timeout=SECONDS)[0].strip() for run in runs}
    assert [run.returncode for run in runs] == [0] * PROCESSES
    return answers


# Here, and not in the files of their tests: a process of six has to load what it runs, and not pytest.


def made(directory: Path) -> str:
    """The serial number of the CA in a directory, made where there is none."""
    return str(Authority.load_or_create(directory, "demo").certificate.serial_number)


def loaded(directory: Path) -> str:
    """The secrets of a directory, generated where there are none."""
    return json.dumps({name: str(value) for name, value in Secrets.load(directory, {}).items()})
