"""What each member is while a probe measures, as its own Patroni says it to whoever asks: no password, no order."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cluster.endpoints.probe_timeline import UNREACHED, spans_of, state_of

POLL_SECONDS = 0.25
ANSWER_SECONDS = 1.0


class Member(threading.Thread):
    """Asks one member again and again. + name: of the host; + seen: moments of the monotonic clock, and what it was"""

    def __init__(self, name: str, host: str, port: int, authority: str, stop: threading.Event) -> None:
        super().__init__(name=f"member-{name}", daemon=True)
        self.member, self.seen = name, list[tuple[float, str]]()
        self._place, self._stopping = (host, port), stop
        self._context = ssl.create_default_context(cafile=authority)
        # A published port of a container is at another address than its certificate has.
        self._context.check_hostname = False

    def run(self) -> None:
        """Go on until told to stop."""
        while not self._stopping.is_set():
            asked = time.monotonic()
            self.seen.append((asked, state_of(self._said())))
            self._stopping.wait(max(0.0, POLL_SECONDS - (time.monotonic() - asked)))

    def _said(self) -> dict[str, Any] | None:
        connection = http.client.HTTPSConnection(*self._place, timeout=ANSWER_SECONDS, context=self._context)
        try:
            connection.request("GET", "/patroni")
            found = json.loads(connection.getresponse().read())
            return found if isinstance(found, dict) else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


def watched(members: Sequence[Mapping[str, Any]], authority: str, stop: threading.Event) -> list[Member]:
    """Those that ask, not yet started. + members: ``name``, ``host`` and ``port`` of each"""
    try:
        return [Member(one["name"], one["host"], one["port"], authority, stop) for one in members]
    except OSError:  # no CA here: then nobody can be believed
        return []


def seen_spans(members: Sequence[Member], started: float, seconds: float) -> dict[str, list[tuple[float, float, str]]]:
    """By name, what each was from when to when; none of a member that never answered: nobody knows what it was."""
    found = {}
    for one in members:
        seen = [(moment - started, state) for moment, state in list(one.seen) if moment - started <= seconds]
        if any(state != UNREACHED for _, state in seen):
            found[one.member] = spans_of(seen, seconds)
    return found
