"""An alert comes to its receiver, with what it is about and where the way out is told, and so does its end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.runs import Built, run, site, write_inventory
from tests.lab.vocabulary.waiting import wait_until

HOSTS = ("pg1", "monitor1")
SETTINGS = {"monitoring": True, "monitoring_scrape_seconds": 5}
# for: 1m; group_wait 30 s; and the end of an alert with the next look at its group, after five minutes.
RAISED_SECONDS, ENDED_SECONDS = 180, 480


class Hook(ThreadingHTTPServer):
    """A webhook on this machine. + posted: alerts, as they came"""

    def __init__(self) -> None:
        super().__init__(("0.0.0.0", 0), Request)
        self.posted: list[dict[str, Any]] = []

    def alert(self, name: str, status: str) -> dict[str, Any] | None:
        """The first one of a name in a state."""
        meant = (one for one in self.posted if (one["labels"]["alertname"], one["status"]) == (name, status))
        return next(meant, None)


class Request(BaseHTTPRequestHandler):
    """One call."""

    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.posted += body["alerts"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Nothing: the test says what came."""


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with Hook() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def built(hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = tmp_path_factory.mktemp("delivery")
    with site("de-delivery", directory, hosts=HOSTS, **SETTINGS) as ready:
        # The lab's gateway is this machine.
        url = f"http://{ready.lab.subnet4[1]}:{hook.server_port}/alerts"
        inventory = write_inventory(ready.lab, directory, HOSTS, monitoring_webhook_url=url, **SETTINGS)
        yield Built(ready.lab, inventory, run(inventory))


def test_a_webhook_is_told_of_an_alert_and_of_its_end(built: Built, hook: Hook) -> None:
    host = built.lab.host("pg1").container
    run_in(host, "systemctl stop haproxy")
    try:
        firing = wait_until("it is told", lambda: hook.alert("HaproxyDown", "firing"), seconds=RAISED_SECONDS)
    finally:
        run_in(host, "systemctl start haproxy")
    print(firing["labels"], firing["annotations"])
    assert firing["labels"]["cluster"] == built.lab.name and firing["labels"]["member"] == host
    assert host in firing["annotations"]["summary"]
    assert "docs/failure-guide.md#" in firing["annotations"]["runbook_url"]
    wait_until("its end is told", lambda: hook.alert("HaproxyDown", "resolved"), seconds=ENDED_SECONDS)
    assert {one["labels"]["alertname"] for one in hook.posted} <= {"HaproxyDown", "Watchdog"}
