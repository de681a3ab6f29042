"""The ordered restart, with the options that every run of it takes."""

from __future__ import annotations

from cluster.declared.model import Cluster
from deploys.parts.held_clients import holding_of
from deploys.parts.options import members_named, option
from deploys.procedures.probe import probe_of
from operations.runs.restart_pending import restart_in_order


def deploy_restart(cluster: Cluster, *, configured: bool = False) -> None:
    """
    Restart the members on which a setting waits for it, with ``--data`` ``without``, ``allow_no_failover``, ``probe``,
    ``force``, and those about clients of PgBouncer.

    + cluster: as declared
    + configured: the same run brings the configuration to what is declared first
    """
    restart_in_order(
        name="Restart members in order",
        cluster=cluster,
        without=members_named(cluster, "without"),
        alone=option("allow_no_failover"),
        configured=configured,
        probe=probe_of(cluster),
        force=option("force"),
        holding=holding_of(cluster, members_named(cluster, "without")),
    )
