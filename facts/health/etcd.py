"""How an etcd has fared in the last hour, by its own journal."""

from __future__ import annotations

from cluster.observed.health import SeenEtcdHealth
from facts.answer import Answer

# etcd 3.4 says the first of these, later ones the second; both tell of a leader in the same words.
_LOOK = r"""
said=$(journalctl -u etcd --since=-1h -o cat --no-pager) || exit 1
printf '%s\n' "$said" | awk '
  /sync duration of .*expected less than/ || /slow fdatasync/ { slow++ }
  /elected leader [0-9a-f]+ at term/ { elections++ }
  END { print slow + 0, elections + 0 }'
"""


class EtcdHealth(Answer[SeenEtcdHealth]):
    """How often its disk was slow, and how often a leader was elected. It counts those since its start, too."""

    def command(self) -> str:
        """One look at the journal."""
        return _LOOK

    def parsed(self, output: list[str]) -> SeenEtcdHealth:
        """Two numbers."""
        slow, elections = map(int, output[0].split())
        return {"slow": slow, "elections": elections}
