"""The script that sends a change to Patroni, run as it is against a REST API of its own that answers as it is told."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest

from cluster.pki.verdicts import Authority, LeafRequest

SCRIPT = Path(__file__).parents[3] / "operations" / "util" / "on_host" / "patroni_patch.py"
PATCH = {"ttl": 40, "slots": {"pg3": None}}
LOGIN = "Basic " + b64encode(b"patroni:word").decode()
SILENT, CUT_OFF, CUT_SHORT = 0, 1, 2


@dataclass
class Patroni:
    """
    A REST API that answers each request with the next of some statuses, and then with 200.

    + got: of each request its method, its path, who sent it, and the body
    """

    statuses: list[int] = field(default_factory=list)
    got: list[tuple[str, str, str | None, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """One of the class that a server wants."""
        patroni = self

        class Handler(BaseHTTPRequestHandler):
            def do_PATCH(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                patroni.got.append((self.command, self.path, self.headers["Authorization"], body))
                status = patroni.statuses.pop(0) if patroni.statuses else 200
                if status == SILENT:
                    patroni.over.wait(30)
                elif status == CUT_SHORT:
                    self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{")
                elif status != CUT_OFF:
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(b"its words")
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Nobody reads it."""

        return Handler


@contextmanager
def serving(directory: Path, *statuses: int) -> Iterator[tuple[Patroni, str]]:
    """A REST API, and the script as it is but for where the configuration lies, and for how long it waits."""
    patroni, places = Patroni(list(statuses)), {name: directory / name for name in ("ca.crt", "leaf.crt", "leaf.key")}
    authority = Authority.load_or_create(directory / "authority", "main")
    request = LeafRequest("pg1", ("pg1",), (ip_address("127.0.0.1"),), server=True, client=True, days=30)
    leaf = authority.issue(request)
    texts = (authority.trust_pem, leaf.certificate_pem, leaf.key_pem)
    for path, text in zip(places.values(), texts, strict=True):
        path.write_text(text)
    server = ThreadingHTTPServer(("127.0.0.1", 0), patroni.handler())
    server.daemon_threads = True
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(places["ca.crt"]))
    tls.load_cert_chain(places["leaf.crt"], places["leaf.key"])
    tls.verify_mode = ssl.CERT_REQUIRED
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    config = directory / "config.yml"
    paths = f"cafile: {places['ca.crt']}, certfile: {places['leaf.crt']}, keyfile: {places['leaf.key']}"
    login = "authentication: {username: patroni, password: word}"
    config.write_text(f"restapi: {{connect_address: '127.0.0.1:{server.server_port}', {paths}, {login}}}\n")
    text = SCRIPT.read_text().replace("/etc/patroni/config.yml", str(config))
    text = text.replace("timeout=10", "timeout=1").replace("time.sleep(0.5)", "time.sleep(0.01)")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield patroni, text
    finally:
        patroni.over.set()
        server.shutdown()
        server.server_close()


def send(text: str) -> tuple[int, str]:
    """Exit code and last words, as the run sees them."""
    done = subprocess.run(
        [sys.executable, "-c", text], input=json.dumps(PATCH), capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr.strip()


def test_a_change_goes_to_the_configuration_once_with_the_login(tmp_path: Path) -> None:
    with serving(tmp_path) as (patroni, text):
        assert send(text) == (0, "")
    assert patroni.got == [("PATCH", "/config", LOGIN, json.dumps(PATCH))]


@pytest.mark.parametrize("before", [[409, 409], [409] * 4, [SILENT], [CUT_OFF, 409], [CUT_SHORT]])
def test_who_was_in_the_way_for_a_moment_is_waited_for(tmp_path: Path, before: list[int]) -> None:
    """Somebody else changed it, or the REST API began anew: the same change is sent again, and merges with theirs."""
    with serving(tmp_path, *before) as (patroni, text):
        assert send(text) == (0, "")
    assert [one[3] for one in patroni.got] == [json.dumps(PATCH)] * (len(before) + 1)


def test_five_conflicts_are_a_refusal(tmp_path: Path) -> None:
    with serving(tmp_path, *[409] * 5) as (patroni, text):
        assert send(text) == (1, "Patroni refused the configuration with status 409: its words")
    assert len(patroni.got) == 5


def test_silence_is_no_success_and_no_refusal(tmp_path: Path) -> None:
    with serving(tmp_path, *[SILENT] * 5) as (patroni, text):
        code, words = send(text)
    assert (code, len(patroni.got)) == (1, 5)
    assert words.startswith("Patroni does not answer at 127.0.0.1:") and "may be as it was" in words


@pytest.mark.parametrize("status", [401, 403, 400, 500, 503])
def test_a_refusal_is_not_asked_twice(tmp_path: Path, status: int) -> None:
    with serving(tmp_path, status) as (patroni, text):
        assert send(text) == (1, f"Patroni refused the configuration with status {status}: its words")
    assert len(patroni.got) == 1
