"""What is wrong with the virtual addresses: nobody has one, two hosts do, or one that should not."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.overview import Overview
from cluster.declared.address import Address
from cluster.declared.model import Node
from cluster.declared.vip import ON_MEMBERS, VirtualAddress, vip_hosts, virtual_addresses
from cluster.preflight.vip import strangers


def findings(overview: Overview) -> Iterator[CheckFinding]:
    """Everything about the addresses of a cluster that has some."""
    pictures = {node.name: overview.answer(node, "picture") for node in overview.cluster}
    foreign = {one.address: (name, mac) for one, name, mac in strangers(overview.cluster, pictures)}
    for one in virtual_addresses(overview.cluster):
        yield from _address(overview, one)
        if one.address in foreign:
            name, mac = foreign[one.address]
            problem = f"{name} hears {mac} answer at {one.address} ({one.setting}), which is no host of the cluster"
            yield check_finding("vip-stranger", overview.cluster.name, problem, address=one.address)


def holders(overview: Overview, address: Address) -> list[Node]:
    """The hosts of the cluster that have an address, of those that say so."""
    return [node for node in overview.cluster if str(address) in (overview.answer(node, "vip") or {})]


def _address(overview: Overview, one: VirtualAddress) -> Iterator[CheckFinding]:
    cluster, there = overview.cluster, holders(overview, one.address)
    allowed = vip_hosts(cluster)
    having = [node.name for node in there if node in allowed]
    if not there and _is_known(overview) and not _may_be_nowhere(overview, one):
        problem = f"no host has {one.address} ({one.setting}){_reasons(overview, one)}"
        yield check_finding("vip-unheld", cluster.name, problem, unit=_unit(overview))
    if len(having) > 1 and cluster.settings.vip_mode != "bgp":
        problem = f"{one.address} ({one.setting}) is on {' and '.join(having)}"
        yield check_finding("vip-twice", cluster.name, problem, unit=_unit(overview))
    for node in there:
        if node not in allowed:
            problem = f"has {one.address} ({one.setting}), and is none of the hosts that may: {_names(allowed)}"
            interface = overview.answer(node, "vip")[str(one.address)]
            yield check_finding("vip-elsewhere", node.name, problem, address=one.address.hba, interface=interface)


def _is_known(overview: Overview) -> bool:
    """A silent host may have any of them."""
    return all(overview.has_answer(node, "vip") for node in vip_hosts(overview.cluster))


def _may_be_nowhere(overview: Overview, one: VirtualAddress) -> bool:
    settings = overview.cluster.settings
    return one.use == "read" and settings.vip_mode in ON_MEMBERS and settings.vip_read_fallback == "none"


def _reasons(overview: Overview, one: VirtualAddress) -> str:
    said = {node.name: overview.answer(node, "keepalived") for node in vip_hosts(overview.cluster)}
    silent = [name for name, checks in said.items() if checks and not checks["answers"]]
    return f": HAProxy does not answer on {' and '.join(silent)}" if silent else ""


def _unit(overview: Overview) -> str:
    return "keepalived" if overview.cluster.settings.vip_mode == "haproxy" else "vip"


def _names(nodes: tuple[Node, ...]) -> str:
    return ", ".join(node.name for node in nodes)
