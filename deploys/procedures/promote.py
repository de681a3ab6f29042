"""Which cluster a promotion is of."""

from __future__ import annotations

from pyinfra import host

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from deploys.parts.begin import running_cluster
from deploys.parts.options import option
from operations.live.preflight import declared_clusters_of


def meant_standby() -> Cluster | None:
    """
    The standby cluster of the host at hand; None on the hosts of others. Refuses an inventory without one, with several
    of which none is named, and a name that is none.
    """
    cluster, name = running_cluster(), option("confirm")
    standbys = [one.name for one in declared_clusters_of(host.inventory).values() if one.source is not None]
    if not standbys:
        raise ConfigError(
            "no cluster of this inventory is declared as a standby\n"
            "HINT: patroni_standby_of says of which cluster it is one; until the promotion is over it stays declared."
        )
    if name and name not in standbys:
        raise ConfigError(f"confirm: {name} is no standby cluster\nHINT: of this inventory {', '.join(standbys)} is.")
    if not name and len(standbys) > 1:
        raise ConfigError(f"{', '.join(standbys)} are standby clusters\nHINT: --data confirm=NAME names one.")
    return cluster if cluster is not None and cluster.name == (name or standbys[0]) else None
