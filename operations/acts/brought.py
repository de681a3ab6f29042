"""A file brought from one host to another, over the control machine: the hosts have no way to give each other files."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import StringCommand

from cluster.declared.model import Node
from operations.acts.act import Act
from operations.acts.component import Commands


def brought(source: Node, path: str, target: Node, to: str) -> Commands:
    """
    Copy a file that is small enough for the control machine's memory. It is there whole, for root alone, or not at all.

    + path: of the file on its host, ``source``; + to: where it lies on ``target`` afterwards
    """
    fetched = Act(source, StringCommand(f"sha256sum < {quote(path)} && gzip -c {quote(path)} | base64"))
    yield fetched
    digest, *lines = fetched.printed
    new = quote(f"{to}.new")
    unpack = f'umask 077; base64 -d | gzip -d > {new} && [ "$(sha256sum < {new})" = {quote(digest)} ]'
    yield Act(target, StringCommand(f"{unpack} && sync {new} && mv {new} {quote(to)}", _stdin=["\n".join(lines)]))
