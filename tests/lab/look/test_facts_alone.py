"""Every fact that docs/facts.md lists can be asked by itself, as the page says."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.lab.paths import ROOT
from tests.lab.vocabulary.runs import RUN_SECONDS, Built

ROWS = re.findall(r"^\| `(facts\.[\w.]+)` \|.*\| (.*) \|$", (ROOT / "docs" / "facts.md").read_text(), re.MULTILINE)
# This lab has no PgBouncer.
LISTED = [fact for fact, where in ROWS if where != "a host with PgBouncer"]
ARGUMENTS = {
    "facts.patroni.MemberResources": "directory=/var/lib/postgresql",
    "facts.packages.HostPackages": 'packages=["patroni"]',
    "facts.host.UnitJournal": "unit=patroni",
    "facts.journald.logs.HostLogs": "lines=10",
}


@pytest.mark.parametrize("fact", LISTED)
def test_it_answers_alone(built: Built, fact: str) -> None:
    host = f"{built.lab.name}-pg2"
    asked = [fact, *([ARGUMENTS[fact]] if fact in ARGUMENTS else [])]
    words = [sys.executable, "-m", "pyinfra", "--limit", host, str(built.inventory), "fact", *asked]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    answer: Any = json.loads(said[said.index("\n{") : said.rindex("\n}") + 2])[host]
    assert answer or fact.endswith("History"), said  # nobody has taken over yet
    if isinstance(answer, dict):
        assert answer.get("answers", True) is True
        assert not answer.get("errors") or fact.endswith("Status")
