"""
Runs on a member before every start of Patroni, as its ExecCondition. A host that is taken out of the cluster, or
replaced, while it is dead keeps its keys and its data: when its power returns, Patroni would join again unasked.

Ends with 1, which keeps Patroni down, while etcd has the note of deploys/remove_node.py about this host. Ends with 255,
after which systemd tries again, while a member of this name is at another address, and when etcd does not answer:
Patroni does nothing without etcd either. Where PostgreSQL runs it may always start, for somebody has to look after
that. Standard library and PyYAML only.
"""

from __future__ import annotations

import json
import ssl
import sys
import time
import urllib.request
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import yaml

WAIT_SECONDS = 60
MAY, TAKEN_OUT, LATER = 0, 1, 255


def postgres_runs(directory: str) -> bool:
    """Whether a server of this data directory is alive; after a power cut its file is there without it."""
    try:
        pid = (Path(directory) / "postmaster.pid").read_text().split()[0]
        return Path(f"/proc/{pid}/comm").read_text().strip() == "postgres"
    except (OSError, IndexError):
        return False


def value(endpoint: str, login: dict[str, str], key: str) -> str | None:
    """What a key has, from one of etcd's hosts. https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/"""
    tls = ssl.create_default_context(cafile=login["cacert"])
    tls.load_cert_chain(login["cert"], login["key"])
    question = json.dumps({"key": b64encode(key.encode()).decode()}).encode()
    with urllib.request.urlopen(f"https://{endpoint}/v3/kv/range", question, timeout=3, context=tls) as answer:
        found = json.load(answer).get("kvs", [])
    return b64decode(found[0]["value"]).decode() if found else None


def asked(etcd: dict[str, Any], key: str) -> str | None:
    """The same from the first of etcd's hosts that answers. Raises when none does in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        for endpoint in etcd["hosts"]:
            try:
                return value(endpoint, etcd, key)
            except OSError as error:
                reason = f"{endpoint}: {error}"
        if time.monotonic() > deadline:
            raise TimeoutError(f"etcd does not say whether this host was removed: {reason}")
        time.sleep(1)


def verdict() -> int:
    """The exit code, and in the journal why."""
    config = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())
    if postgres_runs(config["postgresql"]["data_dir"]):
        return MAY
    name, prefix = config["name"], f"{config['namespace']}{config['scope']}"
    if (note := asked(config["etcd3"], f"{prefix}/removed/{name}")) is not None:
        print(f"{name} was removed from {config['scope']} at {json.loads(note)['at']}: Patroni is not started.")
        print("To bring the host back: `pyinfra inventory.py deploys/add_node.py`, with the host declared.")
        return TAKEN_OUT
    url = json.loads(asked(config["etcd3"], f"{prefix}/members/{name}") or "{}").get("api_url")
    if url is not None and f"//{config['restapi']['connect_address']}/" not in url:
        print(f"another host is the member {name} of {config['scope']}, at {url}: Patroni is not started.")
        return LATER
    return MAY


try:
    sys.exit(verdict())
except Exception as error:  # whatever it is: an exit code of 1 would say that the host was taken out
    print(f"{type(error).__name__}: {error}")
    sys.exit(LATER)
