"""The firewall of a host, as the kernel has it; and whether one would shut out the machine that asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.components.firewall.rules import GUARD, LISTING, NFT, RECORD, RULES, TABLE
from cluster.observed.firewall import SeenAccess, SeenFirewall
from facts.answer import Answer

HAS_RULES = f"[ ! -e {RULES} ] || echo 'rules|'\n"

# sudo gives its commands no SSH_CONNECTION; the shell that sshd has started has it. CAP_NET_ADMIN is bit 12 of what the
# first process may ever do: https://man7.org/linux/man-pages/man7/capabilities.7.html
ACCESS = r"""
bounds=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status) || exit 1
echo "may_filter|$(( (0x$bounds >> 12) & 1 ))"
p=$$
while [ "${p:-0}" -gt 1 ]; do
  from=$(tr '\0' '\n' 2>/dev/null < /proc/$p/environ | sed -n 's/^SSH_CONNECTION=//p')
  if [ -n "$from" ]; then echo "ssh|$from"; break; fi
  p=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$p/status 2>/dev/null)
done
"""


def access(lines: Mapping[str, Sequence[Sequence[str]]]) -> SeenAccess | None:
    """How this machine gets to the host; None where nobody asked. + lines: of the picture, by their first word"""
    if "may_filter" not in lines:
        return None
    source, port = None, None
    for (text,) in lines.get("ssh", ()):
        source, _, _, number = text.split()
        source, port = source.partition("%")[0], int(number)
    return {"may_filter": lines["may_filter"][0][0] == "1", "source": source, "port": port}


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
