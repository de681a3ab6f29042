"""Several questions to one host in one remote command, asked side by side: one that fails or hangs spoils no other."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from cluster.observed.host import SeenAnswer
from facts.answer import Answer, decoded

# Beyond this a question counts as not answered. The longest way to an answer leads to an etcd without its quorum: four
# questions, over each of which etcdctl takes 4 s.
QUESTION_SECONDS = 20

# The answers lie in memory below /run until all are there: lines of several writers would run into each other.
_SCRIPT = r"""
d=$(mktemp -d -p /run pyinfra-patroni.XXXXXX) || exit 1
trap 'rm -rf "$d"' EXIT
put() {{
  timeout {seconds} sh -c "$(echo "$2" | base64 -d)" > "$d/$1" 2> "$d/$1.said" < /dev/null; code=$?
  echo "$1|$code|$(base64 -w0 < "$d/$1")|$(tail -n 1 "$d/$1.said" | base64 -w0)" > "$d/$1.line"
}}
{questions}
wait
cat "$d"/*.line
"""


class HostAnswers(Answer[dict[str, SeenAnswer]]):
    """
    What several commands on a host print: ``{name: {"code": exit code, "lines": standard output, "error": last line of
    the error output}}``. The code is 124 for a command that was still at it after twenty seconds.

    + commands: by name, which is a word
    """

    def command(self, commands: Mapping[str, str]) -> str:
        """One script. Each command is base64 in it, for it may hold any quote."""
        asked = [f"put {name} {base64.b64encode(text.encode()).decode()} &" for name, text in commands.items()]
        return _SCRIPT.format(seconds=QUESTION_SECONDS, questions="\n".join(asked))

    def parsed(self, output: list[str]) -> dict[str, SeenAnswer]:
        """One line a command."""
        return dict(_answer(line) for line in output)


def _answer(line: str) -> tuple[str, SeenAnswer]:
    name, code, text, error = line.split("|")
    return name, {"code": int(code), "lines": decoded(text).splitlines(), "error": decoded(error).strip()}
