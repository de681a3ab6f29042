"""What a restore is told on the command line."""

from __future__ import annotations

from cluster.errors import ConfigError
from cluster.model import Cluster
from cluster.restore_target import Target, asked_target
from deploys.components.options import option


def asked_moment() -> Target:
    """The moment that ``--data`` names. Refuses none, two, and one that cannot be read."""
    given = {"latest": option("latest", bool, False), **{name: option(name, str, "") for name in _WORDS}}
    return asked_target(given, option("timeline", int, 0), exclusive=option("exclusive", bool, False))


_WORDS = ("time", "lsn", "name", "set")


def is_confirmed(cluster: Cluster) -> bool:
    """Whether ``--data confirm`` names this cluster. Refuses another name."""
    given = option("confirm", str, "")
    if given and given != cluster.name:
        raise ConfigError(
            f"confirm: {given} is not this cluster\nHINT: it is {cluster.name}; give --data confirm={cluster.name}."
        )
    return bool(given)
