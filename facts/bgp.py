"""What FRR says of its sessions with routers, and how a router that it has none with behaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from shlex import quote
from typing import Any

from cluster.observed.bgp import SeenBgp, SeenSession
from facts.answer import Answer

# Of each router: what it does with a connection, and whether the host is there at all.
_ASK = r"""
summary=$(vtysh -c 'show bgp summary json' 2>/dev/null) || {{ echo silent; exit 0; }}
printf 'summary|%s\n' "$(printf '%s' "$summary" | tr -d '\n')"
for router in {routers}; do
  timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/179"' "$router" 2>/dev/null
  echo "connects|$router|$?"
  ! ip neigh show "$router" 2>/dev/null | grep -q FAILED || echo "absent|$router"
done
"""
TIMED_OUT = 124


class BgpSessions(Answer[SeenBgp]):
    """
    Sessions by address of the router, and why one that is not established may not be.

    + routers: that are declared
    """

    def command(self, routers: Sequence[str]) -> str:
        """FRR's own summary, and a try to connect to each router without a password, which tells how it behaves."""
        return _ASK.format(routers=" ".join(map(quote, routers)))

    def parsed(self, output: list[str]) -> SeenBgp:
        """The first line is FRR's JSON."""
        if output == ["silent"]:
            return {"answers": False, "sessions": {}}
        word, _, text = output[0].partition("|")
        if word != "summary":
            raise ValueError(f"no summary, but {word}")
        lines = [line.split("|") for line in output[1:]]
        connects = {words[1]: int(words[2]) for words in lines if words[0] == "connects"}
        absent = {words[1] for words in lines if words[0] == "absent"}
        families = [family for family in json.loads(text).values() if isinstance(family, dict)]
        peers = {router: peer for family in families for router, peer in family.get("peers", {}).items()}
        found = {router: _session(peer, _behaviour(router, connects, absent)) for router, peer in peers.items()}
        return {"answers": True, "sessions": found}


def _behaviour(router: str, connects: dict[str, int], absent: set[str]) -> str:
    if router in absent or router not in connects:
        return "absent" if router in absent else ""
    return {0: "accepts", TIMED_OUT: "silent"}.get(connects[router], "refuses")


def _session(peer: dict[str, Any], behaviour: str) -> SeenSession:
    return {
        "state": str(peer["state"]),
        "asn": int(peer["remoteAs"]),
        "announced": int(peer.get("pfxSnt") or 0),
        "behaviour": behaviour,
    }
