"""What of a host runs out besides room: inodes, the right to write, memory."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from cluster.observed.health import SeenHostHealth
from facts.answer import Answer

# systemd notes it under this id, whichever unit it was. https://systemd.io/CATALOG (SD_MESSAGE_UNIT_OUT_OF_MEMORY)
_OUT_OF_MEMORY = "fe6faa94e7774663a0da52717891d8ef"

# As the first process has it mounted: to a service that is not to write it is always read-only.
_LOOK = r"""
for p in {paths}; do
  [ -e "$p" ] || continue
  used=$(df -Pi -- "$p" | awk 'NR == 2 {{ print ($2 > 0) ? int(100 * $3 / $2 + 0.5) : "" }}') || exit 1
  case ",$(findmnt -N 1 -no OPTIONS -T "$p")," in *,ro,*) state=ro ;; *) state=rw ;; esac
  echo "place|$p|$used|$state"
done
journalctl --since=-1d -o json --output-fields=UNIT --no-pager MESSAGE_ID={memory} 2>/dev/null |
  sed -n 's/.*"UNIT":"\([^"]*\)".*/killed|\1/p' | sort -u
true
"""


class HostHealth(Answer[SeenHostHealth]):
    """
    Inodes, file systems that are read-only, and what was killed for lack of memory.

    + paths: directories of ours; those that are not there are left out
    """

    def command(self, paths: Sequence[str]) -> str:
        """One script."""
        return _LOOK.format(paths=" ".join(map(quote, paths)), memory=_OUT_OF_MEMORY)

    @staticmethod
    def default() -> SeenHostHealth:
        """No directory, and nothing killed."""
        return {"inodes": {}, "read_only": [], "killed": []}

    def parsed(self, output: list[str]) -> SeenHostHealth:
        """A line a directory, and a unit."""
        lines = [line.split("|") for line in output]
        places = [(path, used, state) for word, path, used, state in (one for one in lines if one[0] == "place")]
        return {
            "inodes": {path: int(used) if used else None for path, used, _ in places},
            "read_only": [path for path, _, state in places if state == "ro"],
            "killed": [one[1] for one in lines if one[0] == "killed"],
        }
