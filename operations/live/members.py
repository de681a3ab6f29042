"""One look at the live cluster for a procedure: Patroni, every member's PostgreSQL, etcd."""

from __future__ import annotations

from collections.abc import Iterable

import gevent

from cluster.declared.model import Cluster
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.live import Live, with_config_of
from facts.etcd import EtcdCluster
from facts.patroni import PatroniCluster
from facts.postgres.state import PostgresState
from operations.util.hosts import in_this_run
from operations.util.reading import read, read_first


def look(
    cluster: Cluster, wait_for: Iterable[str] = (), wait_seconds: int = 0, *, synchronous: bool | None = None
) -> Live:
    """
    The picture that a plan is made from, live.

    + wait_for: members that shall have settled; looks all the same when they have not
    + wait_seconds: how long to wait for them
    + synchronous: wait for a synchronous standby, too
    """
    question = {"expected": list(wait_for), "wait_seconds": wait_seconds}
    question |= {} if synchronous is None else {"synchronous": synchronous}
    etcd_question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    etcd = gevent.spawn(read_first, cluster.etcd, EtcdCluster, **etcd_question)
    said: dict[str, SeenPatroni | None] = read(cluster.members, PatroniCluster, **question)
    heard = [one for one in said.values() if one is not None]  # never empty: the host at hand is one of them
    patroni = next((one for one in heard if one["answers"]), heard[0])
    return Live(
        patroni=with_config_of(cluster, patroni, stored := etcd.get()),
        silent={name: reason for name, one in said.items() if (reason := _silence(one)) is not None},
        postgres=read(cluster.members, PostgresState),
        etcd=stored,
        within=frozenset(node.name for node in in_this_run(cluster.members)),
    )


def _silence(said: SeenPatroni | None) -> str | None:
    if said is None:
        return "its host cannot be reached"
    return None if said["answers"] else said["error"]
