"""etcd's configuration as environment files. https://etcd.io/docs/v3.5/op-guide/configuration/"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from cluster.ciphers import GO
from cluster.components import sandbox
from cluster.components.component import Component, Unit
from cluster.components.component_type import ComponentType, Listener, Reach, role
from cluster.components.data_mounts import ETCD as DATA
from cluster.components.data_mounts import data_mounts_program, note_path, start_condition
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.pki.certificates import ETCD, PATRONI_ETCD

UNIT = "etcd"
SERVICE = f"{UNIT}.service"
ENVIRONMENT = "/etc/default/etcd"
# What etcd reads only while its data directory is empty has a file of its own: a change there restarts nobody.
BOOTSTRAP = "/etc/etcd/bootstrap.env"
LOOPBACK = "127.0.0.1"
DROP_IN = "/etc/systemd/system/etcd.service.d/pyinfra-patroni.conf"

# Debian's unit restarts on-abnormal only, which leaves etcd down after exit code 1 or 2: an address that is not there
# yet at boot. A removed member exits with 0 and must stay down, hence not "always". With its data directory empty, for
# the mount is missing, a member would vote without the log that it has acknowledged, until it breaks off.
_DROP_IN = """[Unit]
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
EnvironmentFile=-{bootstrap}
Restart=on-failure
RestartSec=2
{place}
{sandbox}"""


def etcd_data_directory(cluster: Cluster) -> str:
    """Where etcd's data lies. Not the package's default, in which its own start may have left a cluster of one."""
    return f"/var/lib/etcd/{cluster.name}"


def etcdctl(endpoints: Iterable[str], *, quick: bool = False) -> str:
    """
    etcd's own client with this host's certificate, as the first words of a command of the shell.

    + endpoints: URLs of the members that are asked
    + quick: give up after seconds instead of the twenty that it takes by itself
    """
    place = f"ETCDCTL_CACERT={ETCD.authority} ETCDCTL_CERT={ETCD.certificate} ETCDCTL_KEY={ETCD.key}"
    patience = " --dial-timeout=2s --command-timeout=4s" if quick else ""
    # Within double quotes, for some of these commands stand within single ones.
    return f'env ETCDCTL_API=3 {place} ETCDCTL_ENDPOINTS="{",".join(endpoints)}" etcdctl{patience}'


def peer_url(cluster: Cluster, node: Node) -> str:
    """The URL under which the other members reach this one."""
    return node.address.url(cluster.settings.etcd_peer_port)


def etcd_component(cluster: Cluster, node: Node) -> Component:
    """etcd's files and unit on one host, without what only its first start reads."""
    return Component(
        directories=(Directory("/etc/etcd"), Directory("/etc/systemd/system/etcd.service.d")),
        files=(
            File(ENVIRONMENT, _environment_text(etcd_environment(cluster, node))),
            data_mounts_program(),
            File(DROP_IN, _drop_in(cluster)),
        ),
        # Restarted in order, one member at a time, by the procedure that looks at the quorum; the leaf certificate is
        # read at every handshake and needs no restart, a new CA does.
        units=(Unit(UNIT, (ENVIRONMENT, DROP_IN, ETCD.authority), wait=False),),
    )


def _drop_in(cluster: Cluster) -> str:
    place = start_condition(DATA, etcd_data_directory(cluster))
    return _DROP_IN.format(bootstrap=BOOTSTRAP, place=place, sandbox=sandbox.ETCD)


def etcd_environment(cluster: Cluster, node: Node) -> dict[str, str]:
    """Everything that a member reads at every start."""
    settings = cluster.settings
    address = node.address
    client = address.url(settings.etcd_client_port)
    loopback = f"https://{'[::1]' if address.ip.version == 6 else '127.0.0.1'}:{settings.etcd_client_port}"
    return {
        "ETCD_NAME": node.name,
        "ETCD_DATA_DIR": etcd_data_directory(cluster),
        "ETCD_LISTEN_PEER_URLS": peer_url(cluster, node),
        "ETCD_LISTEN_CLIENT_URLS": f"{client},{loopback}",
        # In the clear, for whoever is on this host: what they tell is no secret. See monitoring/etcd_metrics.py.
        **({"ETCD_LISTEN_METRICS_URLS": local_metrics(cluster, node)} if settings.monitoring else {}),
        "ETCD_INITIAL_ADVERTISE_PEER_URLS": peer_url(cluster, node),
        "ETCD_ADVERTISE_CLIENT_URLS": client,
        "ETCD_CERT_FILE": ETCD.certificate,
        "ETCD_KEY_FILE": ETCD.key,
        "ETCD_TRUSTED_CA_FILE": ETCD.authority,
        "ETCD_CLIENT_CERT_AUTH": "true",
        "ETCD_PEER_CERT_FILE": ETCD.certificate,
        "ETCD_PEER_KEY_FILE": ETCD.key,
        "ETCD_PEER_TRUSTED_CA_FILE": ETCD.authority,
        "ETCD_PEER_CLIENT_CERT_AUTH": "true",
        "ETCD_CIPHER_SUITES": ",".join(GO),
        "ETCD_AUTO_COMPACTION_MODE": "periodic",
        "ETCD_AUTO_COMPACTION_RETENTION": f"{settings.etcd_compaction_hours}h",
        "ETCD_QUOTA_BACKEND_BYTES": str(settings.etcd_quota_mib * 1024 * 1024),
        "ETCD_HEARTBEAT_INTERVAL": str(settings.etcd_heartbeat_ms),
        "ETCD_ELECTION_TIMEOUT": str(settings.etcd_election_ms),
    }


def local_metrics(cluster: Cluster, node: Node) -> str:
    """Where a member serves its metrics, on its own host alone."""
    return f"http://{LOOPBACK}:{cluster.settings.monitoring_etcd_local_port}"


def bootstrap_file(cluster: Cluster, peers: Mapping[str, str], *, state: str) -> File:
    """
    What a member reads at its first start only.

    + peers: member name to peer URL, the member itself among them
    + state: ``new`` when these members form the cluster together, ``existing`` from then on
    """
    listed = ",".join(f"{name}={url}" for name, url in peers.items())
    values = {
        "ETCD_INITIAL_CLUSTER": listed,
        "ETCD_INITIAL_CLUSTER_STATE": state,
        "ETCD_INITIAL_CLUSTER_TOKEN": f"{cluster.name}-etcd",
    }
    return File(BOOTSTRAP, _environment_text(values))


def declared_peers(cluster: Cluster, nodes: Iterable[Node] | None = None) -> dict[str, str]:
    """Member name to peer URL of the declared members."""
    return {node.name: peer_url(cluster, node) for node in (cluster.etcd if nodes is None else nodes)}


def _environment_text(values: Mapping[str, str]) -> str:
    lines = [f"{name}={value}\n" for name, value in values.items()]
    return "# Managed by pyinfra-patroni.\n" + "".join(lines)


def _listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    settings, own = cluster.settings, str(node.address)
    local = Listener("monitoring_etcd_local_port", settings.monitoring_etcd_local_port, SERVICE, (LOOPBACK,))
    return (
        *((local,) if settings.monitoring else ()),
        Listener("etcd_client_port", settings.etcd_client_port, SERVICE, (own, node.address.loopback)),
        Listener("etcd_peer_port", settings.etcd_peer_port, SERVICE, (own,)),
    )


COMPONENT = ComponentType(
    name="etcd",
    on=role("etcd"),
    # What looks whether the data are mounted before a start needs Python: python3 is not part of Debian's minimum.
    packages=lambda cluster, node: ("etcd-server", "etcd-client", "python3"),
    held=("etcd-",),
    debian_units={"etcd-server": UNIT},
    undisturbed=("etcd",),
    files=lambda cluster, node, secrets: etcd_component(cluster, node),
    service=SERVICE,
    phase="etcd",
    units=lambda cluster, node: (UNIT,),
    certificates=lambda cluster, node: (ETCD,),
    listens=_listeners,
    reaches=lambda cluster, node: (
        Reach(cluster.etcd, (cluster.settings.etcd_client_port, cluster.settings.etcd_peer_port)),
    ),
    tls={"etcd_client_port": (ETCD, PATRONI_ETCD), "etcd_peer_port": (ETCD, PATRONI_ETCD)},
    owns=lambda cluster, node: (ENVIRONMENT, BOOTSTRAP, DROP_IN, ETCD.directory, etcd_data_directory(cluster)),
    notes=(note_path(DATA),),
    shells=("/etc/etcd", str(PurePosixPath(DROP_IN).parent)),
)
