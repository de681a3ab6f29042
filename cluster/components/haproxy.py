"""What HAProxy offers its clients: which port leads to which members, and what it asks Patroni about them."""

from __future__ import annotations

from dataclasses import dataclass
from shlex import quote

from cluster.ciphers import OPENSSL
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import (
    CLIENTS,
    Admission,
    ComponentType,
    Listener,
    Reach,
    comes_from,
    role,
    scrapers,
)
from cluster.components.files import Directory, File
from cluster.components.haproxy_connections import port_connections, server_connections
from cluster.components.haproxy_servers import PRIMARY, preferred, servers, services, unanswered
from cluster.components.rendering import rendered
from cluster.declared.address import Address, is_address
from cluster.declared.client_networks import client_networks
from cluster.declared.model import Cluster, Node
from cluster.declared.vip import addresses_on_balancers
from cluster.pki.certificates import HAPROXY as PLACE
from cluster.pki.certificates import MONITORING as SCRAPERS
from cluster.secrets.secrets import Secret

UNIT = "haproxy"
SERVICE = f"{UNIT}.service"
PASSWORD = "HAPROXY_STATS_PASSWORD"
CONFIGURATION = "/etc/haproxy/haproxy.cfg"
DROP_IN_DIRECTORY = f"/etc/systemd/system/{UNIT}.service.d"
DROP_IN = f"{DROP_IN_DIRECTORY}/pyinfra-patroni.conf"
EVERYWHERE = "*"
RUNTIME_SOCKET = "/run/haproxy/admin.sock"
STATISTICS_CONNECTIONS = 100  # scrapers and browsers, on top of what one port for clients may take
RELOAD_SECONDS = 10

# perl-base is an essential package of Debian and Ubuntu; Python or socat need not be on a host of HAProxy.
_ASK = (
    "$s = IO::Socket::UNIX->new(shift) or die qq(HAProxy does not answer: $!\\n); "
    "print $s shift, qq(\\n); print while <$s>"
)


def runtime_query(words: str) -> str:
    """The command that asks the running HAProxy something. + words: as its management guide has them, `show info`"""
    return f"timeout 5 perl -MIO::Socket::UNIX -e {quote(_ASK)} {RUNTIME_SOCKET} {quote(words)}"


# Debian's reload checks the file, sends a signal and succeeds. Whether a new worker took over shows only later: it
# does not when a port is taken, and then HAProxy stays "active" with its old file. So ask for another process id.
_RELOAD = """
worker() {{ {ask} 2>/dev/null | sed -n 's/^Pid: //p'; }}
old=$(worker)
if systemctl is-active --quiet {unit}; then systemctl reload {unit}; else systemctl restart {unit}; fi || exit 1
end=$(( $(date +%s) + {seconds} ))
until new=$(worker); [ -n "$new" ] && [ "$new" != "$old" ]; do
  if [ "$(date +%s)" -ge "$end" ]; then
    echo 'HAProxy cannot start with its new file and goes on with the old one:' >&2
    journalctl -u {unit} -n 50 --no-pager -o cat | grep -F '[ALERT]' | grep -v 'no server' | tail -n 3 >&2
    exit 1
  fi
  sleep 0.1
done
"""
RELOAD = f"({_RELOAD.format(ask=runtime_query('show info'), unit=UNIT, seconds=RELOAD_SECONDS)})"


@dataclass(frozen=True)
class Bind:
    """Where HAProxy listens. + address: as haproxy.cfg has it; + words: what stands behind the port"""

    address: str
    words: str = ""


def service_ports(cluster: Cluster) -> dict[str, int]:
    """Every port on which HAProxy listens, by the name of its setting."""
    ports = {f"haproxy_{service.name}_port": service.port for service in services(cluster)}
    return {**ports, "haproxy_stats_port": cluster.settings.haproxy_stats_port}


def client_addresses(cluster: Cluster, node: Node) -> tuple[Address, ...] | None:
    """The addresses of a host on which HAProxy takes clients, loopback left out; None: all that the host has."""
    declared = node.settings.haproxy_listen
    if declared == [EVERYWHERE]:
        return None
    extra = [text for text in cluster.settings.cluster_extra_names if is_address(text)]
    own = [Address(text) for text in declared] or [node.client_address, *map(Address, extra)]
    return tuple(dict.fromkeys([*own, *addresses_on_balancers(cluster)]))


def binds(cluster: Cluster, node: Node) -> tuple[Bind, ...]:
    """
    Where HAProxy listens on a host. IPv6 only where some host or declared address has it, because HAProxy does not
    start where the kernel has none.
    """
    addresses = client_addresses(cluster, node)
    listed = [address for one in cluster for address in one.addresses] if addresses is None else addresses
    ipv6 = any(address.ip.version == 6 for address in listed)
    if addresses is None:
        return (Bind(EVERYWHERE), *((Bind("[::]", " v6only"),) if ipv6 else ()))
    # transparent: without it HAProxy would not start while an address is not on the host, as a virtual one elsewhere,
    # or its own before the network is up.
    own = (Bind(address.bracketed, " transparent") for address in addresses)
    return (*own, Bind("127.0.0.1"), *((Bind("[::1]"),) if ipv6 else ()))


def quoted(text: str) -> str:
    """A word for haproxy.cfg, whatever it holds: in single quotes, where only a single quote means something."""
    return "'" + text.replace("'", r"'\''") + "'"


def haproxy_component(cluster: Cluster, node: Node, stats_password: Secret) -> Component:
    """HAProxy's files and unit on one host. The certificates are another component's; a new one makes it reload."""
    configuration = File(
        CONFIGURATION,
        configuration_text(cluster, node, stats_password),
        mode="600",  # it holds the password; HAProxy reads it before it gives up being root
        check="haproxy -c -f {}",  # not -q: that hides the reason
    )
    drop_in = File(DROP_IN, rendered("haproxy/drop-in.conf.j2", sandbox=sandbox.HAPROXY))
    trusted = (SCRAPERS.authority,) if cluster.settings.monitoring else ()
    loads = (CONFIGURATION, DROP_IN, PLACE.authority, PLACE.certificate, *trusted)
    return Component((Directory(DROP_IN_DIRECTORY),), (drop_in, configuration), (Unit(UNIT, loads, load=RELOAD),))


def configuration_text(cluster: Cluster, node: Node, stats_password: Secret) -> str:
    """
    haproxy.cfg of one host; the same on all but for the description, the addresses, and whom its zone prefers.

    + stats_password: stands in the text
    """
    return rendered(
        "haproxy/haproxy.cfg.j2",
        {"quoted": quoted},
        description=f"{cluster.name} on {node.name}",
        settings=cluster.settings,
        members=cluster.members,
        services=[(one, servers(cluster, node, one)) for one in services(cluster)],
        connections=port_connections(cluster),
        each=server_connections(cluster),
        readers_apart=not all(preferred(cluster, node, member) for member in cluster.members),
        primary=PRIMARY,
        binds=binds(cluster, node),
        unanswered=unanswered(cluster),
        places=PLACE,
        socket=RUNTIME_SOCKET,
        scrapers=f" verify optional ca-file {SCRAPERS.authority}" if cluster.settings.monitoring else "",
        reserve=STATISTICS_CONNECTIONS,
        stats_password=str(stats_password),
        ciphers=OPENSSL,
    )


def _listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    bound = tuple(bind.address.strip("[]") for bind in binds(cluster, node))
    return tuple(Listener(setting, port, SERVICE, bound) for setting, port in service_ports(cluster).items())


def _reached(cluster: Cluster, node: Node) -> tuple[Reach, ...]:
    return (Reach(cluster.members, (cluster.settings.postgres_port, cluster.settings.patroni_rest_port)),)


def _admitted(cluster: Cluster, node: Node) -> tuple[Admission, ...]:
    statistics = (cluster.settings.haproxy_stats_port,)
    offered = tuple(service.port for service in services(cluster))
    return (
        Admission(CLIENTS, client_networks(cluster.settings), offered),
        *scrapers(cluster, statistics),
        # A run ends with a member that tries every endpoint, as a client does.
        *(Admission(one.name, comes_from(one, "client"), offered) for one in cluster.members if one is not node),
    )


COMPONENT = ComponentType(
    name="haproxy",
    on=role("haproxy"),
    packages=lambda cluster, node: ("haproxy",),
    held=("haproxy",),
    debian_units={"haproxy": UNIT},
    undisturbed=("haproxy",),
    files=lambda cluster, node, secrets: haproxy_component(cluster, node, secrets[PASSWORD]),
    secrets=lambda cluster, node: (PASSWORD,),
    service=SERVICE,
    phase="clients",
    units=lambda cluster, node: (UNIT,),
    certificates=lambda cluster, node: (PLACE,),
    listens=_listeners,
    reaches=_reached,
    admits=_admitted,
    owns=lambda cluster, node: (CONFIGURATION, DROP_IN, PLACE.directory),
    shells=(DROP_IN_DIRECTORY,),
)
