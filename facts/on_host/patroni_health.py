"""
Runs on a member, as the text of ``python3 -c``: prints what Patroni's /metrics and /history say of failsafe mode, etcd
and elections, or null when it is silent.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import yaml

CONFIG = Path("/etc/patroni/config.yml")
LAST = 20  # elections
# What runs noted on this host; the end of it is enough.
JOURNAL, JOURNAL_BYTES = Path("/var/log/pyinfra-patroni/journal"), 400_000
# A run that has not noted its end may have been killed. A leader tells of its timeline in a loop of Patroni's.
AT_MOST, AROUND = timedelta(minutes=10), timedelta(seconds=20)


def said(path: str) -> str:
    """What one page says."""
    rest = yaml.safe_load(CONFIG.read_text())["restapi"]
    tls = ssl.create_default_context(cafile=rest["cafile"])
    with urllib.request.urlopen("https://" + rest["connect_address"] + path, timeout=4, context=tls) as answer:
        return str(answer.read().decode())


def moment(text: str) -> datetime:
    """A time with its zone; Python before 3.11 knows no Z."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def runs(text: str) -> list[tuple[datetime, datetime]]:
    """From when to when runs of ours acted on the cluster. + text: of the journal"""
    found: dict[str, list[datetime]] = {}
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("event") in ("begin", "end") and "at" in entry:
            found.setdefault(entry["run"], []).append(moment(entry["at"]))
    return [(times[0], times[1] if len(times) > 1 else times[0] + AT_MOST) for times in found.values()]


def planned(turn: str, spans: list[tuple[datetime, datetime]]) -> bool:
    """Whether a run of ours acted when a leader was elected."""
    return any(begin - AROUND <= moment(turn) <= end + AROUND for begin, end in spans)


def look() -> dict[str, object]:
    """All of it."""
    lines = (line for line in said("/metrics").splitlines() if not line.startswith("#"))
    values = {name.partition("{")[0]: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    seen = values.get("patroni_dcs_last_seen")
    spans = runs(JOURNAL.read_text(errors="replace")[-JOURNAL_BYTES:] if JOURNAL.exists() else "")
    turns = [turn[3] for turn in json.loads(said("/history")) if len(turn) > 3 and not planned(turn[3], spans)]
    return {
        "failsafe": values.get("patroni_failsafe_mode_is_active") == 1,
        "unseen_seconds": time.time() - seen if seen else None,
        "turns": turns[-LAST:],
    }


def main() -> None:
    """Print what was seen."""
    try:
        print(json.dumps(look()))
    except (OSError, http.client.HTTPException, ValueError):
        print("null")


if __name__ == "__main__":
    main()
