"""The options of a single run, ``--data NAME=VALUE``. ``cluster/declared/options.py`` has those of each run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from pyinfra import host

from cluster.declared.model import Cluster, Node
from cluster.declared.options import OPTIONS, RENAMED
from cluster.errors import ConfigError


def option(name: str) -> Any:
    """
    The value of ``--data name=value``, or its default. Refuses one that the option cannot have.

    + name: of one of ``OPTIONS``
    """
    # Of the command line alone: what an inventory calls "name" or "source" is its own.
    given, declared = host.inventory.get_override_data(), OPTIONS[name]
    value = next((given[word] for word in (name, *_earlier(name)) if word in given), None)
    if value is None:
        return declared.default
    if problem := declared.problem(value):
        raise ConfigError(f"{name}: {problem}\nHINT: correct --data {name}, or omit it.")
    return declared.kind(value)


def _earlier(name: str) -> list[str]:
    return [old for old, new in RENAMED.items() if new == name]


def members_named(cluster: Cluster, name: str) -> tuple[str, ...]:
    """The members that an option names, separated by commas. + name: the option's"""
    words = [word.strip() for word in option(name).split(",")]
    return tuple(_among(cluster.members, "member", cluster, name, word) for word in words if word)


def member_named(cluster: Cluster, name: str) -> str | None:
    """The one member that an option names; None when it is not given. + name: the option's"""
    value = option(name)
    return _among(cluster.members, "member", cluster, name, value) if value else None


def node_named(cluster: Cluster, name: str) -> str | None:
    """The one host that an option names, whatever its roles; None when it is not given. + name: the option's"""
    value = option(name)
    return _among(cluster.nodes, "host", cluster, name, value) if value else None


def meant_node(cluster: Cluster, name: str, which: str) -> str:
    """The host that an option names. Refuses a run without it. + name: the option's; + which: what it is named for"""
    return _meant(node_named(cluster, name), "host", name, which)


def meant_member(cluster: Cluster, name: str, which: str) -> str:
    """The member that an option names. Refuses a run without it. + name: the option's; + which: what it is named for"""
    return _meant(member_named(cluster, name), "member", name, which)


def _meant(value: str | None, noun: str, name: str, which: str) -> str:
    if value is None:
        raise ConfigError(f"no {noun} is named\nHINT: --data {name}=NAME names the one {which}.")
    return value


def nodes_named(cluster: Cluster, name: str) -> tuple[str, ...]:
    """The hosts that an option names, separated by commas, whatever their roles. + name: the option's"""
    words = [word.strip() for word in option(name).split(",")]
    return tuple(_among(cluster.nodes, "host", cluster, name, word) for word in words if word)


def _among(nodes: Sequence[Node], noun: str, cluster: Cluster, name: str, value: str) -> str:
    known = [node.name for node in nodes]
    if value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the {noun}s are {', '.join(known)}."
        raise ConfigError(f"--data {name}: {value} is no {noun} of {cluster.name}\nHINT: {hint}")
    return value
