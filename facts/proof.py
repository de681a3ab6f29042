"""Whether clients reach the database through its endpoints, tried from a member as a client would."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote

from pyinfra.api.exceptions import FactProcessError

from cluster.observed.postgres import SeenEndpoint
from facts.answer import Answer

_TRY = (Path(__file__).parent / "on_host" / "endpoints_try.py").read_text()


class EndpointsTried(Answer[list[SeenEndpoint]]):
    """
    A connection through every endpoint, a read, and a write that is rolled back.

    Returns a list of ``{address, port, wants, primaries, standbys, connected, in_recovery, server, wrote, refused,
    version, error}``.
    What to try comes over stdin, for it holds a password: pass ``_stdin=[Secret(json)]`` with the object that
    ``cluster.proof.question`` makes.
    """

    def command(self) -> str:
        """python3 and psycopg2 are on every member, for Patroni needs them."""
        return f"python3 -c {quote(_TRY)}"

    def parsed(self, output: list[str]) -> list[SeenEndpoint]:
        """One JSON list."""
        try:
            tried: list[SeenEndpoint] = json.loads("".join(output))
        except ValueError as error:
            raise FactProcessError(f"the answer about the endpoints cannot be read: {error}") from error
        return tried
