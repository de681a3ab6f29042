"""Which of the virtual addresses a host has, and on which a service of it takes connections."""

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


class ServedAddresses(Answer[list[str]]):
    """
    Those of some addresses on which a process of the host takes connections to a port, whether the host has them now or
    not.

    + addresses: in the spelling of ``ipaddress``; + port: of the service
    """

    def command(self, addresses: Sequence[str], port: int) -> str:
        """Every socket that listens on the port; iproute2 is on every host of Debian."""
        asked = "".join(f"echo 'wanted|{ipaddress.ip_address(address)}'\n" for address in addresses)
        return f"{asked}sockets=$(ss -Hltn 'sport = :{int(port)}') || exit 1\nprintf '%s\\n' \"$sockets\""

    def parsed(self, output: list[str]) -> list[str]:
        """What was asked for comes first. An asterisk stands for all addresses of both families."""
        wanted = [line.partition("|")[2] for line in output if line.startswith("wanted|")]
        sockets = [line.split()[3] for line in output if line and "|" not in line]
        places = {place.rpartition(":")[0].strip("[]") for place in sockets}
        return [text for text in wanted if not places.isdisjoint({text, "*", _everywhere(text)})]


def _everywhere(address: str) -> str:
    return "::" if ipaddress.ip_address(address).version == 6 else "0.0.0.0"
