"""
Runs on a member, as the text of ``python3 -c``: POSTs what comes on stdin to a path of this member's Patroni.

Prints one JSON object, ``{"status": HTTP status or 0 without an answer, "text": the answer}``, and never fails: what a
refusal means, the caller knows. Login and certificates come from Patroni's own configuration, so that nothing secret is
in an argument. Standard library and PyYAML only.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import yaml

# Patroni looks for a new leader for up to 2 * max(10, loop_wait) seconds before it answers.
ANSWER_SECONDS = 120

REST = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])
TLS.load_cert_chain(REST["certfile"], REST["keyfile"])
LOGIN = "{username}:{password}".format(**REST["authentication"]).encode()

headers = {"Authorization": "Basic " + b64encode(LOGIN).decode(), "Content-Type": "application/json"}
url = "https://" + REST["connect_address"] + sys.argv[1]
request = urllib.request.Request(url, sys.stdin.buffer.read(), headers, method="POST")
try:
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS, context=TLS) as answer:
        status, text = answer.status, answer.read().decode()
except urllib.error.HTTPError as error:
    status, text = error.code, error.read().decode()
except (OSError, http.client.HTTPException) as error:
    status, text = 0, str(error)
print(json.dumps({"status": status, "text": text.strip()}))
