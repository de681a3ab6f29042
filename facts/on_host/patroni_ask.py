"""
Runs on a member, as the text of ``python3 -c``: asks Patroni's REST API and prints one JSON object.

Standard library and PyYAML (which Patroni needs) only, and nothing newer than Python 3.9. The login and the
certificates come from Patroni's own configuration, so that nothing secret is in an argument.
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
from typing import Any

import yaml

CONFIG = yaml.safe_load(Path("/etc/patroni/config.yml").read_text())
REST = CONFIG["restapi"]
TLS = ssl.create_default_context(cafile=REST["cafile"])
# An address in "listen" is what the certificate names; a connection to it proves which member answers.
OWN = "https://" + REST["connect_address"]


def get(url: str) -> Any:
    """The JSON behind a URL, whatever the status: Patroni answers 503 with the same body."""
    try:
        with urllib.request.urlopen(url, timeout=4, context=TLS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.loads(error.read() or b"null")


def streaming_from(sender: dict[str, Any]) -> set[str]:
    """Names of the standbys that stream, as their sender sees it: before 3.0.4 Patroni does not say it elsewhere."""
    try:
        replication = get(sender["api_url"]).get("replication", [])
    except (OSError, http.client.HTTPException, KeyError):
        return set()
    return {entry["application_name"] for entry in replication if entry["state"] == "streaming"}


def member(raw: dict[str, Any], streaming: set[str]) -> dict[str, Any]:
    """One member in words that do not depend on Patroni's version."""
    lag = raw.get("lag")
    return {
        "role": raw["role"],
        "synchronous": raw["role"] in ("sync_standby", "quorum_standby"),
        "state": raw["state"],
        "running": raw["state"] in ("running", "streaming", "in archive recovery"),
        "streaming": raw["state"] == "streaming" or (raw["state"] == "running" and raw["name"] in streaming),
        "timeline": raw.get("timeline"),
        "lag_mib": lag // 1048576 if isinstance(lag, int) else None,
        "pending_restart": bool(raw.get("pending_restart")),
        "pending_reason": raw.get("pending_restart_reason") or {},
        "tags": raw.get("tags") or {},
        "scheduled_restart": bool(raw.get("scheduled_restart")),
        "host": raw.get("host"),
        "port": raw.get("port"),
        "api_url": raw.get("api_url"),
    }


LEADERS = ("leader", "standby_leader")


def by_its_own_word(raw: dict[str, Any]) -> dict[str, Any]:
    """
    A member as it says itself that it runs by now: what this member knows of others, and of itself, is as old as two
    looks of Patroni, theirs and its own, which are ``loop_wait`` apart.
    """
    leads = raw["role"] in LEADERS
    if raw["state"] == ("running" if leads else "streaming"):
        return raw
    try:
        said = get(raw["api_url"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return raw
    if not said or said.get("state") != "running" or (said.get("role") == "replica") == leads:
        return raw
    return {**raw, "state": said.get("replication_state", "running"), "timeline": said.get("timeline")}


def look(live: bool) -> dict[str, Any]:
    """The cluster as this member sees it now. + live: those that do not run in its eyes are asked themselves"""
    cluster, own = get(OWN + "/cluster"), get(OWN + "/patroni")
    leaders = [raw for raw in cluster["members"] if raw["role"] in LEADERS]
    if live and leaders:
        cluster["members"] = list(map(by_its_own_word, cluster["members"]))
    old = any(raw["role"] != "leader" and raw["state"] == "running" for raw in cluster["members"])
    # A cascading standby is known to the member that it streams from alone.
    streaming = set().union(*map(streaming_from, cluster["members"])) if leaders and old else set()
    return {
        "answers": True,
        "error": "",
        "version": own["patroni"]["version"],
        "leader": leaders[0]["name"] if leaders else None,
        "members": {raw["name"]: member(raw, streaming) for raw in cluster["members"]},
        "paused": bool(cluster.get("pause")),
        "scheduled_switchover": cluster.get("scheduled_switchover"),
        "config": get(OWN + "/config"),
    }


def settled(seen: dict[str, Any], expected: list[str], beyond_timeline: int, other_than: str | None) -> bool:
    """Whether every expected member runs, and every standby streams on the leader's timeline."""
    members, leader = seen["members"], seen["leader"]
    if leader in (None, other_than) or not set(expected) <= set(members) or not members[leader]["running"]:
        return False
    timeline = members[leader]["timeline"]
    if not timeline or timeline <= beyond_timeline:
        return False
    standbys = [members[name] for name in expected if name != leader]
    return all(one["streaming"] and one["timeline"] == timeline for one in standbys)


def has_synchronous(seen: dict[str, Any], wanted: bool | None) -> bool:
    """Whether commits wait for a standby that is there, or, when that is not wanted, for nobody."""
    return wanted is None or wanted == any(one["synchronous"] for one in seen["members"].values())


def has_no_mark(seen: dict[str, Any], unmarked: dict[str, dict[str, Any]]) -> bool:
    """Whether each of these members is without one at least of the tags that would mark it."""
    return all(not mark.items() <= seen["members"][name]["tags"].items() for name, mark in unmarked.items())


def main(
    expected: list[str],
    wait: float,
    beyond_timeline: int = 0,
    synchronous: bool | None = None,
    unmarked: dict[str, dict[str, Any]] | None = None,
    live: bool = False,
    other_than: str | None = None,
) -> None:
    """Look until settled or until the time is over, and print what was seen last."""
    deadline = time.monotonic() + wait
    while True:
        try:
            seen = look(live)
            seen["settled"] = (
                settled(seen, expected, beyond_timeline, other_than)
                and has_synchronous(seen, synchronous)
                and has_no_mark(seen, unmarked or {})
            )
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError) as error:
            seen = {"answers": False, "error": str(error), "settled": False}
        if seen["settled"] or time.monotonic() >= deadline:
            print(json.dumps(seen))
            return
        time.sleep(0.25)


main(**json.loads(sys.argv[1]))
