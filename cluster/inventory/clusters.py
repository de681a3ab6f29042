"""From the inventory's plain data to clusters, or to every reason why there are none. No host is needed for this."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.declared.model import Cluster, Node
from cluster.declared.owned_parameters import declared_findings
from cluster.declared.pgbouncer import pools
from cluster.declared.replication import replication_findings
from cluster.declared.standby_clusters import related, standby_findings
from cluster.findings import Finding
from cluster.inventory.addresses import addresses_of, client_findings, duplicate_findings
from cluster.inventory.bgp import bgp_findings
from cluster.inventory.firewall import firewall_findings
from cluster.inventory.haproxy import haproxy_findings
from cluster.inventory.host import INVENTORY, DeclaredHost
from cluster.inventory.monitoring import monitoring_findings, watched_findings
from cluster.inventory.names import group_findings, name_findings, place_findings
from cluster.inventory.parameters import declared_value_findings
from cluster.inventory.pg_hba import hba_findings
from cluster.inventory.pgbouncer import pgbouncer_findings
from cluster.inventory.vip import vip_findings
from cluster.packages.findings import pin_findings
from cluster.settings.hba_grammar import shown
from cluster.settings.pgbackrest import DIRECTORY
from cluster.settings.settings import DEFAULTS, Settings, is_per_host, unknown_names, validated

ETCD_SIZES = (1, 3, 5)


def declared_clusters(
    hosts: Iterable[DeclaredHost], observed: Mapping[str, Iterable[str]]
) -> tuple[dict[str, Cluster], list[Finding]]:
    """
    The clusters of an inventory by name, and everything that is wrong with them.

    + hosts: in the inventory's order; hosts without a role are left out
    + observed: the addresses on the interfaces of those hosts that do not declare theirs, without those that are not
      reached
    """
    listed = list(hosts)
    findings = group_findings({host.name: host.groups for host in listed}, INVENTORY)
    nodes: dict[str, list[Node]] = {}
    whole = True  # half a cluster would only yield findings that are not true
    declared = [host for host in listed if host.roles]
    findings += name_findings([host.name for host in declared], INVENTORY)
    for host in declared:
        findings += unknown_names(host.data, host.origin)
        node = _node(host, observed.get(host.name))
        if isinstance(node, Node):
            nodes.setdefault(node.settings.cluster_name, []).append(node)
        else:
            findings, whole = findings + node, False
    clusters = related({name: Cluster(name, members[0].settings, tuple(members)) for name, members in nodes.items()})
    if whole:
        findings += [finding for cluster in clusters.values() for finding in cluster_findings(cluster)]
        findings += standby_findings(clusters)
        findings += watched_findings(clusters)
        findings += pin_findings(clusters.values())
    return clusters, findings


def _node(host: DeclaredHost, observed: Iterable[str] | None) -> Node | list[Finding]:
    settings, wrong = validated(host.data, host.origin)
    if settings is None:
        return wrong
    addresses, wrong = addresses_of(host, settings, observed)
    return wrong or Node(host.name, addresses.pop("cluster"), host.roles, settings, addresses)


def cluster_findings(cluster: Cluster) -> list[Finding]:
    """What is wrong between the hosts of one cluster."""
    return [
        *_size_findings(cluster),
        *_repository_findings(cluster),
        *_disagreements(cluster),
        *duplicate_findings(cluster),
        *client_findings(cluster),
        *_slot_collisions(cluster),
        *_port_collisions(cluster),
        *place_findings(cluster, DEFAULTS),
        *vip_findings(cluster, DEFAULTS),
        *bgp_findings(cluster, DEFAULTS),
        *hba_findings(cluster, DEFAULTS),
        *firewall_findings(cluster, DEFAULTS),
        *replication_findings(cluster),
        *haproxy_findings(cluster),
        *pgbouncer_findings(cluster, DEFAULTS),
        *monitoring_findings(cluster, DEFAULTS),
        *declared_findings(cluster),
        *declared_value_findings(cluster),
    ]


def _size_findings(cluster: Cluster) -> Iterable[Finding]:
    size = len(cluster.etcd)
    if size not in ETCD_SIZES:
        problem = f"cluster {cluster.name} has {size} etcd members, it takes 1, 3 or 5"
        yield Finding(INVENTORY, "etcd", problem, _size_hint(size))
    if not cluster.members:
        problem = f"cluster {cluster.name} has no host in the group postgres"
        yield Finding(INVENTORY, "postgres", problem, "Put the hosts that are to run PostgreSQL in the group postgres.")


def _repository_findings(cluster: Cluster) -> Iterable[Finding]:
    hosts = [node.name for node in cluster.having("backup")]
    if len(hosts) > 1:
        problem = f"cluster {cluster.name} has {len(hosts)} repository hosts: {', '.join(hosts)}"
        yield Finding(
            INVENTORY,
            "backup",
            problem,
            "Leave one in the group backup; for a second copy add s3 to pgbackrest_repositories.",
        )
    if not hosts and cluster.settings.pgbackrest_repositories != [DIRECTORY]:
        places = ", ".join(cluster.settings.pgbackrest_repositories)
        problem = f"{places}, and cluster {cluster.name} has no repository host to store anything there"
        hint = "Put a host in the group backup; it may be a member, and for s3 alone needs no disk."
        yield Finding(INVENTORY, "pgbackrest_repositories", problem, hint)


def _size_hint(size: int) -> str:
    if size == 0:
        return "etcd decides who leads: put 3 hosts in the group etcd, which may be those of the group postgres."
    if size > max(ETCD_SIZES):
        return "More members make every write slower and survive no failure that 5 do not; take some out of the group."
    return f"{size} survive no more failures than {size - 1}: add a host to the group etcd, or take one out."


def _disagreements(cluster: Cluster) -> Iterable[Finding]:
    first = cluster.nodes[0]
    for name in Settings.model_fields:
        if is_per_host(name):
            continue
        values = {node.name: getattr(node.settings, name) for node in cluster}
        other = next((host for host, value in values.items() if value != values[first.name]), None)
        if other is not None:
            said, otherwise = (_shown(name, values[host]) for host in (first.name, other))
            problem = f"{first.name} says {said}, {other} says {otherwise}"
            yield Finding(INVENTORY, name, problem, "Hosts of one cluster share it: set it in group_data/all.py.")


def _shown(name: str, value: Any) -> str:
    # A line of pg_hba may hold a password.
    return f"[{', '.join(map(shown, value))}]" if name == "postgres_hba" else repr(value)


def slot_name(member: str) -> str:
    """The replication slot that Patroni makes for a member (``slot_name_from_member_name`` in its dcs module)."""

    def replaced(match: re.Match[str]) -> str:
        character = match.group(0)
        return "_" if character in "-." else f"u{ord(character):04d}"

    return re.sub(r"[^a-z0-9_]", replaced, member.lower())[:63]


def _slot_collisions(cluster: Cluster) -> Iterable[Finding]:
    for slot, count in Counter(slot_name(node.name) for node in cluster.members).items():
        if count > 1:
            owners = " and ".join(node.name for node in cluster.members if slot_name(node.name) == slot)
            problem = f"{owners} would share the replication slot {slot}"
            yield Finding(INVENTORY, "postgres", problem, "Rename one: slots know only a-z, 0-9 and underscore.")


def _port_collisions(cluster: Cluster) -> Iterable[Finding]:
    ports = {name: value for name, value in cluster.settings.model_dump().items() if name.endswith("_port")}
    if not pools(cluster):
        ports = {name: value for name, value in ports.items() if not name.startswith("pgbouncer_")}
    if not cluster.settings.monitoring:
        ports = {name: value for name, value in ports.items() if not name.startswith("monitoring_")}
    for name, value in ports.items():
        twins = [other for other, taken in ports.items() if taken == value and other > name]
        if twins:
            yield Finding(DEFAULTS, name, f"{value} is also the value of {twins[0]}", "Give each service its own port.")
