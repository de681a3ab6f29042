"""Several questions to one host in one remote command, asked side by side: one that fails or hangs spoils no other."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from shlex import quote

from cluster.observed.host import SeenAnswer
from facts.answer import Answer

# Beyond this a question counts as not answered. The longest way to an answer leads to an etcd without its quorum: four
# questions, over each of which etcdctl takes 4 s.
QUESTION_SECONDS = 20

# As few processes as there can be: they are what a look costs a busy host. The answers lie in memory below /run until
# all are there: lines of several writers would run into each other.
_SCRIPT = r"""
d=$(mktemp -d -p /run pyinfra-patroni.XXXXXX) || exit 1
trap 'cd / && rm -rf "$d"' EXIT
put() {{
  timeout {seconds} sh -c "$2" > "$d/$1.out" 2> "$d/$1.error" < /dev/null
  echo $? > "$d/$1.code"
}}
eval "$(echo {questions} | base64 -d)"
wait
cd "$d" && stat -c '%n|%s' -- * && cat -- * | base64 -w0
"""


class HostAnswers(Answer[dict[str, SeenAnswer]]):
    """
    What several commands on a host print: ``{name: {"code": exit code, "lines": standard output, "error": last line of
    the error output}}``. The code is 124 for a command that was still at it after twenty seconds.

    + commands: by name, which is a word
    """

    def command(self, commands: Mapping[str, str]) -> str:
        """One script. The commands are base64 in it, for they may hold any quote."""
        asked = "\n".join(f"put {name} {quote(text)} &" for name, text in commands.items())
        return _SCRIPT.format(seconds=QUESTION_SECONDS, questions=base64.b64encode(asked.encode()).decode())

    def parsed(self, output: list[str]) -> dict[str, SeenAnswer]:
        """The sizes of all files, a line each, and then what is in them, one behind the other."""
        *sizes, text = output
        content, files, at = base64.b64decode(text, validate=True), {}, 0
        for name, size in (line.split("|") for line in sizes):
            files[name] = content[at : at + int(size)].decode(errors="replace")
            at += int(size)
        if at != len(content):
            raise ValueError(f"{len(content)} bytes came of {at}")
        return {name.removesuffix(".code"): _answer(files, name) for name in files if name.endswith(".code")}


def _answer(files: Mapping[str, str], code: str) -> SeenAnswer:
    name = code.removesuffix(".code")
    error = files[f"{name}.error"].splitlines()
    return {
        "code": int(files[code]),
        "lines": files[f"{name}.out"].splitlines(),
        "error": error[-1].strip() if error else "",
    }
