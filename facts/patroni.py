"""What Patroni and PostgreSQL say of themselves, asked on a member over its own REST API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, cast

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.host import SeenResources
from cluster.observed.patroni import SeenPatroni, SeenTurn
from facts.answer import Answer

_ON_HOST = Path(__file__).parent / "on_host"
_ASK = (_ON_HOST / "patroni_ask.py").read_text()
_HISTORY = (_ON_HOST / "patroni_history.py").read_text()
_PAUSE_SEEN = (_ON_HOST / "patroni_pause_seen.py").read_text()


# Patroni begins its REST API anew when it loads a new certificate, a moment after the signal for it.
ANSWER_SECONDS = 20


class PatroniCluster(Answer[SeenPatroni]):
    """
    The cluster as one member's Patroni sees it, with the differences between Patroni's versions taken out.

    Returns ``{"answers": bool, "error": str, "version": "4.0.7", "leader": name or None, "members": {name: {role,
    synchronous, state, running, streaming, timeline, lag_mib, pending_restart, pending_reason, tags, scheduled_restart,
    host, port, api_url}}, "config": {...} or None, "paused": bool, "scheduled_switchover": {at, from, to} or None,
    "settled": bool}``. ``answers`` is False when Patroni does not answer here, which says nothing about the cluster.
    A member whose Patroni is dead is not listed: its key in etcd has run out.

    + expected: the members that shall all run before ``settled`` is true
    + wait_seconds: how long to wait for that; returns what it saw last all the same
    + beyond_timeline: the leader has to be past it, too, before ``settled`` is true: etcd has an old picture at first
    + other_than: the leader has to be another one than this before ``settled`` is true: of a standby cluster, whose
      timeline is that of its source
    + synchronous: the same for whether there has to be a synchronous standby, or must be none; absent: either
    + unmarked: the same for members that shall no longer have all of these tags, by name
    + live: of members that do not run as far as this one knows, their own word counts; it may be seconds ahead of what
      else is known of them, such as a pending restart
    """

    def command(
        self,
        expected: Sequence[str] = (),
        wait_seconds: int = 0,
        beyond_timeline: int = 0,
        synchronous: bool | None = None,
        unmarked: Mapping[str, Mapping[str, bool]] | None = None,
        live: bool = False,
        other_than: str | None = None,
    ) -> str:
        """Ask with python3, which Patroni itself needs; a host without Patroni's configuration answers with a word."""
        asked = {"expected": list(expected), "wait": wait_seconds, "beyond_timeline": beyond_timeline}
        asked |= {} if synchronous is None else {"synchronous": synchronous}
        asked |= {"unmarked": unmarked} if unmarked else {}
        asked |= {"live": live} if live else {}
        asked |= {"other_than": other_than} if other_than is not None else {}
        arguments = quote(json.dumps(asked))
        ask = f"python3 -c {quote(_ASK)} {arguments}"
        return f"if [ -e /etc/patroni/config.yml ]; then {ask}; else echo '{{}}'; fi"

    def parsed(self, output: list[str]) -> SeenPatroni:
        """One JSON object."""
        try:
            seen: SeenPatroni = json.loads("\n".join(output))
        except ValueError as error:
            raise FactProcessError(f"the answer about Patroni cannot be read: {error}") from error
        return _NOTHING | seen

    @classmethod
    def serves(cls, asked: Mapping[str, Any], wanted: Mapping[str, Any], seen: SeenPatroni) -> bool:
        """
        One that has settled serves who would wait for some of the same members, and for nothing else. Nobody in it is
        left to be asked live.
        """
        further = set(wanted) - {"expected", "wait_seconds", "live"}
        settled = seen["settled"] and set(wanted.get("expected", ())) <= set(asked.get("expected", ()))
        return settled and not further and set(asked) <= {"expected"}


_NOTHING: SeenPatroni = {
    "answers": False,
    "error": "Patroni is not configured here",
    "version": "",
    "leader": None,
    "members": {},
    "config": None,
    "paused": False,
    "scheduled_switchover": None,
    "settled": False,
}


class PatroniHistory(Answer[list[SeenTurn] | None]):
    """
    The timelines that the cluster has been through, as Patroni's /history has them; None when Patroni does not answer.

    Returns ``[{"timeline": 1, "lsn": bytes, "reason": str, "at": ISO time or "", "leader": name or ""}]``.
    """

    def command(self) -> str:
        """Read-only calls need no login."""
        return f"[ ! -e /etc/patroni/config.yml ] || python3 -c {quote(_HISTORY)}"

    @staticmethod
    def default() -> None:
        """Patroni is not configured here."""

    def parsed(self, output: list[str]) -> list[SeenTurn] | None:
        """One JSON list of lists; the last two columns are younger than the others."""
        said = json.loads("".join(output))
        if said is None:
            return None
        names = ("timeline", "lsn", "reason", "at", "leader")
        return [cast(SeenTurn, dict(zip(names, [*turn, "", ""], strict=False))) for turn in said]


class PatroniPauseSeen(Answer[bool | None]):
    """
    Whether this member's own Patroni knows that it is paused, which each learns at its next look; None when it does
    not answer.

    + wanted: what to wait for
    + wait_seconds: how long; returns what it knows by then
    """

    def command(self, wanted: bool, wait_seconds: int) -> str:
        """Read-only calls need no login."""
        asked = quote(json.dumps({"wanted": wanted, "wait": wait_seconds}))
        return f"if [ -e /etc/patroni/config.yml ]; then python3 -c {quote(_PAUSE_SEEN)} {asked}; else echo null; fi"

    def parsed(self, output: list[str]) -> bool | None:
        """One word of JSON."""
        said: bool | None = json.loads(output[0])
        return said


class DirectorySize(Answer[int]):
    """
    MiB that a directory holds; 0 when it is not there.

    + directory: e.g. the data directory of a member that is being cloned
    """

    def command(self, directory: str) -> str:
        """Files come and go while a clone runs; du's complaints about that are no failure."""
        return f"du -sm {quote(directory)} 2>/dev/null | cut -f1"

    @staticmethod
    def default() -> int:
        """Nothing was printed: nothing is there."""
        return 0

    def parsed(self, output: list[str]) -> int:
        """One number."""
        return int(output[0])


_RESOURCES = r"""
d={directory}; while [ ! -e "$d" ]; do d=$(dirname "$d"); done
echo "memory_kib=$(awk '/^MemTotal:/ {{ print $2 }}' /proc/meminfo)"
echo "cores=$(nproc)"
echo "disk_kib=$(df -Pk "$d" | awk 'NR == 2 {{ print $2 }}')"
echo "patroni=$(dpkg-query -W -f='${{Version}}' patroni 2>/dev/null)"
"""


class MemberResources(Answer[SeenResources]):
    """
    What a member has, for the settings derived from it: ``{memory_mib, cores, disk_mib, patroni}``.

    + directory: the data directory, or where it will be
    """

    def command(self, directory: str) -> str:
        """One script."""
        return _RESOURCES.format(directory=quote(directory))

    def parsed(self, output: list[str]) -> SeenResources:
        """Four lines."""
        values = dict(line.split("=", 1) for line in output)
        return {
            "memory_mib": int(values["memory_kib"]) // 1024,
            "cores": int(values["cores"]),
            "disk_mib": int(values["disk_kib"]) // 1024,
            "patroni": values["patroni"],
        }
