"""The declared cluster: hosts with their roles and addresses, and the settings they share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from cluster.declared.address import Address
from cluster.errors import ConfigError
from cluster.finding_types.finding_type import RUN
from cluster.settings.pgbackrest import DIRECTORY
from cluster.settings.settings import Settings

ROLES = ("postgres", "etcd", "haproxy", "backup", "monitor")

# What hosts reach each other for, clients them, and pgBackRest: each may have a network of its own.
Network: TypeAlias = Literal["cluster", "client", "backup"]
# The roles of which a host uses its address in one of them; in that of the cluster all do.
ROLES_IN: Mapping[Network, frozenset[str]] = {
    "client": frozenset({"haproxy", "postgres"}),
    "backup": frozenset({"backup", "postgres"}),
}


def node_name(host_name: str) -> str:
    """A host's own name: pyinfra puts the connector in front of it when that is not ssh, ``@docker/pg1``."""
    return host_name.rpartition("/")[2] if host_name.startswith("@") else host_name


@dataclass(frozen=True)
class Node:
    """
    One host of the cluster.

    + name: as the inventory has it, without a connector
    + address: its cluster_address
    + roles: those of the four groups that it is in
    + apart: its addresses in networks of their own, where it has them
    """

    name: str
    address: Address
    roles: frozenset[str]
    settings: Settings
    apart: Mapping[Network, Address] = field(default_factory=dict, hash=False)

    @property
    def client_address(self) -> Address:
        """Where clients reach it."""
        return self.at("client")

    @property
    def backup_address(self) -> Address:
        """Where pgBackRest on other hosts reaches its own."""
        return self.at("backup")

    def at(self, network: Network) -> Address:
        """Where it is reached in a network; without an address of its own there, at its cluster_address."""
        return self.apart.get(network, self.address)

    def addresses_in(self, network: Network) -> tuple[Address, ...]:
        """Its address in a network, and that of the cluster, from which it comes to a host that has no other."""
        return tuple(dict.fromkeys((self.at(network), self.address)))

    @property
    def addresses(self) -> dict[Address, str]:
        """Each of its addresses, with the first setting that gives it."""
        found = {self.address: "cluster_address"}
        for name, address in self.apart.items():
            found.setdefault(address, f"{name}_address")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """The DNS names that a certificate of this host vouches for."""
        short = self.name.split(".")[0]
        return tuple(dict.fromkeys((self.name, short, "localhost")))


@dataclass(frozen=True)
class Cluster:
    """
    One cluster as declared.

    + nodes: in the inventory's order, which decides who coordinates and who bootstraps
    + source: the cluster that this one is a standby of
    + standbys: the clusters that are standbys of this one
    + watched: other clusters that its hosts of the group monitor scrape; + watchers: the hosts of others that scrape it
    """

    name: str
    settings: Settings
    nodes: tuple[Node, ...]
    source: Cluster | None = None
    standbys: tuple[Cluster, ...] = ()
    watched: tuple[Cluster, ...] = ()
    watchers: tuple[Node, ...] = ()

    def __str__(self) -> str:
        return self.name

    def having(self, role: str) -> tuple[Node, ...]:
        """The nodes with a role, in the inventory's order."""
        return tuple(node for node in self.nodes if role in node.roles)

    @cached_property
    def members(self) -> tuple[Node, ...]:
        """The nodes with PostgreSQL and Patroni."""
        return self.having("postgres")

    @cached_property
    def etcd(self) -> tuple[Node, ...]:
        """The nodes with etcd."""
        return self.having("etcd")

    @cached_property
    def balancers(self) -> tuple[Node, ...]:
        """The nodes with HAProxy."""
        return self.having("haproxy")

    @cached_property
    def repository(self) -> Node | None:
        """The node with the backups; None: this cluster has none, and nothing of pgBackRest."""
        return next(iter(self.having("backup")), None)

    @property
    def repository_directory(self) -> str | None:
        """Where backups lie on the repository host; None where they lie in an S3-compatible store alone."""
        return self.settings.pgbackrest_path if DIRECTORY in self.settings.pgbackrest_repositories else None

    def uses_pgbackrest(self, node: Node) -> bool:
        """Whether a node takes part in the backups: it has the repository, or data to be backed up."""
        return self.repository is not None and bool(node.roles & {"postgres", "backup"})

    def reads_source(self, node: Node) -> bool:
        """Whether a node reads the archive of the cluster that this one is a standby of."""
        return self.source is not None and self.source.repository is not None and "postgres" in node.roles

    @property
    def followers(self) -> tuple[Node, ...]:
        """The members of the standby clusters: each of them may be the one that is fed by this cluster."""
        return tuple(node for standby in self.standbys for node in standby.members)

    def node(self, name: str) -> Node:
        """The node with this name. Refuses one that the inventory does not have. + name: the node's, or pyinfra's"""
        found = next((node for node in self.nodes if node.name == node_name(name)), None)
        if found is None:
            raise ConfigError(
                f"{node_name(name)} is a member of {self.name}, and the inventory does not have it\n"
                f"HINT: put it back; `{RUN}/remove_node.py --data node={node_name(name)}` takes it out for good."
            )
        return found

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @property
    def data_directory(self) -> str:
        """Where PostgreSQL's data lies, the same on all members."""
        declared = self.settings.postgres_data_directory
        return declared or f"/var/lib/postgresql/{self.settings.postgres_version}/{self.name}"

    @property
    def bin_directory(self) -> str:
        """Where Debian's packages put this version's programs."""
        return f"/usr/lib/postgresql/{self.settings.postgres_version}/bin"

    @property
    def scope_key(self) -> str:
        """The prefix of this cluster's keys in etcd."""
        return f"{self.settings.patroni_namespace}{self.name}/"

    def key(self, *words: str) -> str:
        """One of this cluster's keys in etcd. + words: below the prefix, e.g. ``members`` and a node's name"""
        return f"{self.scope_key}{'/'.join(words)}"

    @property
    def etcd_endpoints(self) -> tuple[str, ...]:
        """The URLs under which etcd serves its clients."""
        return tuple(node.address.url(self.settings.etcd_client_port) for node in self.etcd)

    @property
    def published(self) -> bool:
        """Whether hosts of this cluster are reached through published ports, as containers are."""
        return any(node.settings.cluster_published_ports for node in self.nodes)
