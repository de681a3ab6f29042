"""Who may reach which port of which host: derived from what the components declare, and from nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.components.component_type import TCP, Admission, ComponentType, Listener, Reach, comes_from
from cluster.declared.address import is_address
from cluster.declared.model import Cluster, Network, Node
from cluster.settings.firewall import ANYWHERE

SSH = "ssh"
ADMINISTRATORS = "administrators"
ALL, OTHERS = "all", "others"


@dataclass(frozen=True)
class Passage:
    """
    One port of one host, and one who may reach it.

    + host: whose port it is
    + port: None of a protocol that has none
    + what: the setting that gives the port, or in words what it is for
    + who: a host's name, or in words
    + networks: from where, as CIDR
    + at: the addresses of the host at which it is reached, where it has several; (): all of them
    """

    host: str
    protocol: str
    port: int | None
    what: str
    who: str
    networks: tuple[str, ...]
    at: tuple[str, ...] = ()


def passages(components: Sequence[ComponentType], cluster: Cluster) -> tuple[Passage, ...]:
    """
    Everything that may be reached on the hosts of a cluster from elsewhere. What a host reaches on itself needs no
    passage; ICMP is open to all, see ``docs/firewall.md``.

    + components: that hosts may have
    """
    return tuple(dict.fromkeys(one for node in cluster for one in _passages(components, cluster, node)))


def passages_of(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> tuple[Passage, ...]:
    """The same for one host."""
    return tuple(dict.fromkeys(_passages(components, cluster, node)))


def _passages(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> Iterator[Passage]:
    yield _administration(cluster, node)
    yield from _from_hosts(components, cluster, node)
    yield from _from_elsewhere(components, cluster, node)
    yield from _of_others(node)


def _administration(cluster: Cluster, node: Node) -> Passage:
    networks = tuple(cluster.settings.firewall_ssh_networks)
    return Passage(node.name, TCP, node.settings.firewall_ssh_port, SSH, ADMINISTRATORS, networks)


def _from_hosts(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> Iterator[Passage]:
    opened = _opened(components, cluster, node)
    for source in (one for one in cluster if one is not node):
        for component in _on(components, cluster, source):
            for reach in component.reaches(cluster, source):
                if node in reach.nodes:
                    yield from _led(node, opened, reach, source.name, comes_from(source, reach.network))


def _from_elsewhere(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> Iterator[Passage]:
    opened = _opened(components, cluster, node)
    for component in _on(components, cluster, node):
        for one in component.admits(cluster, node):
            if one.networks and one.what:
                yield from (
                    Passage(node.name, one.protocol, port, one.what, one.who, one.networks) for port in one.ports
                )
            elif one.networks:
                yield from _led(node, opened, one, one.who, one.networks)


def _led(
    node: Node, opened: Sequence[Listener], wanted: Reach | Admission, who: str, networks: tuple[str, ...]
) -> Iterator[Passage]:
    """Passages to those of some ports that a component opens there; a protocol without ports is as it is."""
    protocol = wanted.protocol
    if not wanted.ports:
        yield Passage(node.name, protocol, None, protocol, who, networks)
    for one in (one for one in opened if one.protocol == protocol and one.port in wanted.ports):
        at = _at(node, one, wanted.network)
        if at is not None:
            yield Passage(node.name, protocol, one.port, one.setting, who, networks, at)


def _at(node: Node, listener: Listener, network: Network | None) -> tuple[str, ...] | None:
    """
    Where a port is reached in a network, without the host's addresses in others, on which it may listen as well; (): at
    all addresses of the host; None: it does not listen there.
    """
    open_at = [text for text in listener.addresses if not _is_loopback(text)]
    if len(node.addresses) == 1 or not all(map(_is_one, open_at)):
        return ()
    others = set() if network is None else {str(one) for one in node.addresses if one != node.at(network)}
    return tuple(text for text in open_at if text not in others) or None


def _is_one(text: str) -> bool:
    """Whether it is an address, rather than all of a family, or a name that the host alone knows."""
    return is_address(text) and not ipaddress.ip_address(text).is_unspecified


def _of_others(node: Node) -> Iterator[Passage]:
    for text in node.settings.firewall_other_ports:
        place, _, network = text.partition(" ")
        port, _, protocol = place.partition("/")
        networks = (str(ipaddress.ip_network(network)),) if network else tuple(ANYWHERE)
        yield Passage(node.name, protocol, int(port), "firewall_other_ports", OTHERS if network else ALL, networks)


def _on(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> list[ComponentType]:
    return [one for one in components if one.on(cluster, node)]


def _opened(components: Sequence[ComponentType], cluster: Cluster, node: Node) -> list[Listener]:
    """What is open to other hosts: not what listens on loopback alone."""
    listed = (one for component in _on(components, cluster, node) for one in component.listens(cluster, node))
    return [one for one in listed if not all(map(_is_loopback, one.addresses))]


def _is_loopback(text: str) -> bool:
    return text == "localhost" or (is_address(text) and ipaddress.ip_address(text).is_loopback)
