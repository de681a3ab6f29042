"""The example inventories as clusters, and everything that a run would write on their hosts, as text by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.components.all import certificate_places, components_on
from cluster.components.component import Component
from cluster.components.etcd import bootstrap_file, declared_peers
from cluster.components.files import File
from cluster.components.patroni import as_yaml, patroni_component
from cluster.components.patroni_dynamic import dynamic_configuration
from cluster.declared.model import Cluster, Node
from cluster.declared.tuning import Resources
from cluster.inventory.clusters import declared_clusters
from cluster.packages.files import host_files, signing_key, source_files
from cluster.packages.plan import held_packages, wanted_packages
from cluster.packages.releases import Release
from cluster.pki.certificates import leaf_request
from cluster.plans.configure import without_absences
from cluster.screens.card import connection_card
from cluster.secrets.secrets import NAMES, Secret
from tests.inventories import clusters_of, inventory_hosts

ROOT = Path(__file__).parents[2]
EXAMPLES = ("three_hosts", "dedicated", "ipv6", "routed", "networks", "monitored")

# What no inventory says: of every host the same, so that a change in a golden file is a change of ours.
MEMBER = Resources(memory_mib=15990, cores=8, disk_mib=200_000)
PATRONI_VERSION = (4, 0, 7)
RELEASE = Release("debian", "trixie", "13")
SECRETS = {name: Secret(f"fake-{name.lower()}") for name in NAMES}


def example(name: str) -> Cluster:
    """The one cluster of an example."""
    (cluster,) = clusters_of(ROOT / "inventories" / f"{name}.py").values()
    return cluster


def with_firewall(name: str) -> Cluster:
    """An example with a firewall on its hosts."""
    return _declaring(
        name, {"firewall_mode": "nftables", "firewall_monitoring_networks": ["10.98.0.0/24"], "journald_mib": 2048}
    )


def with_pools(name: str) -> Cluster:
    """An example with PgBouncer, in front of HAProxy where there is one, and with the networks of its clients."""
    where = "haproxy" if example(name).balancers else "members"
    return _declaring(name, {"pgbouncer_on": where, "pgbouncer_session_size": 5, "pgbouncer_processes": 2})


def monitored(name: str) -> Cluster:
    """An example whose hosts judge themselves."""
    return _declaring(name, {"monitoring": True})


def with_store(name: str, credentials: Path) -> Cluster:
    """An example with an S3-compatible store beside its directory. + credentials: file of the store's keys"""
    given = {
        "pgbackrest_repositories": ["directory", "s3"],
        "pgbackrest_s3_bucket": "orders-backups",
        "pgbackrest_s3_endpoint": "s3.example.net:9000",
        "pgbackrest_s3_region": "eu-central-1",
        "pgbackrest_s3_uri_style": "path",
        "pgbackrest_s3_credentials": str(credentials),
        "pgbackrest_s3_retention_full": 12,
    }
    return _declaring(name, given)


def _declaring(name: str, given: Mapping[str, Any]) -> Cluster:
    hosts = inventory_hosts(ROOT / "inventories" / f"{name}.py")
    clusters, findings = declared_clusters([replace(host, data={**host.data, **given}) for host in hosts], {})
    assert findings == []
    (cluster,) = clusters.values()
    return cluster


def rendered(cluster: Cluster) -> dict[str, str]:
    """Every file of every host of a cluster by ``<host>/<path>``, and what belongs to no host."""
    texts = {"dynamic-configuration.yml": as_yaml(dynamic(cluster)), "card.txt": _card(cluster)}
    for node in cluster:
        for path, text in _host_texts(cluster, node).items():
            texts[f"{node.name}/{path.lstrip('/')}"] = text
    return texts


def dynamic(cluster: Cluster) -> dict[str, Any]:
    """What all members share."""
    return dynamic_configuration(cluster, [MEMBER] * len(cluster.members), PATRONI_VERSION)


def _host_texts(cluster: Cluster, node: Node) -> dict[str, str]:
    return {
        "packages.txt": _packages(cluster, node),
        "certificates.txt": _certificates(cluster, node),
        **_by_path(item for item in _package_files(cluster, node) if isinstance(item, File)),
        **_components(cluster, node),
        **(_first_etcd(cluster) if "etcd" in node.roles else {}),
        **(_first_patroni(cluster, node) if node in cluster.members[:1] else {}),
    }


def _by_path(files: Iterable[File]) -> dict[str, str]:
    return {file.path: file.content for file in files}


def _component(component: Component) -> dict[str, str]:
    return _by_path(component.files)


def _components(cluster: Cluster, node: Node) -> dict[str, str]:
    files = (one.files(cluster, node, SECRETS) for one in components_on(cluster, node))
    return {path: text for one in files for path, text in _component(one).items()}


def _first_etcd(cluster: Cluster) -> dict[str, str]:
    first, later = (bootstrap_file(cluster, declared_peers(cluster), state=state) for state in ("new", "existing"))
    return {later.path: later.content, f"first-start{first.path}": first.content}


def _first_patroni(cluster: Cluster, node: Node) -> dict[str, str]:
    texts = _component(patroni_component(cluster, node, SECRETS, without_absences(dynamic(cluster))))
    return {f"first-start{path}": text for path, text in texts.items() if path.endswith("config.yml")}


def _package_files(cluster: Cluster, node: Node) -> Iterable[Any]:
    # The key's own text would only be noise here; a test of its own holds its fingerprint.
    key = None if signing_key(cluster) is None else "(the key)\n"
    return (*source_files(cluster, RELEASE, key), *host_files(cluster, node, needrestart=True))


def _packages(cluster: Cluster, node: Node) -> str:
    held = held_packages(cluster, node)
    lines = [f"{package}{' (held)' if package in held else ''}" for package in wanted_packages(cluster, node)]
    return "".join(f"{line}\n" for line in lines)


def _certificates(cluster: Cluster, node: Node) -> str:
    return "\n".join(_certificate(cluster, node, place) for place in certificate_places(cluster, node)) or "none\n"


def _certificate(cluster: Cluster, node: Node, place: Any) -> str:
    request = leaf_request(cluster, node, place)
    uses = [word for word, asked in (("server", request.server), ("client", request.client)) if asked]
    values = {
        "certificate": place.certificate,
        "key": f"{place.key} ({place.user})",
        "trusts": place.authority,
        "name": request.common_name,
        "for": ", ".join(uses),
        "days": request.days,
        "dns names": ", ".join(request.dns_names),
        "addresses": ", ".join(map(str, request.addresses)),
    }
    return f"{place.component}\n" + "".join(f"  {name}: {value}\n" for name, value in values.items())


def _card(cluster: Cluster) -> str:
    leader = cluster.members[0].name
    members = {node.name: _seen(node, streaming=node.name != leader) for node in cluster.members}
    seen: Mapping[str, Any] = {"leader": leader, "version": "4.0.7", "members": members}
    places = {"ca": f".secrets/{cluster.name}/ca.crt", "password": f".secrets/{cluster.name}/secrets.json"}
    version = f"{cluster.settings.postgres_version}.1"
    fed = f"streams from {cluster.source.name}, 0 MiB behind" if cluster.source is not None else None
    return "".join(f"{line}\n" for line in connection_card(cluster, seen, version, places, has_backup=False, fed=fed))


def _seen(node: Node, *, streaming: bool) -> dict[str, Any]:
    state = {"state": "streaming" if streaming else "running", "streaming": streaming, "running": True}
    return {**state, "timeline": 1, "lag_mib": 0, "pending_restart": False, "pending_reason": {}}
