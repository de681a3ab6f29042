"""What is wrong with announcements to routers: sessions that are down, and addresses that were not announced."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.bgp import is_wanted
from cluster.declared.model import Node
from cluster.observed.bgp import SeenSession

ESTABLISHED = "Established"

# What a router does with a connection, and what follows from it.
CAUSES: Mapping[str, str] = {
    "absent": "no host answers at that address",
    "silent": "it drops connections without a word, as with another password or behind a firewall",
    "refuses": "it takes no BGP connection from this host",
    "accepts": "it takes connections without a password; the numbers of the autonomous systems may differ",
}


def findings(overview: Overview) -> Iterator[CheckFinding]:
    """Everything about the sessions of the members that announce addresses."""
    for node in overview.cluster:
        if is_wanted(overview.cluster, node) and overview.has_answer(node, "bgp"):
            yield from _of_member(overview, node)


def _of_member(overview: Overview, node: Node) -> Iterator[CheckFinding]:
    seen = overview.answer(node, "bgp")
    if not seen["answers"]:
        yield check_finding("bgp-alone", node.name, "FRR does not answer")
        return
    sessions: Mapping[str, SeenSession] = seen["sessions"]
    routers = [str(ipaddress.ip_address(text)) for text in node.settings.bgp_neighbors]
    down = [router for router in routers if not _is_up(sessions.get(router))]
    for router in down:
        yield check_finding("bgp-session", node.name, _problem(router, sessions.get(router)), router=router)
    if len(down) == len(routers):
        yield check_finding("bgp-alone", node.name, f"no session with {', '.join(down)}")
    yield from _unannounced(overview, node, sessions)


def _is_up(session: SeenSession | None) -> bool:
    return session is not None and session["state"] == ESTABLISHED


def _problem(router: str, session: SeenSession | None) -> str:
    if session is None:
        return f"FRR knows no router {router}"
    cause = CAUSES.get(session["behaviour"])
    return f"the session with {router} (AS {session['asn']}) is {session['state']}{f': {cause}' if cause else ''}"


def _unannounced(overview: Overview, node: Node, sessions: Mapping[str, SeenSession]) -> Iterator[CheckFinding]:
    for version in (4, 6):
        own = [text for text in overview.answer(node, "vip") or {} if ipaddress.ip_address(text).version == version]
        there = [one for router, one in sessions.items() if ipaddress.ip_address(router).version == version]
        told = [one["announced"] for one in there if _is_up(one)]
        if own and told and not any(told):
            problem = f"has {', '.join(own)}, and announced nothing by IPv{version}"
            yield check_finding("bgp-unannounced", node.name, problem)
