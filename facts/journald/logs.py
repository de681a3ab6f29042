"""What a host has logged in a span: the journal of units, the kernel's complaints, and log files."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from shlex import quote

from cluster.observed.logs import SeenLogLine, SeenLogs
from facts.answer import Answer

JOURNAL, KERNEL = "journal", "kernel"
SECONDS = 25
# Of the kernel, which says much else.
KERNEL_WORDS = "out of memory|oom-kill|i/o error|remount|hung task|blocked for more than|link is (down|up)|segfault"

# Every source is told about with its exit code: what cannot be read is not empty. Of files the age of the last line is
# told, for their stamps are of a time zone that only PostgreSQL knows.
_SCRIPT = r"""
put() {{ echo "$1|$2|$3|$(gzip -c | base64 -w0)"; }}
told() {{ name=$1; shift; out=$(timeout {seconds} "$@" 2>/dev/null); code=$?; printf %s "$out" | put "$name" $code 0; }}
echo "clock|$(date +%s.%N)"
told journal journalctl --no-pager -q -o json --output-fields=MESSAGE,_SYSTEMD_UNIT,UNIT,PRIORITY \
  --since=@{since} --until=@{until} -n {lines} {units}
told kernel journalctl --no-pager -q -k -p 5 -g {kernel} -o json --output-fields=MESSAGE,PRIORITY \
  --since=@{since} --until=@{until} -n {lines}
for f in {files}; do
  [ -f "$f" ] && [ "$(stat -c %Y "$f")" -ge {since} ] || continue
  changed=$(stat -c %Y "$f")
  tail -n {lines} "$f" | put "$f" $? "$changed"
done
"""
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ?")
LATEST = 2**32  # for everything up to now
_ZONE_STEP = 900  # every time zone is a multiple of it away from the others


class HostLogs(Answer[SeenLogs]):
    """
    What a host has logged, see ``SeenLogs``.

    + since, until: in seconds since 1970, by the host's clock
    + units: of the journal, patterns of names; + files: shell patterns of files whose lines begin with a stamp
    + lines: at most so many of each source, the newest
    """

    def command(
        self,
        since: int = 0,
        until: int = LATEST,
        units: Sequence[str] = (),
        files: Sequence[str] = (),
        lines: int = 20_000,
    ) -> str:
        """One script; the logs come compressed, for they are long and alike."""
        named = " ".join(f"-u {quote(unit)}" for unit in units)
        limits = {"since": since, "until": until, "lines": lines, "seconds": SECONDS}
        return _SCRIPT.format(units=named, files=" ".join(files) or "''", kernel=quote(KERNEL_WORDS), **limits)

    def parsed(self, output: list[str]) -> SeenLogs:
        """The clock, then one line a source."""
        found: SeenLogs = {"clock": float(output[0].removeprefix("clock|")), "lines": [], "counts": {}, "unread": []}
        for name, code, changed, text in (line.split("|", 3) for line in output[1:]):
            content = gzip.decompress(base64.b64decode(text)).decode(errors="replace")
            # journalctl ends with 1 where nothing matches.
            if int(code) > 1 or (int(code) == 1 and name != KERNEL):
                found["unread"].append(name)
            lines = content.splitlines()
            listed = _of_journal(lines, name) if name in (JOURNAL, KERNEL) else _of_file(lines, name, int(changed))
            found["lines"] += listed
            found["counts"][name] = len(lines)
        return found


def _of_journal(lines: Iterable[str], name: str) -> Iterator[SeenLogLine]:
    for line in lines:
        try:
            said = json.loads(line)
            at = int(said["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue  # one that was cut off by the time limit
        text = said.get("MESSAGE") or ""
        # A message that is no text comes as a list of its bytes.
        text = bytes(text).decode(errors="replace") if isinstance(text, list) else str(text)
        unit = KERNEL if name == KERNEL else str(said.get("UNIT") or said.get("_SYSTEMD_UNIT") or "")
        yield {"at": at, "unit": unit, "text": text.strip(), "priority": int(said.get("PRIORITY") or 6)}


def _of_file(lines: Sequence[str], name: str, changed: int) -> Iterator[SeenLogLine]:
    """Lines that begin with a stamp; those without belong to the one before them."""
    stamps = [(_STAMP.match(line), line) for line in lines]
    last = next((found for found, _ in reversed(stamps) if found), None)
    if last is None:
        return
    ahead = round((_moment(last[1]) - changed) / _ZONE_STEP) * _ZONE_STEP
    begun: SeenLogLine | None = None
    for found, line in stamps:
        if found:
            if begun:
                yield begun
            begun = {"at": _moment(found[1]) - ahead, "unit": name, "text": line[found.end() :]}
        elif begun:
            begun["text"] = f"{begun['text']} {line.strip()}".strip()
    if begun:
        yield begun


def _moment(stamp: str) -> float:
    return datetime.fromisoformat(f"{stamp}+00:00").timestamp()
