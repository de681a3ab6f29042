"""A lost etcd built again from what is left of it, with the member of PostgreSQL that is furthest as the leader."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pyinfra import host
from pyinfra.api import operation

from cluster.components.etcd import UNIT, etcd_data_directory
from cluster.components.etcd_snapshot import SNAPSHOTS, snapshot_hosts
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd, SeenEtcdRecovery
from cluster.observed.patroni import SeenPatroni
from cluster.plans.etcd_restore.order import NOTES, Order, order_of
from cluster.plans.etcd_restore.plan import (
    answering,
    chosen_source,
    home_of,
    refuse_divided,
    refuse_foreign,
    refuse_needless,
    refuse_running,
    refuse_unread,
)
from cluster.plans.etcd_restore.text import outcome_lines, restore_lines
from cluster.verdicts.data_positions import PRIMARY, DataPosition, data_positions, furthest
from facts.etcd import EtcdCluster
from facts.etcd_recovery import EtcdRecovery
from facts.patroni import PatroniCluster
from operations.acts.component import Commands
from operations.acts.etcd_restore_host import (
    begin_etcd,
    forget_etcd_job,
    forget_leader,
    record_etcd_job,
    set_etcd_aside,
)
from operations.acts.last_lines import show_last_lines
from operations.acts.restore_followers import await_election
from operations.acts.restore_member import release_patroni, stop_patroni
from operations.live.member_data import all_members_data, members_data
from operations.util.console import print_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read, read_all

START_SECONDS = 60

Remains = Mapping[str, SeenEtcdRecovery | None]


@operation()
def rebuild(cluster: Cluster, source: str | None = None, *, confirmed: bool = False) -> Commands:
    """
    Begin etcd again on one host, from the newest of what is left, and let the member of PostgreSQL lead whose data go
    furthest. The other hosts of etcd join in what follows. Goes on with what a run that was cut off has begun.

    Refuses while etcd has its quorum, or could have; while a host cannot be read; when there is nothing to rebuild
    from; when the members' data are of different clusters. https://etcd.io/docs/v3.5/op-guide/recovery/

    + cluster: without the hosts that are gone for good
    + source: the host whose data or snapshot is taken; None: the newest
    + confirmed: the operator has named the cluster; without that only the plan is shown
    """
    if not acts_here(cluster.etcd):
        return
    remains, standing = _remains(cluster), _standings(cluster)
    order = order_of(remains)
    if order is not None and order.leads is None and answering(cluster, remains):
        yield from _given_up(cluster)
        return
    if order is None or source not in (None, order.source.host):
        order = _judged(cluster, remains, standing, source, order)
    print_lines(restore_lines(cluster, remains, standing, order))
    if dry_run():
        yield from decide_later("the rebuilding of etcd")
        return
    if not confirmed:
        raise UnsafeError(f"nothing was touched\nHINT: add --data confirm={cluster.name} to begin.")
    if not _is_led(cluster, order):
        yield from _carried_out(cluster, order, begins=not _has_begun_again(remains, order))


def _given_up(cluster: Cluster) -> Commands:
    """End a rebuilding that was begun when etcd is back by itself: its data are all in their place yet."""
    yield from _released(cluster)
    yield from _forgotten(cluster)
    print_lines([f"etcd of {cluster.name} has its quorum again: the rebuilding that was started is given up"])


def _released(cluster: Cluster) -> Commands:
    """Let Patroni run again where it does not."""
    states = all_members_data(cluster, cluster.members)
    for node in cluster.members:
        if states[node.name]["patroni"] != "active":
            yield release_patroni(node)


def _forgotten(cluster: Cluster) -> Commands:
    """The first host of etcd last: as long as it knows of this, a run that is cut off here is gone on with."""
    for node in sorted(_touched(cluster), key=lambda one: one is cluster.etcd[0]):
        yield forget_etcd_job(node)


def _remains(cluster: Cluster) -> dict[str, SeenEtcdRecovery | None]:
    places = {"data": etcd_data_directory(cluster), "snapshots": SNAPSHOTS, "notes": NOTES}
    port = cluster.settings.etcd_client_port
    loopback = f"https://{'[::1]' if cluster.etcd[0].address.ip.version == 6 else '127.0.0.1'}:{port}"
    return read(snapshot_hosts(cluster), EtcdRecovery, prefix=cluster.scope_key, endpoint=loopback, **places)


def _standings(cluster: Cluster) -> list[DataPosition]:
    seen = members_data(cluster, cluster.members)
    silent = [name for name, one in seen.items() if one is None]
    refuse_unread(cluster, silent, [node.name for node in cluster if not in_this_run([node])])
    return data_positions(seen)


def _judged(
    cluster: Cluster, remains: Remains, standing: list[DataPosition], source: str | None, former: Order | None
) -> Order:
    """The order of a rebuilding to be begun, or the reason why there is none. + former: one from another source"""
    refuse_unread(cluster, [name for name, seen in remains.items() if seen is None], ())
    if former is None:
        refuse_needless(cluster, remains)
    refuse_divided(cluster, standing)
    chosen = chosen_source(cluster, remains, source)
    primary = next((one.name for one in standing if one.state == PRIMARY), former.primary if former else None)
    return Order(f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}", chosen, home_of(cluster, chosen).name, primary)


def _is_led(cluster: Cluster, order: Order) -> bool:
    """Whether a run before this one came as far as a leader, so that nobody is to be stopped any more."""
    if order.leads is None:
        return False
    seen: SeenPatroni | None = read([cluster.node(order.leads)], PatroniCluster)[order.leads]
    return seen is not None and seen["answers"] and seen["leader"] is not None


def _has_begun_again(remains: Remains, order: Order) -> bool:
    """Whether the etcd that answers is the rebuilt one: the lost one had no quorum when its data were put aside."""
    home, noted_order = remains[order.home], order_of(remains)
    return home is not None and home["quorum"] and noted_order == order and order.leads is not None


def _carried_out(cluster: Cluster, order: Order, *, begins: bool) -> Commands:
    for node in _touched(cluster):
        yield record_etcd_job(node, order)
    # The primary first: while it stops it sends all that it has to the standbys, which then are as far as it is. Nobody
    # can take over meanwhile, for there is no etcd to be elected in.
    for node in sorted(cluster.members, key=lambda one: one.name != order.primary):
        yield stop_patroni(node)
    first = _furthest(cluster, order)
    order = order.led_by(first.name)
    for node in _touched(cluster):
        yield record_etcd_job(node, order)
    if begins:
        for node in cluster.etcd:
            yield set_etcd_aside(cluster, node, order)
        yield from begin_etcd(cluster, order)
    refuse_foreign(cluster, order, _keys(cluster, order), first.identifier, first.turns)
    yield forget_leader(cluster, order)
    leader = cluster.node(first.name)
    yield release_patroni(leader)
    await_election(cluster, [leader])
    for node in cluster.members:
        if node is not leader:
            yield release_patroni(node)


def _touched(cluster: Cluster) -> list[Node]:
    return [node for node in cluster if node.roles & {"etcd", "postgres"}]


def _furthest(cluster: Cluster, order: Order) -> DataPosition:
    """The member to lead, judged when nothing moves any more. Refuses when PostgreSQL runs somewhere all the same."""
    seen = all_members_data(cluster, cluster.members)
    refuse_running(seen)
    standing = data_positions(seen)
    refuse_divided(cluster, standing)
    return furthest(standing, order.primary)


def _keys(cluster: Cluster, order: Order) -> Mapping[str, str] | None:
    home = cluster.node(order.home)
    endpoints = [home.address.url(cluster.settings.etcd_client_port)]
    question: dict[str, Any] = {"endpoints": endpoints, "prefix": cluster.scope_key, "wait_seconds": START_SECONDS}
    seen: SeenEtcd = read_all([home], EtcdCluster, **question)[home.name]
    if seen["keys"] is None:
        show_last_lines(home, UNIT)
        raise UnsafeError(
            f"the rebuilt etcd on {home.name} does not answer after {START_SECONDS} s\n"
            "HINT: its last lines stand above; fix what they name and run this again, it goes on from here."
        )
    return seen["keys"]


@operation()
def finish(cluster: Cluster) -> Commands:
    """Let the other members run again, wait until they stream, and forget the rebuilding. + cluster: as ``rebuild``"""
    if not acts_here(cluster.etcd):
        return
    if dry_run():
        yield from decide_later("the other members")
        return
    order, began = order_of(_remains(cluster)), time.monotonic()
    if order is None or order.leads is None:
        host.noop("no rebuilding was started")
        return
    yield from _released(cluster)
    leader = await_election(cluster, sorted(cluster.members, key=lambda one: one.name != order.leads))
    yield from _forgotten(cluster)
    print_lines(outcome_lines(cluster, order, leader.name, time.monotonic() - began))
