"""HAProxy: the ports that lead clients to the primary, to replicas, or to any member."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from pyinfra import host
from pyinfra.api import operation

from cluster.ciphers import OPENSSL
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File
from cluster.components.haproxy import (
    CONFIGURATION,
    DROP_IN,
    DROP_IN_DIRECTORY,
    UNIT,
    binds,
    quoted,
    server_name,
    services,
)
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import HAPROXY
from cluster.secrets.secrets import Secret
from facts.haproxy import RUNTIME_SOCKET, runtime_query
from operations.acts.component import Commands, brought_up

TEMPLATES = Path(__file__).parents[1] / "cluster" / "components" / "templates" / "haproxy"
STATISTICS_CONNECTIONS = 100  # scrapers and browsers, on top of what one port for clients may take
RELOAD_SECONDS = 10

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


@operation()
def service(cluster: Cluster, stats_password: Secret) -> Commands:
    """
    Run HAProxy with the cluster's members behind its ports. A changed file is loaded without dropping a connection; one
    that HAProxy would not accept never takes the old one's place.

    + cluster: as declared; hosts without the role haproxy are left alone
    + stats_password: of the statistics page and of /metrics
    """
    node = cluster.node(host.name)
    if "haproxy" not in node.roles:
        host.noop("no HAProxy on this host")
        return
    yield from brought_up(haproxy_component(cluster, node, stats_password))


def haproxy_component(cluster: Cluster, node: Node, stats_password: Secret) -> Component:
    """HAProxy's files and unit on one host. The certificates are another component's; a new one makes it reload."""
    configuration = File(
        CONFIGURATION,
        rendered(cluster, node, stats_password),
        mode="600",  # it holds the password; HAProxy reads it before it gives up being root
        check="haproxy -c -f {}",  # not -q: that hides the reason
    )
    drop_in = File(DROP_IN, _template("drop-in.conf.j2").render(sandbox=sandbox.HAPROXY))
    loads = (CONFIGURATION, DROP_IN, HAPROXY.authority, HAPROXY.certificate)
    return Component((Directory(DROP_IN_DIRECTORY),), (drop_in, configuration), (Unit(UNIT, loads, load=RELOAD),))


def rendered(cluster: Cluster, node: Node, stats_password: Secret) -> str:
    """
    haproxy.cfg of one host; the same on all but for the description and the addresses.

    + stats_password: stands in the text
    """
    return _template("haproxy.cfg.j2").render(
        description=f"{cluster.name} on {node.name}",
        settings=cluster.settings,
        members=cluster.members,
        services=services(cluster),
        binds=binds(cluster, node),
        places=HAPROXY,
        socket=RUNTIME_SOCKET,
        reserve=STATISTICS_CONNECTIONS,
        stats_password=str(stats_password),
        ciphers=OPENSSL,
    )


def _template(name: str) -> Template:
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"quoted": quoted, "server_name": server_name}
    return environment.get_template(name)
