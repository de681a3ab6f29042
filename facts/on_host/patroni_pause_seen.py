"""
Runs on a member, as the text of ``python3 -c``: waits until this member's own Patroni knows that it is paused, or that
it no longer is, and prints what it knows in the end: true, false, or null when it does not answer.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

REST = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])
ASKED = json.loads(sys.argv[1])
DEADLINE = time.monotonic() + ASKED["wait"]


def paused() -> bool | None:
    """What this member knows; Patroni answers 503 with the same body."""
    try:
        with urllib.request.urlopen(f"https://{REST['connect_address']}/patroni", timeout=4, context=TLS) as answer:
            return bool(json.load(answer).get("pause"))
    except urllib.error.HTTPError as error:
        return bool(json.loads(error.read()).get("pause"))
    except (OSError, http.client.HTTPException):
        return None


while (seen := paused()) != ASKED["wanted"] and time.monotonic() < DEADLINE:
    time.sleep(0.25)
print(json.dumps(seen))
