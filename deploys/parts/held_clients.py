"""Clients of PgBouncer that wait for a run, for any run that restarts the primary or moves the leader."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.declared.model import Cluster
from cluster.verdicts.held_clients import Holding
from deploys.parts.options import nodes_named, option


def holding_of(cluster: Cluster, without: Sequence[str] = ()) -> Holding:
    """
    What ``--data`` ``hold_clients``, ``transactions`` and ``without_pool`` say.

    + cluster: as declared; + without: hosts that the run does without, which have no clients to be held
    """
    return Holding(option("hold_clients"), option("transactions"), (*nodes_named(cluster, "without_pool"), *without))
