"""What FRR says of its sessions with routers, and how a router that it has none with behaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from shlex import quote
from typing import Any

from cluster.observed.bgp import SeenBgp, SeenSession
from facts.answer import Answer

# Addresses come and go meanwhile: those count that are there before and after the other questions.
# A router that there is a session with is not tried: it would note a connection without a password. Of the others:
# what they do with one, and whether the host is there at all.
_ASK = r"""
here() {{ echo "here|$(ip -o address show dev lo | awk '{{ printf "%s ", $4 }}')"; }}
ask() {{ timeout 10 vtysh -c "$1" 2>/dev/null | tr -d '\n'; }}
summary=$(timeout 10 vtysh -c 'show bgp summary json' 2>/dev/null) || {{ echo silent; exit 0; }}
printf 'summary|%s\n' "$(printf '%s' "$summary" | tr -d '\n')"
here
printf 'bfd|%s\n' "$(ask 'show bfd peers json')"
for router in {routers}; do
  case $router in *:*) family=ipv6 ;; *) family=ipv4 ;; esac
  seen=$(ask "show bgp neighbors $router json")
  printf 'neighbor|%s|%s\n' "$router" "$seen"
  case $seen in *'"bgpState":"Established"'*)
    printf 'told|%s|%s\n' "$router" "$(ask "show bgp $family unicast neighbors $router advertised-routes json")"
    continue ;;
  esac
  timeout 1 bash -c 'exec 3<>"/dev/tcp/$0/179"' "$router" 2>/dev/null
  echo "connects|$router|$?"
  ! ip neigh show "$router" 2>/dev/null | grep -q FAILED || echo "absent|$router"
done
here
"""
TIMED_OUT = 124


class BgpSessions(Answer[SeenBgp]):
    """
    Sessions by address of the router, and why one that is not established may not be.

    + routers: that are declared
    """

    def command(self, routers: Sequence[str]) -> str:
        """FRR's own words, and a try to connect to a router without a session, which tells how it behaves."""
        return _ASK.format(routers=" ".join(map(quote, routers)))

    def parsed(self, output: list[str]) -> SeenBgp:
        """The first line is FRR's JSON; each of the others begins with what it is of."""
        if output == ["silent"]:
            return {"answers": False, "addresses": [], "sessions": {}}
        word, _, text = output[0].partition("|")
        if word != "summary":
            raise ValueError(f"no summary, but {word}")
        families = [family for family in json.loads(text).values() if isinstance(family, dict)]
        peers = {router: peer for family in families for router, peer in family.get("peers", {}).items()}
        others = _Others(output[1:])
        sessions = {router: _session(router, peer, others) for router, peer in peers.items()}
        return {"answers": True, "addresses": others.stayed, "sessions": sessions}


class _Others:
    """What stands behind the first line, by the word that a line begins with."""

    def __init__(self, lines: list[str]) -> None:
        words = [line.split("|", 2) for line in lines]
        self.connects = {one[1]: int(one[2]) for one in words if one[0] == "connects"}
        self.absent = {one[1] for one in words if one[0] == "absent"}
        self.neighbors = {one[1]: json.loads(one[2]).get(one[1], {}) for one in words if one[0] == "neighbor"}
        self.told = {one[1]: list(json.loads(one[2])["advertisedRoutes"]) for one in words if one[0] == "told"}
        before, after = ([*one[1].split()] for one in words if one[0] == "here")
        self.stayed = [address for address in before if address in after]
        # Without its daemon FRR answers in words.
        listed = next((one[1] for one in words if one[0] == "bfd"), "")
        self.bfd = {one["peer"]: one["status"] for one in json.loads(listed)} if listed.startswith("[") else {}

    def behaviour(self, router: str) -> str:
        """What a router does with a connection; "": nobody tried."""
        if router in self.absent or router not in self.connects:
            return "absent" if router in self.absent else ""
        return {0: "accepts", TIMED_OUT: "silent"}.get(self.connects[router], "refuses")


def _session(router: str, peer: dict[str, Any], others: _Others) -> SeenSession:
    return {
        "state": str(peer["state"]),
        "asn": int(peer["remoteAs"]),
        "announced": others.told.get(router, []),
        "bfd": str(others.bfd.get(router, "")),
        "reason": str(others.neighbors.get(router, {}).get("lastNotificationReason", "")),
        "behaviour": others.behaviour(router),
    }
