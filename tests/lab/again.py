"""The files of which a test failed beside another lab, once more and with the machine to themselves."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.paths import ROOT

LAST_FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
# Two cores that are short of time fail a test or two. What fails more has a cause of its own.
MOST_FILES = 4


def failed_files(last_failed: Path = LAST_FAILED) -> list[str]:
    """The files that pytest remembers as failed; whole, for a test goes on with what those before it built."""
    known = json.loads(last_failed.read_text()) if last_failed.exists() else {}
    return sorted({test.partition("::")[0] for test in known})


def main(asked: Sequence[str] = ()) -> int:
    """
    Run them. Returns pytest's exit code, and 1 when there is none to run or when they are too many.

    + asked: the options by which the first run chose its tests; of each file the same ones are run again
    """
    files = failed_files()
    if not 0 < len(files) <= MOST_FILES:
        print(f"{len(files)} files failed: they are not run again")
        return 1
    print(f"\nrun again, one lab at a time: {' '.join(files)}\n", flush=True)
    return subprocess.call([sys.executable, "-m", "pytest", *files, *asked, "--verbose"], cwd=ROOT)
