"""What a single run is told with ``--data``: its options, which are no settings of the cluster."""

from __future__ import annotations

from typing import Any, TypeVar

from pyinfra import host

from cluster.errors import ConfigError

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
