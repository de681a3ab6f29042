"""What is wrong with the names of hosts, and with places that must not be within one another."""

from __future__ import annotations

import difflib
import ipaddress
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from cluster.declared.address import Address
from cluster.declared.model import ROLES, Cluster, Node, node_name
from cluster.findings import Finding
from cluster.settings.text_rules import endpoint_problem, host_name_problem, listen_problem, overlap


def name_findings(hosts: Sequence[str], where: str) -> list[Finding]:
    """
    Names that some program of a cluster would not take, or take for another host's.

    + hosts: as the inventory has them
    + where: the file that declares them
    """
    names = [node_name(host) for host in hosts]
    found = [(name, problem) for name in names if (problem := host_name_problem(name))]
    for one, other in itertools.combinations(names, 2):
        # Names in certificates and in DNS are the same in upper and lower case; HAProxy's are not.
        if one.lower() == other.lower():
            found.append((one, f"and {other!r} are one name to DNS and to certificates"))
    hint = "Rename it, as in pg1 or pg1.example.net; ssh_hostname says how it is reached."
    return [Finding(where, "hosts", f"{name[:80]!r} {problem}", hint) for name, problem in found]


def group_findings(groups: Mapping[str, Collection[str]], where: str) -> list[Finding]:
    """
    An inventory without a host for us, and groups whose names are nearly those of ours: their hosts would be left out
    without a word.

    + groups: of each host
    + where: the file that declares them
    """
    there = {group for named in groups.values() for group in named}
    findings = [_mistyped(group, where) for group in sorted(there - set(ROLES)) if _is_mistyped(group, groups, there)]
    if findings or there & set(ROLES):
        return findings
    problem = f"no host is in a group of ours, only in {', '.join(sorted(there)) or 'none'}"
    return [Finding(where, "groups", problem, f"Put hosts in {', '.join(ROLES)}; see docs/your-own-hosts.md.")]


def _is_mistyped(group: str, groups: Mapping[str, Collection[str]], there: Collection[str]) -> bool:
    meant = _meant(group)
    # A group of other people's may be called like one of ours, as long as its hosts have a role here all the same.
    idle = any(group in named and not set(named) & set(ROLES) for named in groups.values())
    return meant is not None and (idle or meant not in there)


def _mistyped(group: str, where: str) -> Finding:
    return Finding(
        where, group, "is no group of ours, and nearly one", f"Did you mean {_meant(group)}? Else give it another name."
    )


def _meant(group: str) -> str | None:
    return next(iter(difflib.get_close_matches(group.lower(), ROLES, n=1, cutoff=0.75)), None)


def place_findings(cluster: Cluster, where: str) -> list[Finding]:
    """Directories within one another, members that would not listen where others look, names that no client has."""
    return [*_overlaps(cluster, where), *_unheard(cluster, where), *_extra_names(cluster, where)]


def _extra_names(cluster: Cluster, where: str) -> Iterable[Finding]:
    for text in cluster.settings.cluster_extra_names:
        if problem := endpoint_problem(text):
            yield Finding(where, "cluster_extra_names", f"{text!r} {problem}", "Name it as your clients do.")


def _overlaps(cluster: Cluster, where: str) -> Iterable[Finding]:
    settings = cluster.settings
    data, drill = cluster.data_directory, settings.pgbackrest_drill_path
    # A drill makes a directory of its own, for which the repository is the usual place.
    for name, path in {"pgbackrest_path": settings.pgbackrest_path, "pgbackrest_drill_path": drill}.items():
        if path is not None and overlap(path, data):
            problem = f"{path} and the data directory {data} are within one another"
            yield Finding(where, name, problem, "Give each a directory of its own.")


def _unheard(cluster: Cluster, where: str) -> Iterable[Finding]:
    places = cluster.settings.postgres_listen
    for node in cluster.members if places and not any(map(listen_problem, places)) else ():
        for address, who in _wanted(cluster, node).items():
            if not any(_is_heard(address, place) for place in places):
                problem = f"{', '.join(places)} has no {address}, by which {who} reach {node.name}"
                hint = "Add the addresses of all members, or take ['*']; each listens on those that it has."
                yield Finding(where, "postgres_listen", problem, hint)


def _wanted(cluster: Cluster, node: Node) -> dict[Address, str]:
    """Where PostgreSQL is reached on a member, and by whom: by clients where no HAProxy leads them to it."""
    clients = {} if cluster.balancers else {node.client_address: "clients"}
    return {**clients, node.address: "the others"}


def _is_heard(address: Address, place: str) -> bool:
    try:
        there = ipaddress.ip_address(place)
    except ValueError:
        # What a name means is known on the host alone.
        return place == "*" or place.lower() != "localhost"
    return there == address.ip or (there.is_unspecified and there.version == address.ip.version)
