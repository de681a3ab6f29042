"""Which addresses a host has, as declared or as found in a network, and addresses that two hosts would have."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from cluster.components.firewall.rules import is_wanted
from cluster.components.haproxy import client_addresses
from cluster.declared.address import Address, addresses_within
from cluster.declared.client_networks import client_networks
from cluster.declared.model import ROLES_IN, Cluster, Network, Node
from cluster.findings import Finding
from cluster.inventory.host import INVENTORY, DeclaredHost
from cluster.settings.settings import DEFAULTS, Settings


def hosts_to_look_at(hosts: Iterable[DeclaredHost]) -> list[str]:
    """The hosts of which an address is to be chosen by a network, and which must therefore be asked for theirs."""
    return [host.name for host in hosts if host.roles and _is_open(host)]


def _is_open(host: DeclaredHost) -> bool:
    chosen = (name for name in networks_of(host) if host.data.get(f"{name}_network"))
    return not host.data.get("cluster_address") or any(not host.data.get(f"{name}_address") for name in chosen)


def networks_of(host: DeclaredHost) -> list[Network]:
    """The networks in which a host has something to do, besides that of the cluster."""
    return [name for name, roles in ROLES_IN.items() if roles & host.roles]


def addresses_of(
    host: DeclaredHost, settings: Settings, observed: Iterable[str] | None
) -> tuple[dict[Network, Address], list[Finding]]:
    """
    The addresses of a host by network, without those that it has not, and what is wrong with them.

    + observed: on its interfaces; None: it was not asked, or did not answer
    """
    names: list[Network] = ["cluster", *ROLES_IN]
    found, findings = dict[Network, Address](), list[Finding]()
    for name in names:
        chosen = _chosen(name, host, settings, observed)
        if isinstance(chosen, Finding):
            findings.append(chosen)
        elif chosen is not None:
            found[name] = chosen
    return found, findings


def _chosen(
    name: Network, host: DeclaredHost, settings: Settings, observed: Iterable[str] | None
) -> Address | Finding | None:
    address, network = (getattr(settings, f"{name}_{word}") for word in ("address", "network"))
    if address is not None:
        return Address(address)
    if name != "cluster" and (network is None or name not in networks_of(host)):
        return None
    if network is None:
        hint = "Give the host its cluster_address, or set cluster_network to the network that all hosts share."
        return Finding(INVENTORY, "cluster_address", f"{host.name} has no address", hint)
    if observed is None:
        problem = f"cannot be reached, so its address in {network} is not known"
        return Finding(host.name, f"{name}_network", problem, f"Fix the connection, or declare its {name}_address.")
    # One that moves from host to host is no host's own, whoever has it now.
    moving = {Address(text) for text in (*settings.vip_write, *settings.vip_read)}
    return _within(name, network, host, sorted(text for text in observed if Address(text) not in moving))


def _within(name: Network, network: str, host: DeclaredHost, observed: Sequence[str]) -> Address | Finding:
    fitting, setting = addresses_within(network, observed), f"{name}_network"
    if len(fitting) == 1:
        return fitting[0]
    where, hint = host.origin.get(setting, DEFAULTS), f"Give this host its {name}_address; it is not guessed."
    if fitting:
        problem = f"{host.name} has {len(fitting)} addresses in {network}: {', '.join(map(str, fitting))}"
    else:
        problem = f"{host.name} has no address in {network}, it has {', '.join(observed) or 'none at all'}"
    return Finding(where, setting, problem, hint)


def duplicate_findings(cluster: Cluster) -> Iterator[Finding]:
    """Addresses that more than one host would have. One host may have the same for everything."""
    owners: dict[Address, list[Node]] = {}
    for node in cluster:
        for address in node.addresses:
            owners.setdefault(address, []).append(node)
    for address, nodes in owners.items():
        if len(nodes) > 1:
            problem = f"{address} belongs to {' and '.join(node.name for node in nodes)}"
            yield Finding(INVENTORY, nodes[-1].addresses[address], problem, "Every host needs an address of its own.")


def client_findings(cluster: Cluster) -> Iterator[Finding]:
    """Addresses for clients at which none would get in. Only what is declared as one is judged."""
    for node in (one for one in cluster.balancers or cluster.members if "client" in one.apart):
        places = node.settings.haproxy_listen
        listed = client_addresses(cluster, node) if cluster.balancers else (node.client_address,)
        if listed is not None and node.client_address not in listed:
            problem = f"{', '.join(places)} has no {node.client_address}, which is the client_address of {node.name}"
            yield Finding(INVENTORY, "haproxy_listen", problem, "Add it, or remove one of the two.")
        yield from _unspoken(cluster, node)


def _unspoken(cluster: Cluster, node: Node) -> Iterator[Finding]:
    """Clients of HAProxy are in no line of pg_hba; their networks are declared where there is a firewall."""
    networks = client_networks(cluster.settings) if is_wanted(cluster) or not cluster.balancers else ()
    version = node.client_address.ip.version
    if networks and version not in {ipaddress.ip_network(text).version for text in networks}:
        problem = f"{node.client_address} of {node.name} is IPv{version}, and no network of clients is"
        hint = "Declare an address of their kind, or their networks, in firewall_client_networks and postgres_hba."
        yield Finding(INVENTORY, "client_address", problem, hint)
