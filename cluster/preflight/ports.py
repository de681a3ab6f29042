"""Ports: which ones a host must reach on other hosts, and which ones are used by other programs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from cluster.components.all import COMPONENTS, components_on, listeners
from cluster.components.component_type import Listener, Reach
from cluster.components.etcd import SERVICE as ETCD_UNIT
from cluster.components.firewall.rules import is_wanted
from cluster.declared.model import Cluster, Network, Node
from cluster.findings import Finding
from cluster.pki.certificates import CertificatePlace

KNOWN_BY_ADDRESS = frozenset({"postgres", "etcd"})

Picture = Mapping[str, Any]
Answers = Sequence[Mapping[str, Any]]


def needed_ports(cluster: Cluster, node: Node) -> list[tuple[str, int]]:
    """The addresses and ports of its peers that a host must reach for its components."""
    peers = ((str(peer.at(reach.network)), port) for reach, peer in _peers(cluster, node) for port in reach.ports)
    return list(dict.fromkeys(peers))


def _peers(cluster: Cluster, node: Node) -> Iterator[tuple[Reach, Node]]:
    """Every other host that a host reaches, and for what."""
    wanted = (reach for one in components_on(cluster, node) for reach in one.reaches(cluster, node))
    yield from ((reach, peer) for reach in wanted for peer in reach.nodes if peer is not node)


def tls_ports(cluster: Cluster) -> dict[int, list[list[str]]]:
    """
    Those of the needed ports on which TLS is spoken from the first byte on, with the certificates and keys that are
    believed there; PostgreSQL's begins in the clear.
    """
    there = {component for node in cluster for component in components_on(cluster, node)}
    return {
        getattr(cluster.settings, setting): _pairs(*places)
        for component in COMPONENTS
        if component in there
        for setting, places in component.tls.items()
    }


def _pairs(*places: CertificatePlace) -> list[list[str]]:
    return [[place.certificate, place.key] for place in places]


def serves_etcd(cluster: Cluster, node: Node, picture: Picture) -> bool:
    """Whether etcd can be asked on this host for the cluster's keys. + picture: ``HostPicture``"""
    return "etcd" in node.roles and listens(picture, str(node.address), cluster.settings.etcd_client_port)


def peer_findings(
    cluster: Cluster, pictures: Mapping[str, Picture | None], peers: Mapping[str, Answers | None]
) -> list[Finding]:
    """
    Connections that a firewall or the network keeps from a peer, one finding for each peer and those it is kept from.

    + pictures: ``HostPicture`` by host name, taken before the connections were tried
    + peers: ``PeerPorts`` by host name
    """
    owners = {str(address): node.name for node in cluster for address in node.addresses}
    blocked: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    found = _blocked(owners, pictures, peers)
    for (address, reason, port), sources in sorted(found.items(), key=lambda one: one[0][2]):
        blocked.setdefault((address, reason, tuple(sources)), []).append(port)
    return [
        _blocked_finding(owners[address], address, reason, sources, ports)
        for (address, reason, sources), ports in blocked.items()
    ]


def _blocked(
    owners: Mapping[str, str], pictures: Mapping[str, Picture | None], peers: Mapping[str, Answers | None]
) -> dict[tuple[str, str, int], list[str]]:
    found: dict[tuple[str, str, int], list[str]] = {}
    for source, answers in peers.items():
        for one in answers or ():
            reason = _obstacle(one, pictures.get(owners[one["address"]]))
            if reason is not None:
                found.setdefault((one["address"], reason, one["port"]), []).append(source)
    return found


def _obstacle(answer: Mapping[str, Any], there: Picture | None) -> str | None:
    if there is None:
        return None  # a host that cannot be reached has a finding of its own
    if answer["answer"] == "blocked":
        return str(answer["reason"])
    # A firewall of ours refuses whom it does not know yet; the run opens it before the ports are needed.
    if answer["answer"] == "refused" and not there["firewalled"] and listens(there, answer["address"], answer["port"]):
        return "refused, although a service listens there"
    return None


def listens(there: Picture, address: str, port: int) -> bool:
    """Whether something listens at a port of a host. + there: ``HostPicture``; + address: of the host"""
    return any(one["port"] == port and _takes(one["address"], address) for one in there["listening"])


def _takes(bound: str, address: str) -> bool:
    return bound == address or ipaddress.ip_address(bound).is_unspecified


def _blocked_finding(name: str, address: str, reason: str, sources: Sequence[str], ports: Sequence[int]) -> Finding:
    noun = "port" if len(ports) == 1 else "ports"
    listed = ", ".join(map(str, ports))
    problem = f"{noun} {listed} of {address} cannot be reached from {' and '.join(sources)}: {reason}"
    hint = "Let the firewalls on the way and on this host pass TCP between the hosts of the cluster."
    return Finding(name, "firewall", problem, hint)


def taken_port_findings(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterator[Finding]:
    """
    Ports of ours on which somebody else listens. The systemd unit tells: our own services are never reported.

    + reached: ``HostPicture`` by name of the hosts to be judged
    """
    for name, picture in reached.items():
        node = cluster.node(name)
        for listener in listeners(cluster, node):
            if (one := _in_place_of(listener, node, picture)) is not None:
                yield _taken(node, listener.setting, one)
        yield from _foreign_etcd(cluster, node, picture)


def _in_place_of(listener: Listener, node: Node, picture: Picture) -> Mapping[str, Any] | None:
    there = (one for one in picture["listening"] if one["port"] == listener.port)
    foreign = (one for one in there if _in_the_way(node, one["address"]) and not _own(picture, one, listener.unit))
    return next(foreign, None)


def _in_the_way(node: Node, bound: str) -> bool:
    return any(_takes(bound, str(own)) for own in node.addresses) or ipaddress.ip_address(bound).is_loopback


def _own(picture: Picture, one: Mapping[str, Any], unit: str) -> bool:
    if one["unit"] is None:  # nobody could see whose it is
        return unit in picture["active"]
    # A PostgreSQL that is not Patroni's has a finding of its own, with the way to be rid of it.
    return fnmatchcase(one["unit"], unit) or one["unit"] in {server["unit"] for server in picture["postgres"]}


def _taken(node: Node, setting: str, one: Mapping[str, Any]) -> Finding:
    who = " of ".join(word for word in (one["process"], one["unit"]) if word) or "a process that is no service"
    problem = f"port {one['port']} is taken by {who} on {one['address']}"
    return Finding(node.name, setting, problem, f"Stop that service, or set {setting} to a port that is free.")


def _foreign_etcd(cluster: Cluster, node: Node, picture: Picture) -> Iterator[Finding]:
    # Debian's package starts an etcd of its own, on loopback only, which is of no use to anybody. One that serves
    # other hosts without this cluster's data directory is somebody's, and our configuration would replace it.
    ports = (cluster.settings.etcd_client_port, cluster.settings.etcd_peer_port)
    serves = [
        one
        for one in picture["listening"]
        if one["port"] in ports and one["unit"] == ETCD_UNIT and not ipaddress.ip_address(one["address"]).is_loopback
    ]
    if "etcd" in node.roles and serves and not picture["etcd_data"]:
        problem = f"an etcd that is not this cluster's serves other hosts on port {serves[0]['port']}"
        hint = "Put this cluster's etcd on other hosts, or stop that one and move its data away if it is not needed."
        yield Finding(node.name, "etcd", problem, hint)


def source_findings(cluster: Cluster, sources: Mapping[str, Mapping[str, str] | None]) -> list[Finding]:
    """
    Hosts that would reach a peer from another address than their declared one, by which pg_hba and etcd know them. What
    goes to HAProxy and pgBackRest is known by its certificate alone, and without a firewall may come from anywhere.

    + sources: ``PeerSources`` by host name
    """
    found = []
    for node in cluster:
        strange = _strange(cluster, node, sources.get(node.name) or {})
        found += [_source_finding(node, *strange)] if strange else []
    return found


def _strange(cluster: Cluster, node: Node, routes: Mapping[str, str]) -> tuple[Network, list[tuple[Node, str]]] | None:
    """Peers that would see an address of the host's by which they do not know it, each with that, in one network."""
    found: dict[Network, dict[str, str]] = {}
    for reach, peer in _peers(cluster, node):
        source = routes.get(str(peer.at(reach.network)))
        own = {address.ip for address in node.addresses_in(reach.network)}
        if source is not None and _is_known(cluster, reach, node, peer) and ipaddress.ip_address(source) not in own:
            found.setdefault(reach.network, {})[peer.name] = source
    listed = ((name, [(cluster.node(peer), source) for peer, source in peers.items()]) for name, peers in found.items())
    return next(listed, None)


def _is_known(cluster: Cluster, reach: Reach, node: Node, peer: Node) -> bool:
    """Whether a host is let in by its address: by a firewall anywhere, else in the cluster's own network."""
    by_address = reach.network == "cluster" and node.roles & KNOWN_BY_ADDRESS and peer.roles & KNOWN_BY_ADDRESS
    return bool(by_address) or is_wanted(cluster)


def _source_finding(node: Node, network: Network, strange: Sequence[tuple[Node, str]]) -> Finding:
    """+ strange: peers, and from where the host would speak to each"""
    peer, source = strange[0]
    own, to, others = node.at(network), peer.at(network), ", ".join(one.name for one, _ in strange)
    problem = f"{own}: connections to {others} come from {source}, and members are let in by their address"
    hint = f"Declare {source}, or fix the route: `ip route get {to}` on the host says from where it goes."
    if network == "cluster" and ipaddress.ip_address(source).version != own.ip.version:
        hint = (
            "Declare addresses of one kind, IPv4 or IPv6, for all hosts in postgres and etcd; "
            "see docs/runs/move-node.md."
        )
    return Finding(node.name, f"{network}_address", problem, hint)
