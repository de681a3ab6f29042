"""keepalived on the hosts of HAProxy: which of them has the virtual IP addresses, by VRRP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, Reach, role
from cluster.components.files import Directory, File
from cluster.components.haproxy import RUNTIME_SOCKET
from cluster.components.pgbouncer.component import POOLS_ANSWER
from cluster.components.rendering import program, rendered
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import processes
from cluster.declared.vip import Use, router_id, virtual_addresses

UNIT = "keepalived"
PACKAGE = "keepalived"
VRRP = 112  # the number of its protocol: it has no ports
DIRECTORY = "/etc/keepalived"
CONFIGURATION = f"{DIRECTORY}/keepalived.conf"
PROGRAM = f"{DIRECTORY}/haproxy-serves"
DROP_IN_DIRECTORY = f"/etc/systemd/system/{UNIT}.service.d"
# Where it is not, keepalived is none of ours.
DROP_IN = f"{DROP_IN_DIRECTORY}/pyinfra-patroni.conf"

# To see whether another user may run a script, keepalived 2.2.7 (Debian 12) becomes that user, takes the test for an
# orphan of a daemon's, and ends itself. As root's, the scripts are not looked at like that.
_CHECK = (
    "(t=$(mktemp) && sed 's/script_user .*/script_user root/' {} > \"$t\" && "
    f'{UNIT} --config-test -f "$t"; code=$?; rm -f "$t"; exit $code)'
)


@dataclass(frozen=True)
class Instance:
    """
    The addresses for one use, which move together.

    + number: VRRP's, of which a network has each once
    + addresses: of the family in which the hosts speak with each other; + excluded: of the other one
    + sections: of HAProxy; a host is better while a server is up in one of them
    + pools: sockets of PgBouncer beside it; a host is better while all of them answer
    """

    use: Use
    number: int
    addresses: tuple[Address, ...]
    excluded: tuple[Address, ...]
    sections: tuple[str, ...]
    pools: tuple[str, ...] = ()


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host keeps virtual addresses beside its HAProxy."""
    return cluster.settings.vip_mode == "haproxy" and node in cluster.balancers


def vrrp_peers(cluster: Cluster, node: Node) -> tuple[Node, ...]:
    """The hosts with which a host speaks VRRP, in both directions."""
    return tuple(one for one in cluster.balancers if one is not node) if is_wanted(cluster, node) else ()


def instances(cluster: Cluster, node: Node) -> Iterator[Instance]:
    """What the hosts agree on, for writing and, where it is declared, for reading."""
    readers = ("replicas", "primary") if cluster.settings.haproxy_replicas_fallback == "primary" else ("replicas",)
    sections: dict[Use, tuple[str, ...]] = {"write": ("primary",), "read": readers}
    for use, served in sections.items():
        listed = [one.address for one in virtual_addresses(cluster) if one.use == use]
        own = tuple(address for address in listed if address.ip.version == node.client_address.ip.version)
        other = tuple(address for address in listed if address not in own)
        if listed:
            yield Instance(use, router_id(cluster, use), own, other, served, _pools(cluster, node, use))


def _pools(cluster: Cluster, node: Node, use: Use) -> tuple[str, ...]:
    # On a member they lead to its own PostgreSQL, whichever host has the address.
    there = processes(cluster, node) if cluster.settings.pgbouncer_on == "haproxy" else ()
    return tuple(process.socket for process in there if (process.pool == "read") == (use == "read"))


def keepalived_component(cluster: Cluster, node: Node) -> Component:
    """keepalived's files and unit on one host; nothing where no addresses are to be kept."""
    if not is_wanted(cluster, node):
        return Component()
    drop_in = File(DROP_IN, rendered("keepalived/drop-in.conf.j2", sandbox=sandbox.KEEPALIVED))
    serves = File(PROGRAM, program("haproxy_serves.pl"), mode="755")
    configuration = File(CONFIGURATION, configuration_text(cluster, node), check=_CHECK)
    # A reload: a restart would give the addresses away.
    unit = Unit(UNIT, (CONFIGURATION, DROP_IN), load=f"systemctl reload {UNIT}")
    return Component((Directory(DROP_IN_DIRECTORY),), (drop_in, serves, configuration), (unit,))


def configuration_text(cluster: Cluster, node: Node) -> str:
    """keepalived.conf of one host; the same on all but for its own address and its peers'."""
    return rendered(
        "keepalived/keepalived.conf.j2",
        name=node.name,
        interface=node.settings.vip_interface,
        # On the network of the virtual addresses: a host that is cut off from another one keeps none there.
        own=node.client_address,
        peers=[peer.client_address for peer in vrrp_peers(cluster, node)],
        instances=list(instances(cluster, node)),
        program=PROGRAM,
        pools_answer=POOLS_ANSWER,
        socket=RUNTIME_SOCKET,
    )


# It stays with the hosts of HAProxy when it is not wanted there any more, so that somebody takes it away.
COMPONENT = ComponentType(
    name="keepalived",
    on=role("haproxy"),
    packages=lambda cluster, node: (PACKAGE,) if is_wanted(cluster, node) else (),
    held=(PACKAGE,),
    debian_units={PACKAGE: UNIT},
    undisturbed=(UNIT,),
    files=lambda cluster, node, secrets: keepalived_component(cluster, node),
    phase="clients",
    units=lambda cluster, node: (UNIT,) if is_wanted(cluster, node) else (),
    former_units=(UNIT,),
    reaches=lambda cluster, node: (Reach(vrrp_peers(cluster, node), (), "vrrp", "client"),),
    mark=DROP_IN,
    owns=lambda cluster, node: (DROP_IN, CONFIGURATION, PROGRAM),
    shells=(DROP_IN_DIRECTORY,),
)
