"""The inventory of a lab, as pure functions of its specification."""

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from tests.lab.keys import KNOWN_HOSTS, PRIVATE_KEY
from tests.lab.spec import DEFAULT_HOSTS, RELEASES, Host, Lab

DEFAULT_VERSION = RELEASES["trixie"]
FLAT_WIDTH = 90
KINDS = ("pg", "etcd", "haproxy", "backup", "monitor")

Entry = str | tuple[str, dict[str, Any]]


def host_data(
    host: Host, *, ipv6: bool = False, networks: Iterable[str] = (), extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """
    Return what pyinfra and the product need to know of a host.

    + ipv6: the members speak IPv6 with each other
    + networks: further ones, in which it has an address of its own
    + extra: further data, the same for every host
    """
    data: dict[str, Any] = {
        "ssh_hostname": "127.0.0.1",
        "ssh_port": host.ssh_port,
        "ssh_user": "deploy",
        "ssh_key": f".lab/{PRIVATE_KEY}",
        "ssh_known_hosts_file": f".lab/{KNOWN_HOSTS}",
        "_sudo": True,
        "cluster_address": host.address6 if ipv6 else host.address4,
    }
    data |= {f"{network}_address": host.address_in(network) for network in networks}
    # They lead to the lab's own network.
    if host.published_ports and "client" not in networks:
        data["cluster_published_ports"] = host.published_ports
    if host.lab.postgres_version != DEFAULT_VERSION:
        data["postgres_version"] = host.lab.postgres_version
    return data | dict(extra or {})


def group_hosts(hosts: Iterable[Host]) -> dict[str, list[Host]]:
    """Return who does what; without hosts of their own, etcd and HAProxy are on members."""
    of_kind = {kind: [host for host in hosts if host.kind == kind] for kind in KINDS}
    return {
        "postgres": of_kind["pg"],
        "etcd": of_kind["etcd"] or of_kind["pg"],
        "haproxy": of_kind["haproxy"] or of_kind["pg"],
        "backup": of_kind["backup"],
        **({"monitor": of_kind["monitor"]} if of_kind["monitor"] else {}),
    }


def inventory_groups(
    lab: Lab,
    names: Iterable[str | Host] = DEFAULT_HOSTS,
    *,
    ipv6: bool = False,
    networks: Iterable[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> dict[str, list[Entry]]:
    """Return the groups of an inventory; a host's data is where it comes first."""
    data = partial(host_data, ipv6=ipv6, networks=tuple(networks), extra=extra)
    told: set[str] = set()
    groups: dict[str, list[Entry]] = {}
    for group, hosts in group_hosts(lab.hosts(names)).items():
        groups[group] = [host.container if host.container in told else (host.container, data(host)) for host in hosts]
        told.update(host.container for host in hosts)
    return groups


def inventory_text(
    lab: Lab,
    names: Iterable[str | Host] = DEFAULT_HOSTS,
    *,
    ipv6: bool = False,
    networks: Iterable[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> str:
    """Return the text of an inventory.py for a lab."""
    groups = inventory_groups(lab, names, ipv6=ipv6, networks=networks, extra=extra)
    return groups_text(f"Lab {lab.name}: containers on this machine, {lab.release}.", groups)


def groups_text(title: str, groups: Mapping[str, list[Entry]]) -> str:
    """Return the text of an inventory.py with these groups."""
    parts = [f'"""{title}"""']
    parts += [f"{group} = {_literal(entries)}" for group, entries in groups.items()]
    return "\n\n".join(parts) + "\n"


def _literal(value: object, indent: str = "") -> str:
    """Write a value in the layout that formatters for Python leave alone."""
    inner = indent + "    "
    if isinstance(value, dict):
        items, brackets = [f"{_literal(key)}: {_literal(item, inner)}" for key, item in value.items()], "{}"
    elif isinstance(value, list | tuple):
        items, brackets = [_literal(item, inner) for item in value], "()" if isinstance(value, tuple) else "[]"
    else:
        return json.dumps(value) if isinstance(value, str) else repr(value)
    flat = brackets[0] + ", ".join(items) + brackets[1]
    if not items or (brackets != "()" and len(indent + flat) < FLAT_WIDTH and "\n" not in flat):
        return flat
    lines = [brackets[0], *(f"{inner}{item}," for item in items), indent + brackets[1]]
    return "\n".join(lines)
