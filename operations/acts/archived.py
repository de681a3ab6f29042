"""Proof that the archive has all WAL of a primary: before it is stopped for a restore, and after."""

from __future__ import annotations

from shlex import quote

from pyinfra.api import StringCommand

from cluster.components.pgbackrest import BOUNDED, SPOOL
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from facts.postgres import PSQL
from operations.acts.act import Act
from operations.acts.component import Commands

ARCHIVE_SECONDS = 60

# What PostgreSQL counts and marks as archived is what it was told: only the repository knows what it has.
_HAS = """
has() {{
  (cd / && timeout 20 runuser -u postgres -- pgbackrest --stanza={stanza} --repo={repository} --no-archive-async \
    --log-level-console=off archive-get "$1" {spool}/proof > /dev/null 2>&1)
  found=$?; rm -f {spool}/proof; return $found
}}
"""

# The commit is later than any moment in the past that can be named: a recovery to one ends there, and not with an error
# at the end of the WAL.
_SWITCH = """
ask() {{ {psql} -p {port} -d postgres -c "$1"; }}
ask 'select txid_current()' > /dev/null
segment=$(ask 'select pg_walfile_name(pg_switch_wal())')
end=$(( $(date +%s) + {seconds} ))
until has "$segment"
do [ "$(date +%s)" -lt "$end" ] || {{ echo "left $segment"; exit 0; }}; sleep 0.5; done
echo archived
"""

# In its shutdown PostgreSQL archives the last segment, but tries only three times.
_REST = """
cd {data} || exit 1
for mark in $(ls pg_wal/archive_status | sed -n 's/\\.ready$//p' | sort); do
  runuser -u postgres -- {push} "pg_wal/$mark" > /dev/null || {{ echo "left $mark"; exit 0; }}
  runuser -u postgres -- mv "pg_wal/archive_status/$mark.ready" "pg_wal/archive_status/$mark.done"
done
last=$(ls pg_wal/archive_status | sed -n 's/^\\([0-9A-F]\\{{24\\}}\\)\\.done$/\\1/p' | sort | tail -n 1)
[ -n "$last" ] && has "$last" || {{ echo "left ${{last:-anything}}"; exit 0; }}
echo archived
"""


def archive_to_now(cluster: Cluster, leader: Node, repository: int) -> Commands:
    """
    Archive what a running primary has written until now, and ask the repository for it. Refuses when it is not there
    in a minute.

    + repository: pgBackRest's number of the one that is restored from
    """
    script = _SWITCH.format(psql=PSQL, port=cluster.settings.postgres_port, seconds=ARCHIVE_SECONDS)
    yield (asked := Act(leader, StringCommand(_has(cluster, repository) + script)))
    _refuse_if_left(asked, leader, "nothing was stopped")


def archive_to_the_end(cluster: Cluster, leader: Node, repository: int) -> Commands:
    """
    Archive what a primary wrote until it was stopped, and ask the repository for the last of it. Refuses when that is
    not possible. + repository: as ``archive_to_now`` has it
    """
    script = _REST.format(data=quote(cluster.data_directory), push=f"{BOUNDED} push")
    yield (asked := Act(leader, StringCommand(_has(cluster, repository) + script)))
    _refuse_if_left(asked, leader, "the cluster is stopped, and its data are as they were")


def _has(cluster: Cluster, repository: int) -> str:
    return _HAS.format(stanza=quote(cluster.name), repository=repository, spool=SPOOL)


def _refuse_if_left(asked: Act, leader: Node, state: str) -> None:
    word, _, segment = asked.printed[-1].partition(" ")
    if word != "archived":
        raise UnsafeError(
            f"{leader.name} cannot archive {segment}: the repository does not have it, and without it the last writes "
            f"cannot be restored; {state}\n"
            "HINT: deploys/check.py names the cause. Run again when it is fixed; --data skip_archiving=true gives up "
            "what is not archived, --data cancel=true gives the cluster back as it was."
        )
