"""Snapshots of etcd: where they are stored, on which hosts, and the units that take them."""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.components.rendering import program
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import ETCD

STATE = "/var/lib/pyinfra-patroni"
SNAPSHOTS = f"{STATE}/etcd-snapshots"
PROGRAM = "/usr/local/bin/etcd-snapshot"
SERVICE = "etcd-snapshot.service"
TIMER = "etcd-snapshot.timer"
SERVICE_PATH = f"/etc/systemd/system/{SERVICE}"
TIMER_PATH = f"/etc/systemd/system/{TIMER}"


def snapshot_hosts(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts that keep snapshots: etcd's own, and the repository host, for all of etcd's may be lost at once."""
    return (*cluster.etcd, *copyists(cluster))


def copyists(cluster: Cluster) -> tuple[Node, ...]:
    """
    The hosts that get a copy of a snapshot from a run. The repository host takes none itself: for that etcd would have
    to let it in, and whoever etcd lets in is root there.
    """
    return tuple(node for node in cluster.having("backup") if node not in cluster.etcd)


def snapshot_component(cluster: Cluster, node: Node) -> Component:
    """Program, units and directory of the snapshots on one host; nothing on a host that keeps none."""
    if node in copyists(cluster):
        return Component((Directory(STATE), Directory(SNAPSHOTS, mode="700")))
    if node not in cluster.etcd:
        return Component()
    files = (
        File(PROGRAM, program("etcd_snapshot.sh"), mode="755"),
        File(SERVICE_PATH, _service(cluster, node)),
        File(TIMER_PATH, _timer(cluster)),
    )
    timer = Unit(TIMER, (TIMER_PATH, SERVICE_PATH), load=f"systemctl restart {TIMER}")
    return Component((Directory(STATE), Directory(SNAPSHOTS, ETCD.user, ETCD.user, "700")), files, (timer,))


def snapshot_endpoints(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Whom a host asks, one after the other: its own etcd first, where it has one."""
    own = [one for one in cluster.etcd if one is node]
    others = [one for one in cluster.etcd if one is not node]
    return tuple(one.address.url(cluster.settings.etcd_client_port) for one in (*own, *others))


def _service(cluster: Cluster, node: Node) -> str:
    words = [SNAPSHOTS, str(cluster.settings.etcd_snapshots_kept), cluster.scope_key]
    return f"""# Managed by pyinfra-patroni.
[Unit]
Description=Snapshot of the etcd of {cluster.name}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
User={ETCD.user}
Group={ETCD.user}
Environment=ETCDCTL_CACERT={ETCD.authority} ETCDCTL_CERT={ETCD.certificate} ETCDCTL_KEY={ETCD.key}
ExecStart={" ".join([PROGRAM, *words, *snapshot_endpoints(cluster, node)])}
TimeoutStartSec=10min
NoNewPrivileges=true
PrivateTmp=true
ProtectHome=true
ProtectSystem=strict
ReadWritePaths={SNAPSHOTS}
"""


def _timer(cluster: Cluster) -> str:
    minutes = cluster.settings.etcd_snapshot_interval_minutes
    return f"""# Managed by pyinfra-patroni.
[Unit]
Description=Snapshots of the etcd of {cluster.name}

[Timer]
Unit={SERVICE}
# The first one soon after a boot, for the host may have been down for long.
OnActiveSec=2min
OnUnitActiveSec={minutes}min
RandomizedDelaySec=1min

[Install]
WantedBy=timers.target
"""


COMPONENT = ComponentType(
    name="etcd_snapshot",
    on=lambda cluster, node: node in snapshot_hosts(cluster),
    packages=lambda cluster, node: ("etcd-client",),
    held=("etcd-",),
    files=lambda cluster, node, secrets: snapshot_component(cluster, node),
    units=lambda cluster, node: (TIMER,) if node in cluster.etcd else (),
    former_units=(TIMER,),
    owns=lambda cluster, node: (PROGRAM, SERVICE_PATH, TIMER_PATH),
)
