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
from pathlib import Path

import yaml

REST = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])
LAST = 20  # elections


def said(path: str) -> str:
    """What one page says."""
    with urllib.request.urlopen("https://" + REST["connect_address"] + path, timeout=4, context=TLS) as answer:
        return str(answer.read().decode())


def look() -> dict[str, object]:
    """All of it."""
    lines = (line for line in said("/metrics").splitlines() if not line.startswith("#"))
    values = {name.partition("{")[0]: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    seen = values.get("patroni_dcs_last_seen")
    turns = [turn[3] for turn in json.loads(said("/history")) if len(turn) > 3]
    return {
        "failsafe": values.get("patroni_failsafe_mode_is_active") == 1,
        "unseen_seconds": time.time() - seen if seen else None,
        "turns": turns[-LAST:],
    }


try:
    print(json.dumps(look()))
except (OSError, http.client.HTTPException, ValueError):
    print("null")
