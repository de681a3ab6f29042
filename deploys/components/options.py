"""What a single run is told with ``--data``: its options, which are no settings of the cluster."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any, TypeVar

from pyinfra import host

from cluster.errors import ConfigError
from cluster.model import Cluster, Node

Kind = TypeVar("Kind", bool, int, float, str)
Default = TypeVar("Default")

MEANINGS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def option(name: str, kind: type[Kind], default: Default) -> Kind | Default:
    """
    The value of ``--data name=value``. Refuses one of another kind.

    + kind: bool, int, float or str; pyinfra has read the value as the one that it looks like
    + default: when the option is not given
    """
    value: Any = host.data.get(name)
    if value is None:
        return default
    if kind is float and type(value) is int:
        return kind(value)
    if type(value) is not kind:
        raise ConfigError(f"{name}: {value!r} is not {MEANINGS[kind]}\nHINT: correct --data {name}, or leave it away.")
    return value


def members_named(cluster: Cluster, name: str) -> tuple[str, ...]:
    """The members that an option names, separated by commas. + name: the option's"""
    words = [word.strip() for word in option(name, str, "").split(",")]
    return tuple(_among(cluster.members, "member", cluster, name, word) for word in words if word)


def member_named(cluster: Cluster, name: str) -> str | None:
    """The one member that an option names; None when it is not given. + name: the option's"""
    value = option(name, str, "")
    return _among(cluster.members, "member", cluster, name, value) if value else None


def node_named(cluster: Cluster, name: str) -> str | None:
    """The one host that an option names, whatever its roles; None when it is not given. + name: the option's"""
    value = option(name, str, "")
    return _among(cluster.nodes, "host", cluster, name, value) if value else None


def nodes_named(cluster: Cluster, name: str) -> tuple[str, ...]:
    """The hosts that an option names, separated by commas, whatever their roles. + name: the option's"""
    words = [word.strip() for word in option(name, str, "").split(",")]
    return tuple(_among(cluster.nodes, "host", cluster, name, word) for word in words if word)


def _among(nodes: Sequence[Node], noun: str, cluster: Cluster, name: str, value: str) -> str:
    known = [node.name for node in nodes]
    if value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the {noun}s are {', '.join(known)}."
        raise ConfigError(f"--data {name}: {value} is no {noun} of {cluster.name}\nHINT: {hint}")
    return value
