"""The end of a run: proof by use, then the connection card. Nothing is changed; what is written is rolled back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial

import gevent
from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster
from cluster.endpoints.proof import (
    awaits_restart,
    broken_endpoints,
    endpoints,
    held_endpoints,
    own_endpoint,
    own_pools,
    question,
    unheld_addresses,
)
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenEndpoint
from cluster.screens.card import connection_card
from cluster.secrets.secrets import Secret
from cluster.verdicts.etcd_members import quorum_obstacle
from cluster.verdicts.health import holdup
from facts.etcd import EtcdCluster
from facts.patroni import PatroniCluster
from facts.proof import EndpointsTried
from operations.acts.component import Commands
from operations.live.standby_cluster import replication_source
from operations.pgbackrest_stanza import has_backup
from operations.util.console import print_lines
from operations.util.first_look import looks_again
from operations.util.hosts import acts_here, coordinator, current_node, in_this_run
from operations.util.planning import dry_run
from operations.util.reading import read, read_all, read_each, refuse_silence

SETTLE_SECONDS = 30


@operation()
@looks_again
def proven(cluster: Cluster, secrets: Mapping[str, Secret], places: Mapping[str, str]) -> Commands:
    """
    Show that the cluster does what it is for: etcd healthy, every standby streaming on one timeline, a write through
    the read-write endpoint of every HAProxy, a read and a refused write through the read-only one, and behind every
    other port that is open a member that belongs there; without HAProxy, the same on the members themselves; the same
    through every pool; and all of that at virtual addresses. Then print the card. In a run that has changed nothing,
    members and etcd are not asked once more for what they have just said.

    + places: ``ca`` and ``password``: where they lie on the control machine
    """
    if dry_run():
        host.noop("a plan verifies nothing")
        return
    if not acts_here(cluster.members):
        return
    own = cluster.node(current_node())
    names = [node.name for node in cluster.members]
    question = {"expected": names, "wait_seconds": SETTLE_SECONDS, "live": True}
    settling = gevent.spawn(copy_context().run, partial(read_all, [own], PatroniCluster, **question))
    etcd = gevent.spawn(copy_context().run, _etcd_faults, cluster)
    tried = _tried(cluster, secrets["PATRONI_ADMIN_PASSWORD"], lambda: settling.get()[own.name])
    seen = settling.get()[own.name]
    absent = unheld_addresses(tried) if all(node in in_this_run(cluster.members) for node in cluster.members) else []
    waiting = absent if awaits_restart(tried) else []
    lacking = [] if waiting else absent
    if faults := [*etcd.get(), *_member_faults(cluster, seen), *broken_endpoints(cluster, tried), *lacking]:
        listed = "".join(f"\n  {fault}" for fault in faults)
        raise UnsafeError(
            f"the cluster is built, but the final verification failed:{listed}\nHINT: fix the first, run again."
        )
    version = next((one["version"] for one in tried), str(cluster.settings.postgres_version))
    source = replication_source(cluster, seen["leader"])
    card = connection_card(cluster, seen, version, places, has_backup(cluster), source)
    print_lines([*card, *(f"  note   {one} until deploys/restart_pending.py has run" for one in waiting)])
    host.noop("every endpoint leads where it should")
    yield from ()


def _tried(cluster: Cluster, password: Secret, look: Callable[[], SeenPatroni]) -> list[SeenEndpoint]:
    """
    Every endpoint by use: HAProxy's from here; without one each member's own, on that member.

    + look: what Patroni says, which is waited for where it matters
    """
    if cluster.balancers:
        asked = {current_node(): endpoints(cluster, look)}
    else:
        asked = {node.name: [own_endpoint(cluster, node, look()["leader"])] for node in in_this_run(cluster.members)}
    for node in in_this_run(cluster.members) if cluster.settings.pgbouncer_on == "members" else ():
        asked.setdefault(node.name, []).extend(own_pools(cluster, node, look()["leader"]))
    for node in in_this_run(cluster.members):
        if held := held_endpoints(cluster, node):
            asked.setdefault(node.name, []).extend(held)
    said = read_each(
        {name: (EndpointsTried, {"_stdin": [question(cluster, password, listed)]}) for name, listed in asked.items()}
    )
    refuse_silence(said)  # what could not be tried proves nothing
    return [one for listed in said.values() for one in listed]


def _etcd_faults(cluster: Cluster) -> list[str]:
    node = coordinator(cluster.etcd)
    seen = read([node], EtcdCluster, endpoints=cluster.etcd_endpoints, prefix=cluster.scope_key)[node.name]
    obstacle = f"{node.name} cannot be reached" if seen is None else quorum_obstacle(seen)
    return [obstacle] if obstacle else []


def _member_faults(cluster: Cluster, seen: SeenPatroni) -> list[str]:
    if seen["settled"]:
        return []
    node, reason = holdup(cluster, seen, current_node())
    return [f"{node.name} {reason}"]
