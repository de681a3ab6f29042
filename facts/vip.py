"""Which of the virtual addresses a host has."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from shlex import quote

from facts.answer import Answer

_ASK = """
said=$(ip -o address show) || exit 1
for a in {addresses}; do echo "wanted|$a"; done
printf '%s\\n' "$said" | awk '{{ print "there|" $2 "|" $4 }}'
"""


class VirtualAddresses(Answer[dict[str, str]]):
    """
    Those of some addresses that are on the host at this moment: ``{address: interface}``.

    + addresses: in the spelling of ``ipaddress``, as those of a cluster are
    """

    def command(self, addresses: Sequence[str]) -> str:
        """All that the host has, in one look."""
        return _ASK.format(addresses=" ".join(map(quote, addresses)))

    def parsed(self, output: list[str]) -> dict[str, str]:
        """What was asked for comes first."""
        lines = [line.split("|") for line in output]
        wanted = {rest[0] for word, *rest in lines if word == "wanted"}
        there = {str(ipaddress.ip_interface(rest[1]).ip): rest[0] for word, *rest in lines if word == "there"}
        return {address: interface for address, interface in there.items() if address in wanted}
