"""
Runs on a member, as the text of ``python3 -c``: restarts its PostgreSQL through Patroni, in place, and waits until it
is well again. Prints one JSON object: ``{"asked": whether Patroni took the request, "status": HTTP status or 0 without
an answer, "text": Patroni's words, "ready": whether PostgreSQL is well, "seconds"}``.

Patroni is asked to restart only in the expected role, and with "pending" only what waits for a restart: so a leader
that has moved meanwhile, and such a restart that somebody else has done, change nothing. The key "restart_pending"
counts as set whatever its value is. A checkpoint first makes the shutdown short; with "prepares" that is
all. Standard library and PyYAML only.
"""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import yaml

ASKED = json.loads(sys.argv[1])
CONFIG = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())
REST = CONFIG["restapi"]
PORT = str(CONFIG["postgresql"]["listen"]).rpartition(":")[2]
TLS = ssl.create_default_context(cafile=REST["cafile"])
TLS.load_cert_chain(REST["certfile"], REST["keyfile"])
LOGIN = b64encode("{username}:{password}".format(**REST["authentication"]).encode()).decode()
# What Patroni calls itself, by the role that is expected; before 4.0 it says master.
ROLES = {"primary": ("primary", "master"), "standby_leader": ("standby_leader",), "replica": ("replica",)}
PRIMARY = ASKED["role"] == "primary"
# Patroni's words when the role has changed, or the restart was done, since we asked for both.
NOT_MET = "restart conditions are not satisfied"

LATE_IS_WELL = "select pg_is_in_recovery()"
STANDBY_IS_WELL = (
    "select pg_is_in_recovery() and exists(select from pg_stat_wal_receiver where status = 'streaming')"
    # What is received counts as flushed only when more of it comes.
    " and greatest((select written_lsn from pg_stat_wal_receiver), pg_last_wal_replay_lsn())"
    " - '0/0'::pg_lsn >= {target}"
)
PRIMARY_IS_WELL = "select txid_current() > 0"
STANDBYS_FOLLOW = (
    "select count(distinct application_name) >= {count} from pg_stat_replication"
    " where state = 'streaming' and application_name = any('{{{standbys}}}')"
)


def ask(path: str, body: Any = None, seconds: float = 5) -> tuple[int, str]:
    """One request to Patroni here. Returns the status and the text; status 0 when there is no answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"https://{REST['connect_address']}/{path}", data)
    request.add_header("Authorization", f"Basic {LOGIN}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=seconds, context=TLS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)


def psql(statement: str, seconds: float) -> str:
    """What the local PostgreSQL answers; empty when it does not."""
    words = [
        "runuser",
        "-u",
        "postgres",
        "--",
        "psql",
        "-XAtq",
        "-h",
        "/var/run/postgresql",
        "-p",
        PORT,
        "-d",
        "postgres",
    ]
    try:
        done = subprocess.run([*words, "-c", statement], capture_output=True, text=True, timeout=seconds, cwd="/")
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def noticed() -> str:
    """Wait until Patroni here says that PostgreSQL runs, and a restart is pending. Returns its role, or nothing."""
    deadline = time.monotonic() + ASKED["notice_seconds"]
    while True:
        text = ask("patroni")[1]
        seen = json.loads(text) if text.startswith("{") else {}
        if (seen.get("pending_restart") or not ASKED["pending"]) and seen.get("state") == "running":
            return str(seen["role"])
        if time.monotonic() >= deadline:
            return ""
        time.sleep(0.2)


def is_well() -> bool:
    """Whether PostgreSQL does here what its role asks for."""
    if PRIMARY:
        return psql(PRIMARY_IS_WELL, 10) == "t"
    return psql(LATE_IS_WELL if ASKED["late"] else STANDBY_IS_WELL.format(target=ASKED["target"]), 10) == "t"


def is_followed() -> bool:
    """Whether the standbys that streamed from here before do so again."""
    names = [] if ASKED["role"] == "replica" else ASKED["standbys"]
    listed = ",".join(f'"{name}"' for name in names)
    return not names or psql(STANDBYS_FOLLOW.format(standbys=listed, count=len(names)), 10) == "t"


def end(status: int, text: str, ready: bool, asked: bool = True) -> None:
    """Say what became of it; the one who asked judges by looking, not by an exit code."""
    seconds = round(time.monotonic() - BEGUN, 1)
    print(json.dumps({"asked": asked, "status": status, "text": text, "ready": ready, "seconds": seconds}))
    sys.exit(0)


BEGUN = time.monotonic()
role = noticed()
if not role:
    missed = "a restart is pending" if ASKED["pending"] else "PostgreSQL runs"
    end(0, f"Patroni here does not say that {missed}", ready=False, asked=False)
if role not in ROLES[ASKED["role"]]:
    end(0, f"it is a {role} now", ready=False, asked=False)
for _ in range(2 if PRIMARY else 1):
    psql("checkpoint", ASKED["seconds"])
if ASKED.get("prepares"):
    end(0, "only what comes before a restart was asked for", ready=False, asked=False)
BEGUN = time.monotonic()
# Patroni 3 does not know the word standby_leader here; where nobody writes, nothing is at stake.
body: dict[str, Any] = {"restart_pending": True} if ASKED["pending"] else {}
body.update({} if role == "standby_leader" else {"role": role})
status, text = ask("restart", body, ASKED["seconds"])
if NOT_MET in text:
    end(status, text, ready=False, asked=False)
deadline = BEGUN + ASKED["seconds"]
# 503 is also the answer while PostgreSQL is still starting; only a server that does not come is a failure.
patience = deadline if status in (0, 200) else time.monotonic() + ASKED["notice_seconds"]
while not (ready := is_well()) and time.monotonic() < patience:
    time.sleep(0.1)
# One whose replay is held up by a query comes back only when that has ended; the next look will find it.
follow = time.monotonic() + ASKED["follow_seconds"]
while ready and not is_followed() and time.monotonic() < follow:
    time.sleep(0.1)
end(status, text, ready)
