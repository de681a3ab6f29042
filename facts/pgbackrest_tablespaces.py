"""The tablespaces that a backup knows."""

from __future__ import annotations

import json
from shlex import quote

from pyinfra.api.exceptions import FactProcessError

from facts.answer import ASK, Answer, answers

_SCRIPT = """
cd /
ask info runuser -u postgres -- pgbackrest --stanza={stanza} --repo={repository} --log-level-console=error \
  info --set={label} --output=json
"""


class PgbackrestTablespaces(Answer[list[str]]):
    """
    The directories of the tablespaces in one backup, as the cluster had them.

    + stanza: its name; + repository: pgBackRest's number of it; + label: of the backup
    """

    def command(self, stanza: str, repository: int, label: str) -> str:
        """One question."""
        return ASK + _SCRIPT.format(stanza=quote(stanza), repository=repository, label=quote(label))

    def parsed(self, output: list[str]) -> list[str]:
        """Of pgBackRest's document the part of that backup. What cannot be read is not a backup without any."""
        code, text = answers(output, ("info",))["info"]
        if code != 0:
            raise FactProcessError(f"the repository does not say which tablespaces the backup has: {text.strip()}")
        document = json.loads(next(line for line in text.splitlines() if line.startswith("[")))
        (backup,) = (one for one in document[0]["backup"] if "archive" in one)
        return sorted(one["destination"] for one in backup.get("tablespace") or ())
