"""The holder of the virtual IP addresses on the members: its programs, its configuration and its unit."""

from __future__ import annotations

import json
from pathlib import Path

from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, role
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import processes
from cluster.declared.vip import ON_MEMBERS, SLACK_SECONDS
from cluster.pki.certificates import PATRONI
from cluster.settings.vip import LEASE_SECONDS

UNIT = "vip"
SERVICE = f"{UNIT}.service"
PROGRAMS = "/usr/local/lib/vip"
PROGRAM = f"{PROGRAMS}/vip.py"
CALL = f"{PROGRAMS}/vip_call.py"
# Patroni's events at which it is called.
CALLED = ("on_start", "on_stop", "on_role_change")
DIRECTORY = "/etc/vip"
CONFIGURATION = f"{DIRECTORY}/vip.json"
SYSCTL = "/etc/sysctl.d/60-vip.conf"
UNIT_PATH = f"/etc/systemd/system/{SERVICE}"
# Patroni's directory is closed to it, and in some containers systemd cannot hand over a credential.
AUTHORITY = "/run/vip/patroni-ca.crt"

# Another configuration is read at once; all else needs a restart, for which the addresses are let go for a second.
_LOAD = """
since=$(systemctl show --timestamp=unix -p ExecMainStartTimestamp --value {unit})
if [ -n "$(find {files} -newermt "$since")" ]; then systemctl restart {unit}; else systemctl reload {unit}; fi
"""

_ON_HOST = Path(__file__).parent / "on_host"

# PostgreSQL listens on the addresses from its start, and gets them later.
_SYSCTL = """# Managed by pyinfra-patroni.
-net.ipv4.ip_nonlocal_bind = 1
-net.ipv6.ip_nonlocal_bind = 1
"""

# It has the one right that it needs, and no user of its own. Whatever ends it, even SIGKILL, the addresses go with it.
_UNIT = """# Managed by pyinfra-patroni.
[Unit]
Description=Virtual IP addresses of {cluster}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStartPre=-+/usr/lib/systemd/systemd-sysctl {sysctl}
ExecStartPre=+/usr/bin/install -m 644 {patroni} {authority}
ExecStart=/usr/bin/python3 {program} {configuration}
ExecReload=/bin/kill -HUP $MAINPID
ExecStopPost=/usr/bin/python3 {program} {configuration} --clear
Restart=always
RestartSec=1
WatchdogSec=10
TimeoutStopSec=10
DynamicUser=yes
RuntimeDirectory=vip
AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
{sandbox}
[Install]
WantedBy=multi-user.target
"""


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has virtual addresses itself, while it may."""
    return cluster.settings.vip_mode in ON_MEMBERS and node in cluster.members


def vip_component(cluster: Cluster, node: Node) -> Component:
    """Programs, configuration and unit of one member; nothing where it has no addresses itself."""
    if not is_wanted(cluster, node):
        return Component()
    programs = [File(f"{PROGRAMS}/{path.name}", path.read_text()) for path in sorted(_ON_HOST.glob("vip*.py"))]
    unit = _UNIT.format(
        cluster=cluster.name,
        sysctl=SYSCTL,
        program=PROGRAM,
        configuration=CONFIGURATION,
        patroni=PATRONI.authority,
        authority=AUTHORITY,
        sandbox=sandbox.VIP,
    )
    own = {CONFIGURATION: _configuration(cluster, node), SYSCTL: _SYSCTL, UNIT_PATH: unit}
    files = (*programs, *(File(path, text) for path, text in own.items()))
    loads = (*(file.path for file in files), PATRONI.authority)
    directories = (Directory(PROGRAMS), Directory(DIRECTORY))
    at_start = " ".join(path for path in loads if path != CONFIGURATION)
    load = f"({_LOAD.format(unit=UNIT, files=at_start)})"
    return Component(directories, files, (Unit(UNIT, loads, load=load),))


def _configuration(cluster: Cluster, node: Node) -> str:
    settings = cluster.settings
    given = {
        "rank": cluster.members.index(node),
        "mode": settings.vip_mode,
        "write": settings.vip_write,
        "read": settings.vip_read,
        "readers": [one.name for one in cluster.members if not one.settings.patroni_tags.get("noloadbalance")],
        "fallback": settings.vip_read_fallback == "primary",
        "lag_mib": settings.vip_read_max_lag_mib,
        "lease_seconds": LEASE_SECONDS,
        # With ttl and loop_wait, which the host asks Patroni for, this gives renewal_seconds.
        "margin_seconds": LEASE_SECONDS + SLACK_SECONDS,
        "interface": node.settings.vip_interface,
        "own": str(node.address),
        **({} if node.client_address == node.address else {"client_address": str(node.client_address)}),
        "port": settings.postgres_port,
        "rest_port": settings.patroni_rest_port,
        "pools": [process.socket for process in processes(cluster, node) if process.pool == "read"],
        # In a standby cluster everybody is a standby, its leader too.
        "read_path": "/read-only" if cluster.source else "/replica",
        "authority": AUTHORITY,
    }
    return json.dumps(given, indent=2) + "\n"


def call_of(cluster: Cluster) -> str:
    """What is called when a member's role changes, so that the addresses follow at once; "" in other modes."""
    return f"/usr/bin/python3 {CALL}" if cluster.settings.vip_mode in ON_MEMBERS else ""


# It stays with the members when it is not wanted there any more, so that a run removes it.
COMPONENT = ComponentType(
    name="vip",
    on=role("postgres"),
    packages=lambda cluster, node: ("python3",) if is_wanted(cluster, node) else (),
    files=lambda cluster, node, secrets: vip_component(cluster, node),
    phase="clients",
    units=lambda cluster, node: (UNIT,) if is_wanted(cluster, node) else (),
    former_units=(UNIT,),
    mark=UNIT_PATH,
    owns=lambda cluster, node: (PROGRAMS, DIRECTORY, SYSCTL, UNIT_PATH),
)
