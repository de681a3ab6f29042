"""How far the WAL of one member goes, also while its PostgreSQL is down: a source's, and its standby cluster's."""

from __future__ import annotations

import re
from shlex import quote

from cluster.measures import lsn_bytes
from cluster.observed.wal_end import SeenEnd
from facts.answer import ASK, Answer, answers
from facts.postgres_state import WHERE

_ASK = r"""
ask sql runuser -u postgres -- psql -XAtq -v ON_ERROR_STOP=1 -h /var/run/postgresql -p "$port" -d postgres -c %s
ask unit systemctl show -p ActiveState --value patroni
ask control env LC_ALL=C runuser -u postgres -- "$(of bin_dir)/pg_controldata" -D "$(of data_dir)"
"""
_SQL = """
select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0'::pg_lsn,
  pg_last_xact_replay_timestamp()
"""


class WalEnd(Answer[SeenEnd]):
    """
    ``{"runs": bool, "position": bytes that a running one has written or replayed, else None, "replayed_at": time of the
    last transaction replayed or "", "patroni": whether its unit is up or about to be, "state": pg_controldata's word or
    "", "checkpoint": bytes or None}``.

    The checkpoint of one that was ``shut down`` is the last that it wrote.
    """

    def command(self) -> str:
        """One script with three questions: the server, its Patroni, and its control file."""
        return WHERE + ASK + _ASK % quote(" ".join(_SQL.split()))

    def parsed(self, output: list[str]) -> SeenEnd:
        """Two answers, each of which may be missing."""
        found = answers(output, ("sql", "control"))
        (code, said), (failed, text) = found["sql"], found["control"]
        position, _, at = said.splitlines()[-1].partition("|") if code == 0 else ("", "", "")
        lines = dict(re.findall(r"^([^:\n]+):\s+(.*)$", text, re.MULTILINE)) if failed == 0 else {}
        checkpoint = lines.get("Latest checkpoint location")
        return {
            "runs": code == 0,
            "position": int(position) if position else None,
            "replayed_at": at,
            "patroni": found.get("unit", (0, "inactive"))[1] not in ("inactive", "failed"),
            "state": lines.get("Database cluster state", ""),
            "checkpoint": lsn_bytes(checkpoint) if checkpoint else None,
        }
