"""This repository as it was before a change, to build with it what the change has to bring over."""

import subprocess
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.paths import ROOT, lab_directory


def former_code(commit: str, directory: Path) -> Path:
    """
    The files of a commit, in a directory from which runs are started: with the lab's keys and the secrets of this one.

    + commit: whole, of this repository; one that a shallow clone does not have is refused, and never left out
    + directory: where it is made
    """
    root = directory / commit[:12]
    root.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if archive.returncode != 0:
        raise LabError(
            f"the code of commit {commit} is not in this clone: {archive.stderr.decode().strip()}",
            "Fetch the whole history: git fetch --unshallow.",
        )
    subprocess.run(["tar", "-x", "-C", str(root)], input=archive.stdout, check=True)
    secrets = ROOT / ".secrets"
    secrets.mkdir(mode=0o700, exist_ok=True)
    (root / ".secrets").symlink_to(secrets)
    (root / ".lab").symlink_to(lab_directory())
    return root
