"""Snapshots of etcd: where they lie, who takes them, and the units that do it every so often."""

from __future__ import annotations

from cluster.certificates import ETCD, PGBACKREST, CertificatePlace
from cluster.component import Component, Unit
from cluster.files import Directory, File
from cluster.model import Cluster, Node

STATE = "/var/lib/pyinfra-patroni"
SNAPSHOTS = f"{STATE}/etcd-snapshots"
PROGRAM = "/usr/local/bin/etcd-snapshot"
SERVICE = "etcd-snapshot.service"
TIMER = "etcd-snapshot.timer"
SERVICE_PATH = f"/etc/systemd/system/{SERVICE}"
TIMER_PATH = f"/etc/systemd/system/{TIMER}"


def keepers(cluster: Cluster) -> tuple[Node, ...]:
    """The hosts that keep snapshots: etcd's own, and the repository host, for all of etcd's may be lost at once."""
    others = [node for node in cluster.having("backup") if node not in cluster.etcd]
    return (*cluster.etcd, *others)


def snapshot_component(cluster: Cluster, node: Node, program: str) -> Component:
    """Files and units of the snapshots on one host; nothing on a host that keeps none. + program: its text"""
    if node not in keepers(cluster):
        return Component()
    user = _place(node).user
    files = (
        File(PROGRAM, program, mode="755"),
        File(SERVICE_PATH, _service(cluster, node)),
        File(TIMER_PATH, _timer(cluster)),
    )
    timer = Unit(TIMER, (TIMER_PATH, SERVICE_PATH), load=f"systemctl restart {TIMER}")
    return Component((Directory(STATE), Directory(SNAPSHOTS, user, user, "700")), files, (timer,))


def _place(node: Node) -> CertificatePlace:
    """
    The certificate with which a host asks etcd. The repository host fetches its snapshots itself, with the one that it
    has for pgBackRest: etcd lets in every client whom the cluster's CA vouches for, so a certificate more would give no
    fewer rights, and be one more to lose. Whoever takes over the repository host can therefore write to etcd, as from
    every member. Nobody has to reach the repository host for this.
    """
    return ETCD if "etcd" in node.roles else PGBACKREST


def snapshot_endpoints(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Whom a host asks, one after the other: its own etcd first, where it has one."""
    own = [one for one in cluster.etcd if one is node]
    others = [one for one in cluster.etcd if one is not node]
    return tuple(one.address.url(cluster.settings.etcd_client_port) for one in (*own, *others))


def _service(cluster: Cluster, node: Node) -> str:
    place = _place(node)
    words = [SNAPSHOTS, str(cluster.settings.etcd_snapshots_kept), cluster.scope_key]
    return f"""# Managed by pyinfra-patroni.
[Unit]
Description=Snapshot of the etcd of {cluster.name}
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
User={place.user}
Group={place.user}
Environment=ETCDCTL_CACERT={place.authority} ETCDCTL_CERT={place.certificate} ETCDCTL_KEY={place.key}
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
