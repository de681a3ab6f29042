"""Whether a host reaches its peers."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote
from typing import Any

from facts.answer import Answer

PEER_SECONDS = 2

# A service that speaks TLS is greeted in TLS, with a certificate where the host has one: Patroni logs a traceback, and
# etcd a warning, for every connection that ends before the handshake.
_TRY = r"""
for c in /etc/etcd/pki/etcd /etc/patroni/pki/patroni; do [ ! -r $c.crt ] || own="-cert $c.crt -key $c.key"; done
greet() {{
  case $1 in *:*) peer="[$1]:$2" ;; *) peer="$1:$2" ;; esac
  if timeout {seconds} openssl s_client -connect "$peer" $own < /dev/null > /dev/null 2>&1; then echo "$1|$2|open"
  else try "$1" "$2"; fi
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
    + tls: those of the ports on which TLS is spoken from the first byte on
    """

    def command(self, peers: Sequence[tuple[str, int]], tls: Sequence[int] = ()) -> str:
        """One script, which takes little longer than one attempt."""
        tries = "".join(
            f"{'greet' if port in tls else 'try'} {quote(str(address))} {int(port)} &\n" for address, port in peers
        )
        return _TRY.format(seconds=PEER_SECONDS) + tries + "wait"

    def parsed(self, output: list[str]) -> list[dict[str, Any]]:
        """One line a peer, in the order in which they answered."""
        return sorted(map(_peer, output), key=lambda one: (one["address"], one["port"]))

    @staticmethod
    def default() -> list[dict[str, Any]]:
        """No peers, no answers."""
        return []


def _peer(line: str) -> dict[str, Any]:
    address, port, answer, *reason = line.split("|")
    return {"address": address, "port": int(port), "answer": answer, "reason": "|".join(reason)}
