"""What ``HostAnswers`` sends to a simulated host and gets from it."""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Mapping


def questions_in(command: str) -> dict[str, str]:
    """The commands that a host is given, by name; none in what is no ``HostAnswers``."""
    found = re.search(r'^eval "\$\(echo (\S+) \| base64 -d\)"$', command, re.MULTILINE)
    words = shlex.split(base64.b64decode(found[1]).decode() if found else "")
    return {words[at + 1]: words[at + 2] for at in range(0, len(words), 4)}


def told(answers: Mapping[str, tuple[int, str, str]]) -> list[str]:
    """The lines of a host. + answers: exit code, standard output and error output by name"""
    files = {
        f"{name}.{kind}": text.encode()
        for name, (code, out, error) in answers.items()
        for kind, text in (("code", f"{code}\n"), ("error", error), ("out", out))
    }
    content = base64.b64encode(b"".join(files.values())).decode()
    return [*(f"{name}|{len(text)}" for name, text in files.items()), content]
