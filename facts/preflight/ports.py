"""Whether a host reaches its peers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

from facts.answer import Answer

# Only a port from which nothing comes back takes so long; a busy host may take a second or two.
PEER_SECONDS = 5

# A service that speaks TLS is greeted in TLS, with a certificate where the host has one: Patroni logs a traceback, and
# etcd a warning, for every connection that ends before the handshake.
_TRY = r"""
greet() {{
  case $1 in *:*) peer="[$1]:$2" ;; *) peer="$1:$2" ;; esac
  address=$1 port=$2 own=; shift 2
  while [ $# -gt 0 ]; do [ -n "$own" ] || [ ! -r "$1" ] || own="-cert $1 -key $2"; shift 2; done
  if timeout {seconds} openssl s_client -connect "$peer" $own < /dev/null > /dev/null 2>&1
  then echo "$address|$port|open"
  else try "$address" "$port"; fi
}}
try() {{
  said=$(LC_ALL=C timeout {seconds} bash -c ": < /dev/tcp/$1/$2" 2>&1); code=$?
  case "$code:$said" in
    0:*) answer=open ;;
    *refused*) answer=refused ;;
    124:*) answer='blocked|no answer in {seconds} seconds' ;;
    *) said=$(printf '%s\n' "$said" | tail -n 1); answer="blocked|${{said##*: }}" ;;
  esac
  echo "$1|$2|$answer"
}}
"""


class PeerPorts(Answer[list[dict[str, Any]]]):
    """
    Whether TCP connections from one host reach its peers, all tried at once.

    Returns ``[{"address", "port", "answer", "reason"}]``; ``answer`` is ``open``, ``refused`` (reached, but nothing
    listens there, or a firewall says so) or ``blocked``, which has a reason.

    + peers: addresses and ports
    + tls: those of the ports on which TLS is spoken from the first byte on, with certificates and their keys, of which
      the first that the host has is shown
    """

    def command(
        self, peers: Sequence[tuple[str, int]], tls: Mapping[int, Sequence[Sequence[str]]] | None = None
    ) -> str:
        """One script, which takes little longer than one attempt."""
        tries = "".join(f"{_attempt(str(address), int(port), tls or {})} &\n" for address, port in peers)
        return _TRY.format(seconds=PEER_SECONDS) + tries + "wait"

    def parsed(self, output: list[str]) -> list[dict[str, Any]]:
        """One line a peer, in the order in which they answered."""
        return sorted(map(_peer, output), key=lambda one: (one["address"], one["port"]))

    @staticmethod
    def default() -> list[dict[str, Any]]:
        """No peers, no answers."""
        return []


def _attempt(address: str, port: int, tls: Mapping[int, Sequence[Sequence[str]]]) -> str:
    if port not in tls:
        return f"try {quote(address)} {port}"
    return " ".join(["greet", quote(address), str(port), *(quote(path) for pair in tls[port] for path in pair)])


def _peer(line: str) -> dict[str, Any]:
    address, port, answer, *reason = line.split("|")
    return {"address": address, "port": int(port), "answer": answer, "reason": "|".join(reason)}


class PeerSources(Answer[dict[str, str]]):
    """
    From which of its own addresses a host would reach its peers: ``{peer's address: own address}``, without those to
    which no route leads.

    + addresses: of the peers
    """

    def command(self, addresses: Sequence[str]) -> str:
        """The kernel's routes; nothing is sent."""
        listed = " ".join(map(quote, addresses))
        return f'for a in {listed}; do echo "$a $(ip -o route get "$a" 2>/dev/null)"; done'

    def parsed(self, output: list[str]) -> dict[str, str]:
        """One line a peer, as ``ip`` prints its routes."""
        lines = ((line.partition(" ")[0], re.search(r" src (\S+)", line)) for line in output)
        return {address: found[1] for address, found in lines if found}
