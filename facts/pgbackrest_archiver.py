"""Why a member's WAL does not reach the archive, in the words of those who tried."""

from __future__ import annotations

import re
from shlex import quote

from facts.answer import Answer

# Whoever is newest knows: pgBackRest, which leaves a file for each segment that it could not archive until it can, or
# the mark of a repository that did not answer. PostgreSQL tries once a minute, so an older mark says nothing.
_SCRIPT = """
echo tried
cd /var/spool/pgbackrest 2>/dev/null || exit 0
newest=$(ls -t repository-is-silent archive/{stanza}/out/*.error 2>/dev/null | head -n 1)
case $newest in
  *.error) cat "$newest" ;;
  ?*) [ -z "$(find "$newest" -mmin -2)" ] || echo 'the repository does not answer' ;;
esac
"""


class PgbackrestArchiver(Answer[str]):
    """
    What keeps a member's WAL from the archive; empty when nothing is known to. Of use where archiving fails: what an
    archiver left that stopped, on a member that leads no more, stays.

    + stanza: its name
    """

    def command(self, stanza: str) -> str:
        """The newest trace of a failure, after a line that says that somebody looked."""
        return _SCRIPT.format(stanza=quote(stanza))

    def parsed(self, output: list[str]) -> str:
        """The last sentence that tells of an error, without where it came from; or the only one."""
        lines = [line.strip() for line in output[output.index("tried") + 1 :] if line.strip()]
        errors = [line for line in lines if re.search(r"\[\w+Error\]", line)]
        last = (errors or lines or [""])[-1]
        return re.sub(r"^.*?\[\w+Error\] (raised from [^:]*: )?", "", last)
