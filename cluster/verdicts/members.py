"""Members that are not at their declared address, or no longer in the inventory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import SplitResult, urlsplit

from cluster.components.etcd import peer_url
from cluster.components.patroni_unit import SERVICE as PATRONI_UNIT
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.finding_types.finding_type import RUN
from cluster.findings import Finding
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember
from cluster.verdicts.etcd_members import voter_urls

Keys = Mapping[str, str]


def member_addresses(cluster: Cluster, keys: Keys) -> dict[str, str]:
    """Where living members are, as each has told etcd. + keys: what etcd holds below the cluster's prefix"""
    prefix = cluster.key("members", "")
    said = {name.removeprefix(prefix): json.loads(text) for name, text in keys.items() if name.startswith(prefix)}
    urls = {name: one.get("conn_url") for name, one in said.items()}
    return {name: str(urlsplit(url).hostname) for name, url in urls.items() if url}


def undeclared_findings(cluster: Cluster, keys: Keys | None) -> Iterator[Finding]:
    """
    Living members that the inventory has not, or not in the group postgres: they would be shut out by pg_hba while
    their slots keep WAL, and one of them may lead.

    + keys: what etcd holds below the cluster's prefix; None while it does not answer
    """
    prefix, declared = cluster.key("members", ""), {node.name for node in cluster.members}
    living = [key.removeprefix(prefix) for key in keys or () if key.startswith(prefix)]
    addresses = {str(node.address): node.name for node in cluster}
    for name in (one for one in living if one not in declared):
        word = "leads" if (keys or {}).get(cluster.key("leader")) == name else "is a living member of"
        problem = f"{word} {cluster.name}, and the inventory does not have it in the group postgres"
        renamed = addresses.get(member_addresses(cluster, keys or {}).get(name, ""), name)
        yield Finding(name, "inventory", problem, _back(name, renamed))


def _back(name: str, renamed: str) -> str:
    if renamed != name:
        return f"A member keeps its name: call {renamed} {name} again. How ssh reaches it is ssh_hostname alone."
    return (
        f"Put it back. To take it out: `{RUN}/remove_node.py --data node={name}`, and only then out of the inventory."
    )


def moved_findings(
    cluster: Cluster,
    keys: Keys | None,
    voters: Sequence[SeenEtcdMember] | None,
    pictures: Mapping[str, Mapping[str, Any] | None],
    moving: Collection[str] = (),
) -> Iterator[Finding]:
    """
    Living members that the inventory has at another address, or at another port of etcd's. To the others they would
    be gone, and their certificates, files and lines of pg_hba would be another host's.

    + keys, voters: what etcd holds below the cluster's prefix, and its members; None while it does not answer
    + pictures: ``HostPicture`` by host name; what etcd there would say of itself is believed while no etcd answers
    + moving: names of hosts of which the run itself knows what to do
    """
    at, listed = member_addresses(cluster, keys or {}), voter_urls(voters or ())
    for node in (one for one in cluster if one.name not in moving):
        picture = pictures.get(node.name)
        own = listed.get(node.name, ())
        if voters is None and picture is not None and picture["etcd_data"] and picture["etcd_peer_url"]:
            own = (picture["etcd_peer_url"],)
        address = at.get(node.name, _unheard(cluster, keys, picture))
        yield from _moved(cluster, node, address if "postgres" in node.roles else None, own)


def _unheard(cluster: Cluster, keys: Keys | None, picture: Mapping[str, Any] | None) -> str | None:
    """Where a Patroni that runs is by its file, though etcd knows nothing of it: as when that address is gone."""
    runs = keys is not None and picture is not None and PATRONI_UNIT in picture["active"]
    return picture["patroni_address"] if runs and picture is not None and picture["scope"] == cluster.name else None


def _moved(cluster: Cluster, node: Node, address: str | None, urls: Sequence[str]) -> Iterator[Finding]:
    if address not in (None, str(node.address)):
        problem = f"{node.name} is a living member at {address}, declared is {node.address}"
        hint = f"Set cluster_address = '{address}'; or {_move(node)}."
        yield Finding(node.name, "cluster_address", problem, hint)
    elif urls and "etcd" not in node.roles:
        problem = f"{node.name} is a member of etcd, and the inventory does not have it in the group etcd"
        hint = f"Put it back. A host is taken out with all its roles: `{RUN}/remove_node.py --data node={node.name}`."
        yield Finding(node.name, "inventory", problem, hint)
    elif urls and peer_url(cluster, node) not in urls:
        yield _moved_voter(cluster, node, urlsplit(urls[0]))


def _move(node: Node) -> str:
    return f"with all others as they were let it move: `{RUN}/move_node.py --data node={node.name}`"


def _moved_voter(cluster: Cluster, node: Node, url: SplitResult) -> Finding:
    """etcd lists its members dead or alive."""
    if url.hostname == str(node.address):
        problem = f"{node.name} is a member of etcd at port {url.port}, declared is {cluster.settings.etcd_peer_port}"
        hint = f"Set etcd_peer_port = {url.port}: a running cluster keeps it."
        return Finding(node.name, "etcd_peer_port", problem, hint)
    problem = f"{node.name} is a member of etcd at {url.hostname}, declared is {node.address}"
    replace = f"`{RUN}/replace_node.py --data node={node.name}`"
    hint = f"Set cluster_address = '{url.hostname}'; or {_move(node)}. Where that host is lost: {replace}."
    return Finding(node.name, "cluster_address", problem, hint)


def refuse_moved(cluster: Cluster, seen: SeenEtcd, leaving: str) -> None:
    """
    Refuse to take a host out while others are elsewhere than the inventory has them, or are not in it: all of them get
    new files. + seen: ``EtcdCluster``, live; + leaving: the host that goes
    """
    found = [
        *undeclared_findings(cluster, seen["keys"]),
        *moved_findings(cluster, seen["keys"], seen["members"], {}, {leaving}),
    ]
    if found:
        raise ConfigError(f"{found[0].where}: {found[0].problem}\nHINT: {found[0].hint}")


def twins(cluster: Cluster, keys: Keys) -> Iterator[str]:
    """Addresses of declared members that another living one has. + keys: what etcd holds below the cluster's prefix"""
    where = member_addresses(cluster, keys)
    for node in cluster.members:
        address = str(node.address)
        others = [name for name, other in where.items() if other == address and name != node.name]
        yield from (f"the address of {node.name}, {address}, is that of the member {name}" for name in others)
