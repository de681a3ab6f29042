"""The exporters of a host, and what etcd, HAProxy, PgBouncer and PostgreSQL have for them is with those."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation

from cluster.components.component import Component
from cluster.components.files import File
from cluster.components.monitoring import SERVING
from cluster.components.monitoring.alertmanager import COMPONENT as ALERTMANAGER
from cluster.components.monitoring.exporter import USER
from cluster.components.monitoring.prometheus import COMPONENT as PROMETHEUS
from cluster.components.monitoring.prometheus import lent_authority, lent_place
from cluster.declared.model import Cluster
from cluster.pki.issuers import leaf_sources
from cluster.pki.scraper import scraper_authority
from cluster.secrets.secrets import Secret
from operations.acts.component import Commands, apply_component
from operations.certificates import lent
from operations.util.first_look import looks_again
from operations.util.planning import dry_run

WATCHING = (PROMETHEUS, ALERTMANAGER)


@operation()
@looks_again
def exporters(cluster: Cluster) -> Commands:
    """
    Run the exporters that belong on this host. Each reads its files again by a restart, which nothing but a scrape
    that fails once would notice; a new certificate most of them take without.

    + cluster: as declared, with monitoring; called on every host
    """
    node = cluster.node(host.name)
    there = [one.files(cluster, node, {}) for one in SERVING if one.on(cluster, node)]
    yield from apply_component(_together(there))


@operation()
@looks_again
def trust_watched(cluster: Cluster, secrets: Mapping[str, Path]) -> Commands:
    """
    What a host of the group monitor needs to scrape other clusters: of each a certificate, and both of its CAs.

    Refuses one that has no exporters yet. + secrets: by the name of a watched cluster its ``.secrets/<cluster_name>``
    """
    node = cluster.node(host.name)
    if "monitor" not in node.roles:
        host.noop("this host is not in the group monitor")
        return
    for one in cluster.watched:
        directory = secrets[one.name]
        if not dry_run():
            scraper_authority(one, directory)
        sources = leaf_sources(one, directory, plans=True)
        yield from lent(lent_place(one), sources["monitoring"], node)
        own = File(lent_authority(one), sources["cluster"].trust_pem, USER, USER)
        yield from apply_component(Component(files=(own,)))


@operation()
@looks_again
def monitor(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Run Prometheus and Alertmanager on the hosts of the group monitor. What changes is checked by their own tools before
    it takes its place, and loaded without a restart.

    + cluster: as declared, with monitoring; + secrets: all of the cluster's, by name
    """
    node = cluster.node(host.name)
    if "monitor" not in node.roles:
        host.noop("this host is not in the group monitor")
        return
    yield from apply_component(_together([one.files(cluster, node, secrets) for one in WATCHING]))


def _together(components: list[Component]) -> Component:
    """As one, without what several of them need twice."""
    directories = dict.fromkeys(item for one in components for item in one.directories)
    files = dict.fromkeys(item for one in components for item in one.files)
    return Component(tuple(directories), tuple(files), tuple(unit for one in components for unit in one.units))
