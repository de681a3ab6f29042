"""The firewall of a host, as the kernel has it."""

from __future__ import annotations

from cluster.components.firewall import GUARD, LISTING, NFT, RECORD, RULES, TABLE
from cluster.observed.firewall import SeenFirewall
from facts.answer import Answer

_ASK = rf"""
if [ ! -x {NFT} ]; then echo 'nft|absent'
elif ! tables=$({NFT} list tables 2>&1); then echo "nft|fails|$(printf '%s\n' "$tables" | head -n 1)"
else
  echo 'nft|works'
  if printf '%s\n' "$tables" | grep -qx 'table {TABLE}'; then
    rules=$({LISTING}) || exit 1
    echo "loaded|$(printf '%s\n' "$rules" | sha256sum | cut -c1-64)"
  fi
fi
[ ! -r {RECORD} ] || echo "recorded|$(cat {RECORD})"
if [ -e {RULES} ]; then echo 'file|'; sed -n 's/^ *\(.* accept\)$/rule|\1/p' {RULES} || exit 1; fi
! systemctl is-active --quiet {GUARD}.timer || echo 'on_trial|'
"""


class HostFirewall(Answer[SeenFirewall]):
    """Whether nft works on a host, and what it says of our table."""

    def command(self) -> str:
        """One shell script for all of it."""
        return _ASK

    def parsed(self, output: list[str]) -> SeenFirewall:
        """A word a line, with its value."""
        pairs = [line.split("|", 1) for line in output]
        lines = {word: text for word, text, *_ in pairs}
        state, _, words = lines["nft"].partition("|")
        if state not in ("absent", "fails", "works"):
            raise ValueError(f"nft is {state}")
        return {
            "installed": state != "absent",
            "fails": (words or "it failed without a word") if state == "fails" else None,
            "loaded": lines.get("loaded"),
            "recorded": lines.get("recorded"),
            "rules": [text for word, text in pairs if word == "rule"] if "file" in lines else None,
            "on_trial": "on_trial" in lines,
        }
