"""What is wrong with announcements to routers: sessions that are down, and addresses that were not announced."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.components.bgp import is_wanted, routers
from cluster.declared.model import Node
from cluster.declared.vip import virtual_addresses
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
    up = {router: sessions[router] for router in routers(node) if _is_up(sessions.get(router))}
    for router in (router for router in routers(node) if router not in up):
        problem = _problem(router, sessions.get(router), bfd=overview.cluster.settings.bgp_bfd)
        yield check_finding("bgp-session", node.name, problem, router=router)
    if not up:
        yield check_finding("bgp-alone", node.name, f"no session with {', '.join(routers(node))}")
    yield from _without_bfd(overview, node, up)
    yield from _unannounced(overview, node, up)


def _is_up(session: SeenSession | None) -> bool:
    return session is not None and session["state"] == ESTABLISHED


def _problem(router: str, session: SeenSession | None, *, bfd: bool) -> str:
    if session is None:
        return f"FRR knows no router {router}"
    causes = "; ".join(_causes(session, bfd=bfd))
    return f"the session with {router} (AS {session['asn']}) is {session['state']}{f': {causes}' if causes else ''}"


def _causes(session: SeenSession, *, bfd: bool) -> Iterator[str]:
    # FRR 10 opens no session before BFD is up, as with a router that does none; FRR 8 goes on without it.
    held = bfd and session["state"] == "Idle" and session["bfd"] != "up"
    behaviour = session["behaviour"]
    # Every router that asks for a password drops what comes without one, whatever else is wrong.
    if behaviour in CAUSES and not (held and behaviour == "silent"):
        yield CAUSES[behaviour]
    if held and behaviour != "absent":
        yield "BFD with it is not up, and FRR waits for that"
    if session["reason"]:
        yield f"the last message was {session['reason']}"


def _without_bfd(overview: Overview, node: Node, up: Mapping[str, SeenSession]) -> Iterator[CheckFinding]:
    for router, session in up.items():
        if overview.cluster.settings.bgp_bfd and session["bfd"] != "up":
            problem = (
                f"BFD with {router} is {session['bfd'] or 'unknown to FRR'}: this host's end shows only by silence"
            )
            yield check_finding("bgp-bfd", node.name, problem, router=router)


def _unannounced(overview: Overview, node: Node, up: Mapping[str, SeenSession]) -> Iterator[CheckFinding]:
    for address in (one.address for one in virtual_addresses(overview.cluster)):
        if address.hba not in overview.answer(node, "bgp")["addresses"]:
            continue
        for router, session in up.items():
            same = ipaddress.ip_address(router).version == address.ip.version
            if same and address.hba not in session["announced"]:
                problem = f"has {address}, and did not announce it to {router}"
                yield check_finding("bgp-unannounced", node.name, problem, router=router)
