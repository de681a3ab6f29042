"""The backups and the WAL archive of a cluster, as its repository host knows them."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote
from typing import Any

from cluster.measures import lsn_bytes
from cluster.observed.pgbackrest import SeenAttempt, SeenBackup, SeenPgbackrest
from facts.answer import ASK, Answer, answers, listed_in

KINDS = ("full", "diff", "incr")
TIMED_OUT = 124  # of timeout(1)

# After so long what is missing before a segment is not on its way any more.
GRACE_SECONDS = 120

_AWAIT = r"""
end=$(( $(date +%s) + {seconds} ))
while systemctl show -p SubState {unit} | grep -qx 'SubState=start' && [ "$(date +%s)" -lt "$end" ]; do sleep 0.3; done
"""

# An answer holds what was said on both streams, so what pgBackRest prints as errors must be alone when it fails.
_SCRIPT = r"""
cd /
# Both together end before a look at the whole cluster gives the answer up. pgBackRest tries for io-timeout before it
# says what is wrong with a certificate; its configuration's would leave no time.
as() {{
  s=$1; shift
  timeout "$s" runuser -u postgres -- pgbackrest --stanza={stanza} --repo={repository} \
    --io-timeout=3 --log-level-console=error "$@"
}}
attempts() {{
  for kind in full diff incr; do
    echo "kind=$kind"
    unit=pgbackrest-backup@$kind{suffix}.service
    systemctl show --timestamp=unix -p ActiveState -p SubState -p Result -p ExecMainExitTimestamp "$unit"
    words=$(journalctl -u "$unit" -n 200 --no-pager -o cat | grep -o 'ERROR: .*' | tail -n 1)
    echo "words=$words"
  done
}}
segments() {{
  {{ as 10 repo-ls --recurse --output=json archive/{stanza} && printf '\ncomplete\n'; }} | perl -e {holes} {grace}
}}
ask info as 8 info --output=json
told=$code
ask attempts attempts
{room}
{archive}
"""

# Which timeline must have a segment: the newest one that had begun by then. What an older one wrote beside it is a
# branch that was given up. A .partial is none of either. Nothing is missing while the segment after it is fresh: there
# are several on their way at a time, and a new leader archives older ones again.
_HOLES = r"""
my $fresh = time - shift;
while (<>) {
  $complete = 1 if $_ eq "complete\n";
  while (m!"([^/"]+)/[0-9A-F]{16}/([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})-[0-9a-f]{40}[^"]*":[{][^}]*"time":(\d+)!g) {
    my ($id, $timeline, $number, $stored) = ($1, hex($2), hex($3) * 256 + hex($4), $5);
    $have{$id}{$number}{$timeline} = $stored;
    $first{$id}{$timeline} = $number if !defined $first{$id}{$timeline} or $number < $first{$id}{$timeline};
  }
}
exit 1 if !$complete;
for my $id (keys %have) {
  my @numbers = sort { $a <=> $b } keys %{$have{$id}};
  my @starts = sort { $first{$id}{$a} <=> $first{$id}{$b} or $a <=> $b } keys %{$first{$id}};
  my ($timeline, $begin, $of) = (0, undef, 0);
  for my $number ($numbers[0] .. $numbers[-1]) {
    while (@starts and $first{$id}{$starts[0]} <= $number) {
      my $next = shift @starts;
      $timeline = $next if $next > $timeline;
    }
    if (my $stored = $have{$id}{$number}{$timeline}) {
      print "$id $of $begin ", $number - 1, "\n" if defined $begin and $stored <= $fresh;
      $begin = undef;
    } elsif (!defined $begin) {
      ($begin, $of) = ($number, $timeline);
    }
  }
}
"""


class PgbackrestInfo(Answer[SeenPgbackrest]):
    """
    What the repository host knows: the stanza, its backups, the range of the WAL archive and what is missing in it, the
    backup that is under way, and how the last attempt of each type ended. ``answers`` is False when pgBackRest could
    not say, and then ``error`` says why.

    + stanza: its name; + repository: pgBackRest's number of it
    + wait_for, wait_seconds: a type of backup, and for how long its end is waited for
    + holes: also look through the whole archive for missing segments
    + directory: of the repository, to see how full it is; absent: nobody looks
    """

    def command(
        self,
        stanza: str,
        repository: int = 1,
        wait_for: str | None = None,
        wait_seconds: int = 0,
        holes: bool = False,
        directory: str | None = None,
    ) -> str:
        """One script with two questions, or more."""
        suffix = "" if repository == 1 else f"-repo{repository}"
        script = _SCRIPT.format(
            stanza=quote(stanza),
            repository=repository,
            suffix=suffix,
            holes=quote(_HOLES),
            grace=GRACE_SECONDS,
            archive='[ "$told" -ne 0 ] || ask archive segments' if holes else "",
            room="" if directory is None else f"ask room df --output=avail,size -k -- {quote(directory)}",
        )
        unit = f"pgbackrest-backup@{wait_for}{suffix}.service"
        return ASK + (_AWAIT.format(seconds=wait_seconds, unit=unit) if wait_for else "") + script

    def parsed(self, output: list[str]) -> SeenPgbackrest:
        """The answers as one picture."""
        found = answers(output, ("info", "attempts"))
        code, text = found["info"]
        listed = listed_in(text) if code == 0 else None
        stanza = dict(listed[0]) if listed else {}
        status = stanza.get("status", {})
        return {
            "answers": listed is not None,
            "error": "" if listed is not None else "no answer in 8 s" if code == TIMED_OUT else _last_line(text),
            "status": int(status.get("code", 99)),
            "message": _message(stanza, status),
            "identifiers": [str(one["system-id"]) for one in stanza.get("db", ())],
            "backups": [_backup(one) for one in stanza.get("backup", ())],
            "archive": _archive(stanza),
            "running": _running(status),
            "attempts": _attempts(found["attempts"][1]),
            "holes": _holes(*found["archive"]) if "archive" in found else None,
            "room": _room(*found["room"]) if "room" in found else None,
        }


def _message(stanza: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    # Of a repository that it cannot read pgBackRest says "other", and why at the repository itself.
    said = [one["status"] for one in stanza.get("repo", ())] or [status]
    return str(said[0].get("message", ""))


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    errors = [line.partition("ERROR: ")[2] for line in lines if "ERROR: " in line]
    return (errors or lines or ["no word"])[-1].strip()


def _backup(one: Mapping[str, Any]) -> SeenBackup:
    repository = one["info"]["repository"]
    return {
        "label": one["label"],
        "repository": int(one["database"]["repo-key"]),
        "type": one["type"],
        "started_at": int(one["timestamp"]["start"]),
        "stopped_at": int(one["timestamp"]["stop"]),
        "size": int(one["info"]["size"]),
        "stored": int(repository.get("delta", 0)),
        "wal_start": one["archive"]["start"],
        "wal_stop": one["archive"]["stop"],
        "lsn_stop": lsn_bytes(one["lsn"]["stop"]),
        "damaged": bool(one.get("error", False)),
    }


def _archive(stanza: Mapping[str, Any]) -> dict[str, str] | None:
    """Of the newest database; an older one's is that of another major version."""
    found = [one for one in stanza.get("archive", ()) if one.get("max")]
    if not found:
        return None
    newest = max(found, key=lambda one: int(one["database"]["id"]))
    return {"id": newest["id"], "min": newest["min"], "max": newest["max"]}


def _running(status: Mapping[str, Any]) -> dict[str, int] | None:
    lock = status.get("lock", {}).get("backup", {})
    if not lock.get("held"):
        return None
    return {"done": int(lock.get("size-cplt", 0)), "total": int(lock.get("size", 0))}


def _attempts(text: str) -> dict[str, SeenAttempt]:
    values: dict[str, dict[str, str]] = {}
    kind = ""
    for name, _, value in (line.partition("=") for line in text.splitlines()):
        if name == "kind":
            kind = value
        values.setdefault(kind, {})[name] = value
    return {name: _attempt(values[name]) for name in KINDS}


def _attempt(values: Mapping[str, str]) -> SeenAttempt:
    ended = values.get("ExecMainExitTimestamp", "").lstrip("@")
    failed = values["Result"] != "success"
    return {
        "running": values["SubState"] == "start",
        "failed": failed,
        "ended_at": int(ended) if ended.isdecimal() else 0,
        "error": values["words"].removeprefix("ERROR: ") if failed else "",
    }


def _room(code: int, text: str) -> dict[str, int] | None:
    if code != 0:
        return None
    free, total = (int(word) // 1024 for word in text.split()[-2:])
    return {"free_mib": free, "total_mib": total}


def _holes(code: int, text: str) -> list[dict[str, Any]] | None:
    if code != 0:
        return None
    found = [line.split() for line in text.splitlines()]
    return [
        {"id": one[0], "first": _segment(one[1], one[2]), "last": _segment(one[1], one[3]), "count": _count(one)}
        for one in found
        if len(one) == 4 and all(word.isdecimal() for word in one[1:])
    ]


def _count(one: list[str]) -> int:
    return int(one[3]) - int(one[2]) + 1


def _segment(timeline: str, number: str) -> str:
    """The name of a segment of 16 MiB, of which 256 have the same first half. + number: counted from the beginning"""
    high, low = divmod(int(number), 256)
    return f"{int(timeline):08X}{high:08X}{low:08X}"
