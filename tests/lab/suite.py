"""
The lab's tests, two labs at a time: a cluster that fails over mostly waits, and a second one is tested meanwhile.

A file that fails so is run again alone, held to stricter times; its second verdict counts.
"""

import subprocess
import sys
from collections.abc import Sequence

from tests.lab import again
from tests.lab.areas import AREAS, area_table
from tests.lab.paths import ROOT

TESTS_FAILED = 1  # pytest's exit code; any other but 0 says that there is no verdict that a second run could change


def selection(word: str) -> list[str]:
    """The options of pytest for what is asked for."""
    return {"all": [], "core": ["--core"]}.get(word, ["--area", word])


def main(words: Sequence[str]) -> int:
    """Run the whole of them, the core, or an area. Returns pytest's exit code."""
    word = words[0] if len(words) == 1 else ""
    if word not in ("all", "core", *AREAS):
        given = f"there is no area {word!r} of the lab's tests" if word else "which area of the lab's tests is not said"
        print(f"{given}\nHINT: make test-lab AREA=..., with one of these:\n{area_table()}", file=sys.stderr)
        return 2
    asked = selection(word)
    command = [sys.executable, "-m", "pytest", "tests/lab", *asked, "--numprocesses", "2", "--verbose", "--cache-clear"]
    code = subprocess.call(command, cwd=ROOT)
    return again.main(asked) if code == TESTS_FAILED else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
