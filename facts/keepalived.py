"""What keepalived's checks find on a host at this moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from cluster.components.haproxy import RUNTIME_SOCKET
from cluster.components.keepalived import PROGRAM
from facts.answer import Answer


class KeepalivedChecks(Answer[dict[str, bool]]):
    """
    Whether HAProxy answers here, and has a server for each use: ``{"answers", "write", ...}``. Empty where keepalived's
    check is not installed.

    + sections: of HAProxy, by use
    """

    def command(self, sections: Mapping[str, Sequence[str]]) -> str:
        """The same program that keepalived calls."""
        asked = {"answers": (), **sections}
        each = (
            f'{PROGRAM} {RUNTIME_SOCKET} {" ".join(map(quote, listed))}; echo "{use}|$?"\n'
            for use, listed in asked.items()
        )
        return f"[ -x {PROGRAM} ] || exit 0\n{''.join(each)}"

    def parsed(self, output: list[str]) -> dict[str, bool]:
        """The exit code of each."""
        return {use: code == "0" for use, code in (line.split("|") for line in output)}

    @staticmethod
    def default() -> dict[str, bool]:
        """There is no check."""
        return {}
