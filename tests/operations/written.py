"""What commands that write files would leave on a host: each command taken apart as the host's shell does it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from shlex import split

from pyinfra.api import StringCommand


def files_written(text: str, stdin: str) -> dict[str, str]:
    """The content of each file by its path, in order. + text: the command; + stdin: what it is given"""
    found, given = {}, stdin.encode()
    for step in re.findall(r"&& part (.*?) (?=&&)", text):
        new, offset, size, *_ = split(step)
        start = int(offset) - 1
        found[new.removesuffix(".new")] = given[start : start + int(size)].decode()
    return found


def contents_of(commands: Iterable[StringCommand]) -> dict[str, str]:
    """The same of several commands."""
    found: dict[str, str] = {}
    for command in commands:
        stdin = "".join(map(str, command.connector_arguments.get("_stdin") or ()))
        found |= files_written(command.get_raw_value(), stdin)
    return found


def paths_made(commands: Iterable[StringCommand]) -> list[str]:
    """The directories and files that commands make or replace, in order."""
    made = r"(?:install -d (?:-\w \S+ )+|mv -f \S+ )(\S+)"
    return [split(path)[0] for command in commands for path in re.findall(made, command.get_raw_value())]
