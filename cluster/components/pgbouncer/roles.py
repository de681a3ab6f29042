"""What the pools on a member do when its PostgreSQL becomes the primary, or a replica."""

from __future__ import annotations

from cluster.components.files import File
from cluster.components.rendering import rendered
from cluster.components.vip import CALLED, call_of
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import processes

ROLE_CHANGED = "/etc/pgbouncer/role-changed"


def role_changed(cluster: Cluster, node: Node) -> list[File]:
    """The program that Patroni calls; none where HAProxy finds the primary."""
    if cluster.settings.pgbouncer_on != "members":
        return []
    text = rendered(
        "pgbouncer/role-changed.j2",
        vip_call=call_of(cluster),
        port=cluster.settings.postgres_port,
        processes=processes(cluster, node),
    )
    return [File(ROLE_CHANGED, text, mode="755")]


def callbacks(cluster: Cluster) -> dict[str, dict[str, str]]:
    """What Patroni calls: one program for each event, so that of the pools calls the holder of addresses."""
    if cluster.settings.pgbouncer_on == "members":
        return {"callbacks": dict.fromkeys(CALLED, ROLE_CHANGED)}
    call = call_of(cluster)
    return {"callbacks": dict.fromkeys(CALLED, call)} if call else {}
