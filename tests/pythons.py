"""
The fast tests once more, with every other Python that the control machine may have: ``python -m tests.pythons``.

Each gets an environment of its own in ``.venvs``. A version that this machine does not have is named and left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSIONS = ("3.11", "3.12", "3.13")
PROJECT, CONSTRAINTS = ROOT / "pyproject.toml", ROOT / "constraints.txt"
ASK = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
FAST = ("-q", "-m", "not lab", "-n", "3", "--dist", "worksteal", "-p", "no:cacheprovider")


def interpreters(version: str) -> Iterator[str]:
    """Where a Python of this version may be, the likeliest first."""
    if found := shutil.which(f"python{version}"):
        yield found
    places = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    yield from map(str, sorted(places.glob(f"{version}.*/bin/python"), reverse=True))


def interpreter(version: str) -> str | None:
    """A Python of this version that can make an environment; None when there is none."""
    for python in interpreters(version):
        # One that a version manager puts in the path may be a word about another one.
        done = subprocess.run([python, "-c", ASK], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:
            return python
    return None


def requirements() -> list[str]:
    """What the tests need, without the linters."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [one for one in wanted if not one.startswith(("ruff", "mypy", "types-"))]


def environment(version: str, python: str) -> Path:
    """The Python of an environment that has them; made unless it is younger than what it is made of."""
    place = ROOT / ".venvs" / version
    ready, made = place / ".ready", place / "bin" / "python"
    if not ready.exists() or ready.stat().st_mtime < max(one.stat().st_mtime for one in (PROJECT, CONSTRAINTS)):
        subprocess.run([python, "-m", "venv", "--clear", place], check=True)
        install = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", CONSTRAINTS]
        subprocess.run([*install, *requirements()], check=True)
        ready.touch()
    return made


def main() -> int:
    """Run them with one version after the other; the first failure ends it."""
    for version in VERSIONS:
        if version == f"{sys.version_info.major}.{sys.version_info.minor}":
            continue
        python = interpreter(version)
        print(f"Python {version}: {python or 'not on this machine, so not tested with'}", flush=True)
        if python is not None:
            done = subprocess.run([environment(version, python), "-m", "pytest", *FAST], cwd=ROOT)
            if done.returncode != 0:
                return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
