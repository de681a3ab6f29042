"""
Runs on a member, as the text of ``python3 -c``: sends the PATCH that comes on stdin to Patroni's /config.

Patroni changes the key in etcd only if nobody else did since it read it, and answers 409 otherwise; then the same
PATCH is sent again, which merges with what the other one wrote. It is sent again, too, when there is no answer: Patroni
begins its REST API anew when it loads a new certificate. Standard library and PyYAML only.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

import yaml

REST = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])
TLS.load_cert_chain(REST["certfile"], REST["keyfile"])
LOGIN = "{username}:{password}".format(**REST["authentication"]).encode()


def send(body: bytes) -> tuple[int, str]:
    """One attempt. Returns the HTTP status and the answer; status 0 when there is none."""
    headers = {"Authorization": "Basic " + b64encode(LOGIN).decode(), "Content-Type": "application/json"}
    url = "https://" + REST["connect_address"] + "/config"
    try:
        request = urllib.request.Request(url, body, headers, method="PATCH")
        with urllib.request.urlopen(request, timeout=10, context=TLS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


patch = sys.stdin.buffer.read()
for _ in range(5):
    status, text = send(patch)
    if status not in (0, 409):
        break
    time.sleep(0.5)
if status == 0:
    sys.exit(f"Patroni does not answer at {REST['connect_address']}, so the configuration may be as it was: {text}")
if status != 200:
    sys.exit(f"Patroni refused the configuration with status {status}: {text}")
