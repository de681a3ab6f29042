"""Refuse early: read what is declared and what the hosts are like, and say everything that is wrong at once."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import pyinfra
from gevent.event import AsyncResult
from pyinfra import host, logger, state
from pyinfra.api import FactBase, Host, Inventory

from cluster.declared.model import ROLES, Cluster, Node, node_name
from cluster.errors import refusal
from cluster.findings import Finding, findings_table
from cluster.inventory.addresses import hosts_to_look_at
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import INVENTORY, DeclaredHost
from cluster.observed.etcd import SeenEtcd
from cluster.packages.plan import packages_question
from cluster.preflight.control_machine import HeldSecrets, control_findings, inheritance_findings
from cluster.preflight.hosts import Observed, host_findings, host_remarks, picture_question
from cluster.preflight.ports import needed_ports, serves_etcd, tls_ports
from cluster.preflight.secrets import foreign_findings, held_findings
from cluster.settings.settings import DEFAULTS
from facts.answer import Question
from facts.etcd import EtcdCluster
from facts.packages import HostPackages
from facts.preflight.host import HostPicture
from facts.preflight.ports import PeerPorts, PeerSources
from operations.live.together import read_together
from operations.util.hosts import is_within_limit, target_of
from operations.util.reading import read_each

# A host that hangs, e.g. on a dead network file system, ends the run with a word instead of holding it up for ever.
READ_SECONDS = 30

# Of this run: what a host says of a secret that it has is of use nowhere else.
NONCE = secrets.token_hex(16)

T = TypeVar("T")

_done: WeakKeyDictionary[Inventory, dict[str, AsyncResult]] = WeakKeyDictionary()


def once(declared: Inventory, name: str, work: Callable[[], T]) -> T:
    """
    Deploy code runs once a host, all at the same time: the first does the work, the others wait for its result.

    + declared: the inventory of the run
    + name: of the work
    """
    results = _done.setdefault(declared, {})
    if name not in results:
        results[name] = AsyncResult()
        try:
            results[name].set(work())
        except BaseException as error:
            results[name].set_exception(error)
            raise
    found: T = results[name].get()
    return found


def declared_clusters_of(declared: Inventory) -> dict[str, Cluster]:
    """
    The clusters that an inventory declares, by name: the same objects for every host that asks. Refuses with
    everything that is wrong in the inventory and its data.

    + declared: pyinfra's own, e.g. ``host.inventory``
    """
    clusters, findings = once(declared, "", lambda: _declared(declared))
    if findings:
        raise refusal(findings)
    return clusters


def cluster_of(target: Host) -> Cluster | None:
    """The cluster of a host; None for one that is in none of our groups. + target: pyinfra's, e.g. ``host``"""
    clusters = declared_clusters_of(target.inventory)
    return next(
        (cluster for cluster in clusters.values() for node in cluster if node.name == node_name(target.name)), None
    )


def _declared(declared: Inventory) -> tuple[dict[str, Cluster], list[Finding]]:
    hosts = [_declared_host(target) for target in declared]
    seen = _read(dict.fromkeys(hosts_to_look_at(hosts), (HostPicture, {})))
    addresses = {name: picture["addresses"] for name, picture in seen.items() if picture is not None}
    clusters, findings = declared_clusters(hosts, addresses)
    return clusters, list(dict.fromkeys(findings))


def _declared_host(target: Host) -> DeclaredHost:
    declared: Any = target.inventory
    # pyinfra's own order, the last one wins; it does not say from where a value came.
    layers = [
        ("group_data/all.py", declared.get_data()),
        *((f"group_data/{group}.py", declared.get_group_data(group)) for group in target.groups),
        (_inventory_file(), declared.get_host_data(target.name)),
        ("--data", declared.get_override_data()),
    ]
    data = {name: value for _, values in layers for name, value in values.items()}
    origin = {name: file for file, values in layers for name in values}
    # pyinfra puts all hosts in a group that is called like the inventory's file.
    groups = (group for group in target.groups if group in ROLES or group != Path(_inventory_file()).stem)
    return DeclaredHost(node_name(target.name), tuple(groups), data, origin)


def origin_of(setting: str) -> str:
    """The file, or the word of the command line, that declares a setting of the host at hand."""
    return _declared_host(host).origin.get(setting, DEFAULTS)


def _inventory_file() -> str:
    """The file that the command line names first."""
    files = (word for word in sys.argv[1:] if word.endswith(".py"))
    return next(files, INVENTORY) if pyinfra.is_cli else INVENTORY


def refuse_unfit_hosts(
    cluster: Cluster,
    held: HeldSecrets,
    *,
    restores: bool = False,
    returning: Collection[str] = (),
    adopts: bool = False,
    copies: bool = False,
    rotates: Collection[str] = (),
) -> None:
    """
    Look at all hosts of a cluster, and refuse with everything that is in the way. Reads only; called on every host in
    deploy code, done once a cluster. Hosts beyond ``--limit`` are looked at only as far as those within it need them.

    + cluster: as declared
    + held: what the control machine has of the cluster's secrets
    + restores: this run goes on with a restore that is not finished
    + returning: names of hosts that this run brings back, should they have been taken out
    + adopts: this run bootstraps the cluster with the data that members have
    + copies: this run bootstraps the cluster with a backup of another one
    + rotates: names of secrets that this run changes
    """
    run = {"restores": restores, "returning": frozenset(returning), "adopts": adopts, "copies": copies}
    observe = partial(_observed, cluster, **run)
    findings = once(host.inventory, cluster.name, lambda: _findings(cluster, held, observe(), rotates))
    if findings:
        raise refusal(findings)


def refuse_other_secrets(cluster: Cluster, held: HeldSecrets) -> None:
    """
    The same for the secrets alone, for a run that hands them to hosts and may not mind what else is wrong there.

    + held: what the control machine has of them
    """

    def judged() -> list[Finding]:
        pictures = _pictures(cluster)
        return [*foreign_findings(cluster, held, pictures), *held_findings(cluster, held, pictures, NONCE)]

    if findings := once(host.inventory, f"secrets of {cluster.name}", judged):
        raise refusal(findings)


def _pictures(cluster: Cluster) -> dict[str, Any]:
    return _read({node.name: (HostPicture, picture_question(cluster, node, NONCE)) for node in cluster})


def _findings(cluster: Cluster, held: HeldSecrets, observed: Observed, rotates: Collection[str]) -> list[Finding]:
    if remarks := host_remarks(cluster, observed):
        logger.warning(f"warnings (the run continues):\n{findings_table(remarks)}")
    return [
        *control_findings(cluster, held.values, held.origin, datetime.now(UTC)),
        *foreign_findings(cluster, held, observed.pictures, observed.keys, rotates, adopts=observed.adopts),
        *held_findings(cluster, held, observed.pictures, NONCE, rotates),
        *inheritance_findings(cluster, held, alone=not any(map(is_within_limit, cluster.source or ()))),
        *host_findings(cluster, observed),
    ]


def _observed(cluster: Cluster, **run: Any) -> Observed:
    within = frozenset(node.name for node in cluster if state.is_host_in_limit(target_of(node)))
    pictures = _pictures(cluster)
    reached = [node for node in cluster if pictures[node.name] is not None]
    servers = [node for node in reached if serves_etcd(cluster, node, pictures[node.name])]
    questions = {node.name: _questions(cluster, node, within, servers) for node in reached}
    said = read_together(questions, READ_SECONDS)
    seen = _etcd(cluster, servers, {name: one.get("etcd") for name, one in said.items()})
    keys, voters = (seen["keys"], seen["members"]) if seen is not None else (None, None)
    packages, peers, sources = (
        {name: one[word] for name, one in said.items() if word in one} for word in ("packages", "peers", "sources")
    )
    return Observed(pictures, packages, peers, keys, voters, within, sources=sources, **run)


def _questions(cluster: Cluster, node: Node, within: Collection[str], servers: Sequence[Node]) -> dict[str, Question]:
    """What a host is asked after its picture was taken. + servers: the hosts on which etcd can be asked"""
    asked: dict[str, Question] = {"packages": (HostPackages, packages_question(cluster, node))}
    if node in servers[:1]:
        asked["etcd"] = _etcd_question(cluster, node)
    if node.name in within and (ports := needed_ports(cluster, node)):
        asked["peers"] = (PeerPorts, {"peers": ports, "tls": tls_ports(cluster)})
        asked["sources"] = (PeerSources, {"addresses": sorted({address for address, _ in ports})})
    return asked


def _etcd_question(cluster: Cluster, node: Node) -> Question:
    url = node.address.url(cluster.settings.etcd_client_port)
    return EtcdCluster, {"endpoints": [url], "prefix": cluster.scope_key}


def _etcd(cluster: Cluster, servers: Sequence[Node], first: Mapping[str, SeenEtcd | None]) -> SeenEtcd | None:
    """What etcd says of the cluster, from the first member or else any that answers. + first: what the first said"""
    answered = [seen for seen in first.values() if seen is not None and seen["keys"] is not None]
    if answered:
        return answered[0]
    others = _read({node.name: _etcd_question(cluster, node) for node in servers[1:]})
    return next((seen for seen in others.values() if seen is not None and seen["keys"] is not None), None)


def _read(questions: Mapping[str, tuple[type[FactBase[Any]], Mapping[str, Any]]]) -> dict[str, Any]:
    return read_each({name: (fact, {**asked, "_timeout": READ_SECONDS}) for name, (fact, asked) in questions.items()})
