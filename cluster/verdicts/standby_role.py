"""A standby cluster as it is against what is declared; and whether it may be promoted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.declared.standby_clusters import INVENTORY, SETTING
from cluster.errors import UnsafeError
from cluster.findings import Finding


def is_standby(config: Mapping[str, Any] | None) -> bool:
    """Whether Patroni follows another cluster. + config: the dynamic configuration"""
    section = (config or {}).get("standby_cluster")
    return isinstance(section, Mapping) and any(section.get(key) for key in ("host", "port", "restore_command"))


def role_problem(cluster: Cluster, config: Mapping[str, Any]) -> tuple[str, str] | None:
    """
    What is wrong when a cluster that exists is a standby and not declared as one, or the other way round; and the way
    out. Nothing but a promotion changes it: a primary that becomes a standby loses what only it has.

    + config: the dynamic configuration
    """
    if is_standby(config) and cluster.source is None:
        host = config["standby_cluster"].get("host") or "an archive"
        problem = f"{cluster.name} is a standby cluster, fed by {host}, and not declared as one"
        return problem, f"Declare {SETTING} again; it ends with deploys/promote.py, see docs/runs/promote.md."
    if cluster.source is not None and not is_standby(config):
        problem = f"{cluster.name} takes writes and is declared as a standby of {cluster.source.name}"
        return problem, (
            f"After its promotion take {SETTING} out of the inventory. To make it a standby its data have to go first: "
            "see docs/standby-cluster.md."
        )
    return None


def role_findings(cluster: Cluster, keys: Mapping[str, str] | None) -> Iterable[Finding]:
    """The same before anything is touched. + keys: what etcd holds below the cluster's prefix; None while it is away"""
    text = (keys or {}).get(cluster.key("config"))
    found = role_problem(cluster, json.loads(text)) if text else None
    if found is not None:
        yield Finding(INVENTORY, SETTING, *found)


def refuse_standby(cluster: Cluster, hint: str) -> None:
    """Refuse what is for clusters that take writes. + hint: what to do with a standby cluster instead"""
    if cluster.source is not None:
        raise UnsafeError(f"{cluster.name} is a standby cluster of {cluster.source.name}\nHINT: {hint}")


def refuse_other_role(cluster: Cluster, config: Mapping[str, Any]) -> None:
    """Refuse what ``role_problem`` names. + config: the dynamic configuration as it is now"""
    if found := role_problem(cluster, config):
        problem, hint = found
        raise UnsafeError(f"{problem}\nHINT: {hint}")
