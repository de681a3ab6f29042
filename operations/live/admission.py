"""Whom pg_hba lets in under the cluster's own roles, as a cluster comes to ask for certificates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra import host

from cluster.components.pg_hba import hba_lines, let_in_by_password
from cluster.declared.model import Cluster, Node
from cluster.verdicts.admission import still_by_password
from facts.postgres.logins import ReplicationLogins
from operations.util.hosts import in_this_run
from operations.util.planning import dry_run
from operations.util.reading import read


def hba_lines_now(cluster: Cluster, config: Mapping[str, Any]) -> list[str]:
    """
    The declared lines for a cluster whose members are yet to be given their certificates: whoever is let in by password
    alone still is. + config: the dynamic configuration as it is
    """
    return hba_lines(cluster, let_in_by_password(cluster, _lines(config)))


def hba_lines_next(
    cluster: Cluster, config: Mapping[str, Any], wait_seconds: int, running: Sequence[Node]
) -> list[str]:
    """
    The declared lines after that. Who has not come with a certificate yet keeps the old ones, and is named.

    + config: the dynamic configuration as it is
    + wait_seconds: for how long a Patroni that has just been told is waited for
    + running: members of this run whose PostgreSQL can be asked
    """
    now = let_in_by_password(cluster, _lines(config))
    if not now:
        return hba_lines(cluster)
    told = in_this_run(cluster.members)
    question = {
        "port": cluster.settings.postgres_port,
        "awaited": [str(node.address) for node in told],
        "wait_seconds": 0 if dry_run() else wait_seconds,
    }
    seen = read(running, ReplicationLogins, **question).values()
    logins: dict[str, bool] = {}
    for one in seen:
        for address, proven in (one or {}).items():
            logins[address] = proven and logins.get(address, True)
    left = still_by_password(cluster, now, told, logins)
    if left:
        host.log(f"let in by password alone until a run has been there: {', '.join(node.name for node in left)}")
    return hba_lines(cluster, left)


def _lines(config: Mapping[str, Any]) -> list[str]:
    return list((config.get("postgresql") or {}).get("pg_hba") or [])
