"""The program that tells what a check finds: real mails and real requests, and nothing is lost when one fails."""

from __future__ import annotations

import email
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from operations.util.on_control import check_notify
from operations.util.on_control.check_notify import CheckFailedError, receivers_of, state_file, told_all

ROOT = Path(__file__).parents[3]
FINDING = {
    "kind": "lag",
    "severity": "warning",
    "where": "h2",
    "what": "PostgreSQL",
    "problem": "lags",
    "hint": "Look.",
}


class Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that takes everything. + refuses: it does not"""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.mails: list[Message] = []
        self.refuses = False


class Session(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self.say("220 sink")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self.say("354 go on")
                lines = list(iter(lambda: self.rfile.readline().decode().rstrip("\r\n"), "."))
                self.server.mails.append(email.message_from_string("\n".join(lines)))
            elif word == "QUIT":
                self.say("221 bye")
                return
            self.say("451 later" if word == "MAIL" and self.server.refuses else "250 ok")

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class Hook(ThreadingHTTPServer):
    """A webhook that keeps what is posted. + status: what it answers"""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.posted: list[dict[str, Any]] = []
        self.status = 200


class Request(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.posted.append(body)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with serving(Mailbox()) as server:
        yield server


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def environment(mailbox: Mailbox, hook: Hook) -> dict[str, str]:
    return {
        "CHECK_NOTIFY_MAIL": "dba@example.net",
        "CHECK_NOTIFY_FROM": "patroni@example.net",
        "CHECK_NOTIFY_SMTP": f"127.0.0.1:{mailbox.server_address[1]}",
        "CHECK_NOTIFY_WEBHOOK": f"http://127.0.0.1:{hook.server_address[1]}/T0P/SECRET",
    }


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the check finds, at every run; the test fills it."""
    found: list[Any] = []

    def checked(_: list[str]) -> dict[str, Any]:
        if "fails" in found:
            raise CheckFailedError("no host can be reached")
        return {"clusters": {"main": {"findings": list(found)}}}

    monkeypatch.setattr(check_notify, "checked", checked)
    return found


def test_mail_and_webhook_tell_the_new_and_the_gone_once(
    mailbox: Mailbox, hook: Hook, finds: list[Any], tmp_path: Path
) -> None:
    receivers, place = receivers_of(environment(mailbox, hook)), tmp_path / "told.json"
    assert told_all(receivers, place, []) == 0
    assert (mailbox.mails, hook.posted) == ([], []), "nothing is wrong: nothing is told"
    finds.append(FINDING)
    for _ in range(3):
        assert told_all(receivers, place, []) == 0
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[patroni] main: 1 warning new"
    assert (mail["To"], mail["From"]) == ("dba@example.net", "patroni@example.net")
    assert "warning  main, h2, PostgreSQL: lags" in str(mail.get_payload())
    assert [one["new"] for one in hook.posted] == [[{"cluster": "main", **FINDING}]]
    finds.clear()
    for _ in range(2):
        assert told_all(receivers, place, []) == 0
    assert [mail["Subject"] for mail in mailbox.mails[1:]] == ["[patroni] main: 1 warning gone"]
    assert [one["gone"] for one in hook.posted[1:]] == [[{"cluster": "main", **FINDING}]]
    assert place.stat().st_mode & 0o777 == 0o600


def test_what_one_receiver_did_not_get_is_sent_again_to_it_alone(
    mailbox: Mailbox, hook: Hook, finds: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receivers, place = receivers_of(environment(mailbox, hook)), tmp_path / "told.json"
    finds.append(FINDING)
    hook.status = 500
    assert told_all(receivers, place, []) == 1
    said = capsys.readouterr().err
    assert "CHECK_NOTIFY_WEBHOOK: nothing was sent, and it will be tried again: HTTP Error 500" in said
    assert "SECRET" not in said
    hook.status, mailbox.refuses = 200, True
    assert told_all(receivers, place, []) == 0
    assert (len(mailbox.mails), len(hook.posted)) == (1, 1)
    finds.clear()
    assert told_all(receivers, place, []) == 1
    mailbox.refuses = False
    assert told_all(receivers, place, []) == 0
    assert [mail["Subject"] for mail in mailbox.mails][1:] == ["[patroni] main: 1 warning gone"]
    assert len(hook.posted) == 2


def test_a_check_that_does_not_run_is_told_and_so_is_its_return(
    mailbox: Mailbox, hook: Hook, finds: list[Any], tmp_path: Path
) -> None:
    receivers, place = receivers_of(environment(mailbox, hook)), tmp_path / "told.json"
    finds.append("fails")
    for _ in range(2):
        assert told_all(receivers, place, []) == 0
    assert [one["failed"] for one in hook.posted] == ["no host can be reached"]
    assert "  no host can be reached" in str(mailbox.mails[0].get_payload())
    finds.clear()
    assert told_all(receivers, place, []) == 0
    assert hook.posted[1]["works_again"] is True


def test_a_password_is_not_sent_without_encryption(
    mailbox: Mailbox, hook: Hook, finds: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    login = {"CHECK_NOTIFY_SMTP_USER": "u", "CHECK_NOTIFY_SMTP_PASSWORD": "hidden"}
    finds.append(FINDING)
    assert told_all(receivers_of(environment(mailbox, hook) | login), tmp_path / "told.json", []) == 1
    said = capsys.readouterr().err
    assert "offers no encryption, and no password is sent without" in said and "hidden" not in said


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/SECRET", "http://h SECRET/", "https://[SECRET"])
def test_what_is_no_webhook_is_not_opened_and_not_shown(
    url: str, finds: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finds.append(FINDING)
    assert told_all(receivers_of({"CHECK_NOTIFY_WEBHOOK": url}), tmp_path / "told.json", []) == 1
    assert "SECRET" not in capsys.readouterr().err


def test_a_state_that_cannot_be_read_tells_everything_again(
    mailbox: Mailbox, hook: Hook, finds: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "told.json"
    place.write_text('{"CHECK_NOTIFY_MAIL": {"fin')
    finds.append(FINDING)
    assert told_all(receivers_of(environment(mailbox, hook)), place, []) == 0
    assert len(mailbox.mails) == 1 and "is told again" in capsys.readouterr().err


# --- The program itself, with a check that really runs ---


def program(tmp_path: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("CHECK_NOTIFY")}
    return subprocess.run(
        [sys.executable, "-m", "operations.util.on_control.check_notify", *words],
        cwd=ROOT,
        env=given | {"STATE_DIRECTORY": str(tmp_path)} | variables,
        capture_output=True,
        text=True,
    )


def test_the_program_tells_that_no_host_can_be_reached(mailbox: Mailbox, hook: Hook, tmp_path: Path) -> None:
    inventory = tmp_path / "mine.py"
    inventory.write_text('etcd = [("h1", {"ssh_hostname": "127.0.0.9", "ssh_port": 1})]\n')
    for _ in range(2):
        done = program(tmp_path, str(inventory), **environment(mailbox, hook))
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [one["failed"].partition(": ")[2].partition(" HINT")[0] for one in hook.posted] == ["no host can be reached"]
    assert len(mailbox.mails) == 1
    assert state_file({"STATE_DIRECTORY": str(tmp_path)}, str(inventory)).exists()


def test_the_program_without_a_receiver_says_what_it_needs(tmp_path: Path) -> None:
    done = program(tmp_path, "inventory.py")
    assert (done.returncode, done.stderr.startswith("usage: CHECK_NOTIFY_MAIL=ADDRESS")) == (2, True)
