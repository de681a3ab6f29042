"""Runs on a member, as the text of ``python3 -c``: prints what Patroni's /history says, or null when it is silent."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.request
from pathlib import Path

import yaml

REST = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])

try:
    with urllib.request.urlopen("https://" + REST["connect_address"] + "/history", timeout=4, context=TLS) as answer:
        print(json.dumps(json.load(answer)))
except (OSError, http.client.HTTPException):
    print("null")
