"""
Runs ``deploys/check.py`` and tells by mail or webhook what is new and what is gone: for a timer on the control machine.

    python -m operations.util.on_control.check_notify inventory.py

Where to comes from the environment, so that it is known also when the inventory cannot be read; docs/runs/check.md has
the variables. Each receiver is told once; what could not be delivered is told at the next run. Exits with 1 when
something could not be delivered, and with 0 whatever the check finds.
"""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import smtplib
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from urllib.parse import urlsplit

from cluster.screens.notices import Notice, Told, after_check, after_failure

ROOT = Path(__file__).parents[3]
CHECK_SECONDS = 300
SEND_SECONDS = 30
FAILED_CHARACTERS = 500
MAIL, WEBHOOK = "CHECK_NOTIFY_MAIL", "CHECK_NOTIFY_WEBHOOK"
SENDMAIL = "/usr/sbin/sendmail"

Send = Callable[[Notice], None]


class CheckFailedError(Exception):
    """The check did not run to its end. Its text says why."""


def main() -> int:
    """One check, and what it has to tell."""
    receivers = receivers_of(os.environ)
    if len(sys.argv) < 2 or not receivers:
        print(f"usage: {MAIL}=ADDRESS {WEBHOOK}=URL, one or both; then an inventory", file=sys.stderr)
        return 2
    place = state_file(os.environ, sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(place.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two at a time would tell everything twice
        return told_all(receivers, place, sys.argv[1:])


def state_file(environment: Mapping[str, str], inventory: str) -> Path:
    """Where it is kept what was told. systemd gives a directory to a unit that asks for one."""
    home = environment.get("STATE_DIRECTORY") or Path.home() / ".local" / "state" / "pyinfra-patroni"
    return Path(home) / f"check-{Path(inventory).resolve().as_posix().strip('/').replace('/', '-')}.json"


def receivers_of(environment: Mapping[str, str]) -> dict[str, Send]:
    """How to tell each of the receivers that are declared, by the name of its variable."""
    found: dict[str, Send] = {}
    if environment.get(MAIL):
        found[MAIL] = lambda notice: mail(notice, environment)
    if environment.get(WEBHOOK):
        found[WEBHOOK] = lambda notice: post(notice, environment[WEBHOOK])
    return found


def told_all(receivers: Mapping[str, Send], place: Path, words: list[str]) -> int:
    """Check, and tell each receiver what it does not know yet. + words: the inventory and further words of pyinfra"""
    known = read_state(place)
    try:
        document, why = checked(words), ""
    except CheckFailedError as error:
        document, why = None, str(error)
    failed, now = 0, datetime.now(UTC)
    for name, send in receivers.items():
        told = known.get(name, Told())
        notice, then = after_failure(told, why, now) if document is None else after_check(told, document, now)
        try:
            if notice:
                send(notice)
            known[name] = then
        except (OSError, smtplib.SMTPException, ValueError, subprocess.SubprocessError) as error:
            failed = 1
            print(f"{name}: nothing was sent, and it will be tried again: {said_of(error)}", file=sys.stderr)
    write_state(place, {name: asdict(told) for name, told in known.items()})
    if why:
        print(f"the check did not run: {why}", file=sys.stderr)
    return failed


def read_state(place: Path) -> dict[str, Told]:
    """What was told. One that cannot be read is none: told twice is better than never."""
    try:
        return {name: Told(**told) for name, told in json.loads(place.read_text()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        print(f"{place} cannot be read, and everything is told again: {error}", file=sys.stderr)
        return {}


def write_state(place: Path, state: Mapping[str, object]) -> None:
    """Keep what was told: whole, or as it was."""
    beside = place.with_suffix(".new")
    beside.touch(mode=0o600)
    beside.write_text(json.dumps(state, indent=1))
    beside.replace(place)


def checked(words: list[str]) -> dict[str, object]:
    """What the check found, as it prints it for machines."""
    command = [sys.executable, "-m", "pyinfra", "--json", "-y", *words, "deploys/check.py"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CHECK_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise CheckFailedError(f"it had not ended after {CHECK_SECONDS} s") from None
    try:
        found: dict[str, object] = json.loads(done.stdout)
    except ValueError:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        at = next((n for n, line in enumerate(lines) if "error" in line.lower()), max(0, len(lines) - 3))
        raise CheckFailedError(" ".join(lines[at:])[:FAILED_CHARACTERS] or f"exit code {done.returncode}") from None
    return found


def mail(notice: Notice, environment: Mapping[str, str]) -> None:
    """Send a mail: by the server that is declared, else by the machine's own sendmail."""
    message = EmailMessage()
    message["To"] = environment[MAIL]
    message["From"] = environment.get("CHECK_NOTIFY_FROM") or environment[MAIL].split(",")[0]
    message["Subject"] = f"[patroni] {notice.subject}"
    message["Message-ID"] = make_msgid(domain="pyinfra-patroni")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer of an absent person
    message.set_content(notice.text)
    server = environment.get("CHECK_NOTIFY_SMTP", "")
    if server or not Path(SENDMAIL).exists():
        by_server(message, server or "localhost", environment)
    else:
        subprocess.run([SENDMAIL, "-t", "-oi"], input=message.as_bytes(), check=True, timeout=SEND_SECONDS)


def by_server(message: EmailMessage, server: str, environment: Mapping[str, str]) -> None:
    """Hand a mail to a server, encrypted where that can be. + server: HOST or HOST:PORT"""
    host, _, port = server.partition(":")
    user, password = environment.get("CHECK_NOTIFY_SMTP_USER"), environment.get("CHECK_NOTIFY_SMTP_PASSWORD", "")
    with smtplib.SMTP(host, int(port or 25), timeout=SEND_SECONDS) as session:
        session.ehlo()
        encrypts = session.has_extn("starttls")
        if encrypts:
            session.starttls(context=_encryption(verified=bool(user)))
        if user:
            if not encrypts:
                raise ValueError(f"{host} offers no encryption, and no password is sent without")
            session.login(user, password)
        session.send_message(message)


def _encryption(*, verified: bool) -> ssl.SSLContext:
    """For a mail server. Without a password a relay nearby, whose certificate no CA knows, is better than none."""
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def post(notice: Notice, url: str) -> None:
    """Send JSON. + url: of the webhook; it may be a secret, so no error shows it"""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError("the webhook is no URL that begins with https:// or http://")
    body = json.dumps(notice.data).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=SEND_SECONDS):
            pass
    except (http.client.HTTPException, UnicodeError):
        raise ValueError("the webhook is no URL, or gave no answer in HTTP") from None


def said_of(error: Exception) -> str:
    """Why, on one line; an answer of a server is bytes."""
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
