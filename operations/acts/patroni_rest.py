"""Calls of a member's own Patroni that act, and what it answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra.api import StringCommand

from cluster.declared.model import Node
from operations.acts.act import Act
from operations.util.journal import described

_POST = (Path(__file__).parents[1] / "util" / "on_host" / "patroni_post.py").read_text()


class Post(Act):
    """
    A POST to the Patroni of one member. It does not fail: ``status`` and ``text`` are the answer, once it is done.

    + node: the member that is asked
    + path: e.g. ``/switchover``
    + body: becomes JSON
    """

    def __init__(self, node: Node, path: str, body: Mapping[str, Any]) -> None:
        command = StringCommand(f"python3 -c {quote(_POST)} {quote(path)}", _stdin=[json.dumps(body)])
        super().__init__(node, described(command, f"POST {path}"))

    @property
    def status(self) -> int:
        """The HTTP status; 0 when there was no answer."""
        return int(self._answer["status"])

    @property
    def text(self) -> str:
        """Patroni's own words."""
        return str(self._answer["text"])

    @property
    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.printed[-1])
        return answer
