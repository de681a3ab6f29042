"""Whether the hosts are fit for the cluster that is declared: every reason why not, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from cluster.components.etcd import etcd_data_directory
from cluster.components.firewall.rules import is_wanted
from cluster.components.haproxy import service_ports
from cluster.declared.model import Cluster, Node
from cluster.findings import Finding
from cluster.observed.etcd import SeenEtcdMember
from cluster.packages.findings import mixed_version_findings, pgbackrest_findings, version_findings
from cluster.pki.authority import BACKDATED
from cluster.pki.certificates import PATRONI, POSTGRES
from cluster.preflight.clients import cut_off_findings
from cluster.preflight.data import data_findings, mount_findings
from cluster.preflight.firewall import locked_out_findings
from cluster.preflight.locales import drill_remarks, glibc_remarks, locale_findings, locale_question
from cluster.preflight.monitoring import role_taken_findings
from cluster.preflight.ports import peer_findings, source_findings, taken_port_findings
from cluster.preflight.secrets import roles
from cluster.preflight.vip import vip_findings, virtual_question
from cluster.verdicts.lives import stanza_findings
from cluster.verdicts.members import moved_findings, undeclared_findings
from cluster.verdicts.removal_notes import removals
from cluster.verdicts.standby_role import role_findings

Picture = Mapping[str, Any]

_LISTENING = {
    "cluster_address": "etcd, Patroni and PostgreSQL listen on",
    "client_address": "HAProxy and PostgreSQL listen on",
    "backup_address": "pgBackRest's server listens on",
}


@dataclass(frozen=True)
class Observed:
    """
    The hosts of one cluster as they are now.

    + pictures: ``HostPicture`` by host name; None for a host that cannot be reached
    + packages: ``HostPackages`` by host name
    + peers: ``PeerPorts`` by host name
    + keys: what etcd holds below the cluster's prefix; None when etcd does not answer or is not there yet
    + voters: etcd's members; None just as well
    + judged: the hosts that this run may touch; of the others only what concerns these is looked at
    + restores: this run goes on with a restore that is not finished
    + returning: names of hosts that this run brings back, should they have been taken out
    + adopts: this run bootstraps the cluster with the data that members have
    + copies: this run bootstraps the cluster with a backup of another one
    + sources: ``PeerSources`` by host name
    """

    pictures: Mapping[str, Picture | None]
    packages: Mapping[str, Picture | None] = field(default_factory=dict)
    peers: Mapping[str, Sequence[Mapping[str, Any]] | None] = field(default_factory=dict)
    keys: Mapping[str, str] | None = None
    voters: Sequence[SeenEtcdMember] | None = None
    judged: frozenset[str] = frozenset()
    restores: bool = False
    returning: frozenset[str] = frozenset()
    adopts: bool = False
    copies: bool = False
    sources: Mapping[str, Mapping[str, str] | None] = field(default_factory=dict)


def picture_question(cluster: Cluster, node: Node, nonce: str | None = None) -> dict[str, Any]:
    """
    The arguments of the fact ``HostPicture`` for a host: the directories that its roles will fill, the ports on which
    clients come, and what it may have of the cluster's secrets.

    + nonce: of this run, so that what hosts say of secrets is of use in no other; None: nobody asks for them
    """
    question: dict[str, Any] = virtual_question(cluster)
    if nonce is not None:
        port, names = cluster.settings.postgres_port, list(roles(cluster).values())
        # PostgreSQL's has other CAs beside it; a host of an earlier version has no other.
        paths = [PATRONI.authority, POSTGRES.authority]
        question["secrets"] = {"nonce": nonce, "roles": names, "port": port, "authorities": paths}
    if "postgres" in node.roles:
        question["data_directory"] = cluster.data_directory
    if {"postgres", "backup"} & node.roles:
        question |= locale_question(cluster)
    if "etcd" in node.roles:
        question["etcd_directory"] = etcd_data_directory(cluster)
    if "backup" in node.roles and cluster.repository_directory is not None:
        question |= {"backup_directory": cluster.repository_directory, "stanza_name": cluster.name}
    if "haproxy" in node.roles:
        question["client_ports"] = sorted(service_ports(cluster).values())
    if is_wanted(cluster):
        question["firewall"] = True
    return question


def watched_directories(cluster: Cluster, node: Node) -> list[str]:
    """The directories that the roles of a host fill."""
    names = ("data_directory", "etcd_directory", "backup_directory")
    question = picture_question(cluster, node)
    return [question[name] for name in names if name in question]


def host_findings(cluster: Cluster, observed: Observed) -> list[Finding]:
    """Everything that is wrong with the hosts of a cluster, or between them."""
    seen = {name: picture for name, picture in observed.pictures.items() if name in observed.judged}
    reached = _known(seen)
    goes_on = observed.adopts or (observed.restores and not observed.copies)
    return [
        *_unreachable(name for name in seen if name not in reached),
        *_removed(cluster, observed),
        *undeclared_findings(cluster, observed.keys),
        *moved_findings(cluster, observed.keys, observed.voters, observed.pictures, observed.returning),
        *_absent_addresses(cluster, reached),
        *locale_findings(cluster, reached),
        *mount_findings(reached),
        *_full_disks(cluster, reached),
        *clock_findings(cluster, observed.pictures),
        *_mixed_architectures(cluster, reached),
        *version_findings(cluster, {name: one for name, one in _known(observed.packages).items() if name in reached}),
        *pgbackrest_findings(cluster, _known(observed.packages)),
        *role_findings(cluster, observed.keys),
        *data_findings(cluster, reached, observed.keys, restores=observed.restores, adopts=observed.adopts),
        *stanza_findings(cluster, observed.pictures, observed.keys, copies=observed.copies, goes_on=goes_on),
        *taken_port_findings(cluster, reached),
        *cut_off_findings(cluster, reached, observed.returning),
        *locked_out_findings(cluster, reached),
        *role_taken_findings(cluster, reached),
        *peer_findings(cluster, observed.pictures, observed.peers),
        *source_findings(cluster, observed.sources),
        *vip_findings(cluster, reached, observed.pictures),
    ]


def host_remarks(cluster: Cluster, observed: Observed) -> list[Finding]:
    """What is worth a word and no reason to refuse: a rolling upgrade is a time of mixed versions."""
    return [
        *_left_out(cluster, observed.judged),
        *mixed_version_findings(cluster, _known(observed.packages)),
        *glibc_remarks(cluster, observed.pictures),
        *drill_remarks(cluster, observed.pictures),
    ]


def _left_out(cluster: Cluster, judged: frozenset[str]) -> Iterable[Finding]:
    groups = {"etcd": cluster.etcd, "postgres": cluster.members}
    absent = {name: nodes for name, nodes in groups.items() if judged.isdisjoint(node.name for node in nodes)}
    if judged and absent:
        problem = f"leaves out all hosts of {' and '.join(absent)}, and so what is done once for all of them"
        firsts = dict.fromkeys(nodes[0].name for nodes in absent.values())
        hint = f"Add {' and '.join(firsts)} to have it done and proven."
        yield Finding(cluster.name, "--limit", problem, hint)


def _known(pictures: Mapping[str, Picture | None]) -> dict[str, Picture]:
    return {name: picture for name, picture in pictures.items() if picture is not None}


def _unreachable(names: Iterable[str]) -> Iterable[Finding]:
    for name in names:
        hint = f"See the connection error above: an ssh login to {name} must work from here without a question."
        yield Finding(name, "connection", "cannot be reached", hint)


def _removed(cluster: Cluster, observed: Observed) -> Iterable[Finding]:
    """The inventory still declares them: to build them up again would undo what somebody did on purpose."""
    for name, removal in removals(cluster, observed.keys).items():
        if name in observed.judged - observed.returning:
            problem = f"was removed from {cluster.name} at {removal.at}, and is still in the inventory"
            hint = "Remove it from the inventory. To bring it back: `pyinfra inventory.py deploys/add_node.py`."
            yield Finding(name, "removal", problem, hint)


def _absent_addresses(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterable[Finding]:
    for name, picture in reached.items():
        node = cluster.node(name)
        there = ", ".join(f"{address} on {interface}" for address, interface in picture["addresses"].items())
        for address, setting in node.addresses.items():
            if str(address) not in picture["addresses"]:
                problem = f"{address} is on no interface of the host, which has {there or 'no address'}"
                hint = f"Declare an address that the host itself has: {_LISTENING[setting]} it."
                yield Finding(name, setting, problem, hint)


def _full_disks(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterable[Finding]:
    needed = cluster.settings.preflight_free_gib
    for name, picture in reached.items():
        by_mount = {room["mount"]: (path, room["free_mib"] / 1024) for path, room in reversed(picture["rooms"].items())}
        for mount, (path, free) in by_mount.items():
            if free < needed:
                problem = f"{free:.1f} GiB are free on {mount} for {path}, {needed:g} are the least"
                hint = "Make room there, mount a larger file system, or lower preflight_free_gib."
                yield Finding(name, "disk", problem, hint)


def _mixed_architectures(cluster: Cluster, reached: Mapping[str, Picture]) -> Iterable[Finding]:
    kinds = {node.name: reached[node.name]["architecture"] for node in cluster.members if node.name in reached}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{name} is {kind}" for name, kind in kinds.items())
        hint = "A standby copies its primary's files as they are, which takes the same architecture."
        yield Finding(cluster.name, "architecture", f"differs between members: {listed}", hint)


def clock_findings(cluster: Cluster, pictures: Mapping[str, Picture | None]) -> list[Finding]:
    """
    Clocks that differ from each other's by more than they may, named once for each host that is off.

    + pictures: ``HostPicture`` by host name; what its measurement cannot tell is not held against a host
    """
    clocks = {name: picture["clock"] for name, picture in _known(pictures).items()}
    middle = sorted(clock["offset_seconds"] for clock in clocks.values())[len(clocks) // 2] if clocks else 0.0
    worst: dict[str, tuple[float, str]] = {}
    for pair in combinations(clocks, 2):
        off, other = sorted(pair, key=lambda name: -abs(clocks[name]["offset_seconds"] - middle))
        ahead = clocks[off]["offset_seconds"] - clocks[other]["offset_seconds"]
        doubt = clocks[off]["uncertainty_seconds"] + clocks[other]["uncertainty_seconds"]
        if abs(ahead) > cluster.settings.preflight_clock_skew_seconds + doubt:
            worst[off] = max(worst.get(off, (0.0, "")), (ahead, other), key=lambda one: abs(one[0]))
    own = [_control_clock(name, clock) for name, clock in clocks.items()]
    return [_skew(cluster, name, *seen) for name, seen in worst.items()] + [finding for finding in own if finding]


def _skew(cluster: Cluster, name: str, ahead: float, other: str) -> Finding:
    word, limit = "ahead of" if ahead > 0 else "behind", cluster.settings.preflight_clock_skew_seconds
    problem = f"{abs(ahead):.1f} s {word} {other}, {limit:g} s are permitted"
    return Finding(name, "clock", problem, "Let chrony or systemd-timesyncd set it: see `timedatectl` on the host.")


def _control_clock(name: str, clock: Mapping[str, float]) -> Finding | None:
    behind = -clock["offset_seconds"] - clock["uncertainty_seconds"]
    if behind <= BACKDATED.total_seconds():
        return None
    problem = f"{-clock['offset_seconds']:.0f} s behind this machine's: certificates made here are not valid there yet"
    return Finding(name, "clock", problem, "Compare `date -u` there and here, and set the clock that is wrong.")
