"""Who streams from a member, and whether with a certificate."""

from __future__ import annotations

from collections.abc import Collection
from shlex import quote

from facts.answer import Answer
from facts.postgres import PSQL

_SQL = """
select (case when every(client_dn is not null) then 'proven' else 'password' end) || ' ' || host(client_addr)
from pg_stat_activity join pg_stat_ssl using (pid)
where usename = 'replicator' and client_addr is not null group by host(client_addr)
"""

_AWAIT = r"""
end=$(( $(date +%s) + {wait} ))
while :; do
  said=$({psql} -p {port} -d postgres -c {sql}) || exit 1
  if ! printf '%s\n' "$said" | grep -qxF {awaited} || [ "$(date +%s)" -ge "$end" ]; then
    printf '%s\n' "$said"; exit 0
  fi
  sleep 0.2
done
"""


class ReplicationLogins(Answer[dict[str, bool]]):
    """
    ``{address: proven}`` of the hosts that stream from this member: False for one that has shown no certificate.

    + port: where PostgreSQL listens on this host
    + awaited: addresses that are waited for until none of them is here without
    + wait_seconds: how long
    """

    def command(self, port: int, awaited: Collection[str], wait_seconds: int = 0) -> str:
        """Ask until nobody who is waited for comes without."""
        words = " ".join(f"-e {quote(f'password {address}')}" for address in awaited) or "-e /"
        return _AWAIT.format(psql=PSQL, port=port, sql=quote(" ".join(_SQL.split())), awaited=words, wait=wait_seconds)

    def parsed(self, output: list[str]) -> dict[str, bool]:
        """One address a line."""
        words = (line.split() for line in output if line)
        return {address: word == "proven" for word, address in words}
