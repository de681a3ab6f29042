"""What of a host decides whether a firewall there would shut out the machine that asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.components.firewall import RULES
from cluster.observed.firewall import SeenAccess

HAS_RULES = f"[ ! -e {RULES} ] || echo 'rules|'\n"

# sudo gives its commands no SSH_CONNECTION; the shell that sshd has started has it. CAP_NET_ADMIN is bit 12 of what the
# first process may ever do: https://man7.org/linux/man-pages/man7/capabilities.7.html
ACCESS = r"""
bounds=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status) || exit 1
echo "may_filter|$(( (0x$bounds >> 12) & 1 ))"
p=$$
while [ "${p:-0}" -gt 1 ]; do
  from=$(tr '\0' '\n' < /proc/$p/environ 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
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
