"""The type of a component's declaration: everything that lists components derives it from these fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from cluster.components.component import Component
from cluster.declared.model import Cluster, Network, Node
from cluster.pki.certificates import CertificatePlace

# In the order in which a whole cluster stops: nobody new comes in, nothing new begins, the members end, and what they
# need for that goes last. A start takes them the other way round, but for the timers, which come last there, too.
Phase: TypeAlias = Literal["clients", "timers", "members", "archive", "etcd"]
PHASES: tuple[Phase, ...] = ("clients", "timers", "members", "archive", "etcd")

TCP = "tcp"
# Who comes from beyond the cluster, as the port matrix has it.
CLIENTS, MONITORING = "clients", "monitoring"

Paths: TypeAlias = Callable[[Cluster, Node], Sequence[str]]
Secrets: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Listener:
    """
    One port of one service.

    + setting: that gives the port
    + unit: of systemd, to which the listening process belongs; with a * where several listen
    + addresses: on which it listens; ``*`` and ``::`` are all of a family
    + protocol: ``tcp`` or ``udp``
    """

    setting: str
    port: int
    unit: str
    addresses: tuple[str, ...]
    protocol: str = TCP


@dataclass(frozen=True)
class Reach:
    """
    Ports that a host must reach on other hosts.

    + nodes: which; + ports: all of them on each
    + network: in which they are reached, each at its address there
    + protocol: of the ports; one that has no ports, such as ``vrrp``, comes with none and is reached as a whole
    """

    nodes: tuple[Node, ...]
    ports: tuple[int, ...]
    protocol: str = TCP
    network: Network = "cluster"


@dataclass(frozen=True)
class Admission:
    """
    Who comes to ports of a host without being led there by the components of a host of the cluster.

    + who: in words, as the port matrix has them
    + networks: from where, as CIDR
    + ports, protocol: as ``Reach`` has them
    + network: of the host's in which they come; None: wherever the port listens
    + what: what for, of ports that no setting gives; "": only those of ``listens`` are open
    """

    who: str
    networks: tuple[str, ...]
    ports: tuple[int, ...]
    protocol: str = TCP
    what: str = ""
    network: Network | None = None


def nothing(cluster: Cluster, node: Node) -> tuple[Any, ...]:
    """What a component has on no host. + cluster, node: as declared"""
    return ()


@dataclass(frozen=True, eq=False)
class ComponentType:
    """
    One component, as everything that lists components needs it. What depends on the host is asked for with it.

    + name: its files in every layer are called after it
    + on: whether a host has it
    + wanted: whether a host that has had it is to have it still, where what is not is removed with all others; None: a
      host has it for good, or its own step removes it
    + packages: that the host needs for it
    + held: how the names of those begin that nobody else may upgrade, because that restarts the service, or leaves
      client and server at different versions
    + debian_units: units that Debian enables when a package is installed, by package
    + undisturbed: names of services, as needrestart has them, that are not to be restarted because of a new library,
      where its packages are wanted
    + files: directories, files and units on the host
    + secrets: names of those that its files on the host hold
    + service: the unit of systemd whose process listens, with its suffix; "": none does
    + phase: when its services stop; its timers stop with all others. None: it has no service
    + units: that are enabled on the host; + former_units: those that other settings enabled
    + certificates: that the cluster issues for it; + lent: and those that another cluster does
    + listens: on which ports; + reaches: which ports of other hosts; + admits: who else comes to its ports
    + tls: of the ports that it listens on, the settings of those that speak TLS from the first byte, each with the
      certificates that are let in there
    + mark: the file without which a host does not have it after all, because only some hosts need it; "": all do
    + owns: files and directories that go with it, those of its certificates included
    + notes: what of the project's own notes goes with it when its host leaves a cluster that goes on
    + shells: directories of Debian's packages, or of nobody, that go when they are empty
    """

    name: str
    on: Callable[[Cluster, Node], bool]
    wanted: Callable[[Cluster, Node], bool] | None = None
    packages: Paths = nothing
    held: tuple[str, ...] = ()
    debian_units: Mapping[str, str] = field(default_factory=dict)
    undisturbed: tuple[str, ...] = ()
    files: Callable[[Cluster, Node, Secrets], Component] = lambda cluster, node, secrets: Component()
    secrets: Paths = nothing
    service: str = ""
    phase: Phase | None = None
    units: Paths = nothing
    former_units: tuple[str, ...] = ()
    certificates: Callable[[Cluster, Node], Sequence[CertificatePlace]] = nothing
    lent: Callable[[Cluster, Node], Sequence[CertificatePlace]] = nothing
    listens: Callable[[Cluster, Node], Sequence[Listener]] = nothing
    reaches: Callable[[Cluster, Node], Sequence[Reach]] = nothing
    admits: Callable[[Cluster, Node], Sequence[Admission]] = nothing
    tls: Mapping[str, tuple[CertificatePlace, ...]] = field(default_factory=dict)
    mark: str = ""
    owns: Paths = nothing
    notes: tuple[str, ...] = ()
    shells: tuple[str, ...] = ()

    def phase_of(self, unit: str) -> Phase | None:
        """When one of its units stops. + unit: of ``units``, or of ``former_units``"""
        return "timers" if unit.endswith(".timer") else self.phase


def comes_from(node: Node, network: Network) -> tuple[str, ...]:
    """From where a host comes to others, as CIDR. + network: in which it reaches them"""
    return tuple(address.hba for address in node.addresses_in(network))


def scrapers(cluster: Cluster, ports: tuple[int, ...]) -> tuple[Admission, ...]:
    """Who scrapes from beyond the cluster: as declared, and hosts of other clusters. + ports: what is scraped there"""
    others = cluster.watchers if cluster.settings.monitoring else ()
    return (
        Admission(MONITORING, tuple(cluster.settings.firewall_monitoring_networks), ports),
        *(Admission(one.name, comes_from(one, "cluster"), ports) for one in others),
    )


def role(name: str) -> Callable[[Cluster, Node], bool]:
    """On the hosts of a group. + name: of the group"""
    return lambda cluster, node: name in node.roles
