"""What one run is told on the command line, ``--data name=value``: read in deploy code, before any host is touched."""

from __future__ import annotations

import difflib
from typing import TypeVar

from pyinfra import host

from cluster.errors import ConfigError
from cluster.model import Cluster

T = TypeVar("T", str, bool, int)


def option(name: str, kind: type[T], default: T) -> T:
    """
    One option of a run.

    + kind: its type, which pyinfra reads from the text: ``true`` is a bool, ``5`` an int
    + default: when it is not given
    """
    value = host.data.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        raise ConfigError(f"--data {name}: {value!r} is no {kind.__name__}\nHINT: the default is {default!r}.")
    return value


def members_named(cluster: Cluster, name: str) -> tuple[str, ...]:
    """The members that an option names, separated by commas. + name: the option's"""
    words = [word.strip() for word in option(name, str, "").split(",")]
    return tuple(_member(cluster, name, word) for word in words if word)


def member_named(cluster: Cluster, name: str) -> str | None:
    """The one member that an option names; None when it is not given. + name: the option's"""
    value = option(name, str, "")
    return _member(cluster, name, value) if value else None


def _member(cluster: Cluster, name: str, value: str) -> str:
    known = [node.name for node in cluster.members]
    if value not in known:
        close = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"the members are {', '.join(known)}."
        raise ConfigError(f"--data {name}: {value} is no member of {cluster.name}\nHINT: {hint}")
    return value
