"""Patroni and the PostgreSQL that it runs: each member, the cluster they form, and what they share."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand

from cluster.components.component import Component
from cluster.components.patroni import CONFIG, JOINING, config_of, patroni_component
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.plans.configure import without_absences
from cluster.secrets.secrets import Secret
from cluster.verdicts.health import CLONING, has_begun, holdup, joined
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from facts.patroni import PatroniCluster
from operations.acts.act import Act
from operations.acts.commands import load_unit, write_file
from operations.acts.component import Commands, apply_component
from operations.acts.copies import Copying
from operations.acts.last_lines import Watch
from operations.acts.patroni_bootstrap import begun_again
from operations.acts.tablespaces import make_places
from operations.live.awaited import noticed_seconds
from operations.patroni_configuration import corrected, declared_configuration, wake_command
from operations.util.first_look import looks_again
from operations.util.hosts import acts_here, coordinator, current_node, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read
from operations.util.said import said

# initdb and the clones of an empty cluster take less; what is not settled by then is looked at.
BEGIN_SECONDS = 20
FORMING_SECONDS = 90
PROGRESS_SECONDS = 15


@operation()
@looks_again
def member(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Configure Patroni on this host and start it, or reload it when that is what a change needs; never restart it, for
    that would restart PostgreSQL.

    Only the first member of the inventory may begin a cluster, and only while etcd, asked now, knows of none: an empty
    host that comes later can then never make a second one.
    """
    node = cluster.node(host.name)
    if "postgres" not in node.roles:
        host.noop("no PostgreSQL on this host")
        return
    begins = node is cluster.members[0] and not _has_begun(cluster)
    if begins:
        yield from _places_of_source(cluster, node)
    yield from apply_component(_beginning(cluster, secrets)) if begins else _following(cluster, node, secrets)


def _places_of_source(cluster: Cluster, node: Node) -> Commands:
    """Where the first member of a standby cluster gets its data: directories for the source's tablespaces."""
    if cluster.source is None or dry_run():
        return
    version = f"{cluster.data_directory}/PG_VERSION"
    there = said(HostComponent, paths=[version, CONFIG], units={})["paths"]
    if there[version] is None:
        yield from make_places(cluster, node, fresh=there[CONFIG] is None, source=cluster.source)


def _beginning(cluster: Cluster, secrets: Mapping[str, Secret]) -> Component:
    """The first member's component with what it bootstraps the cluster with."""
    return patroni_component(cluster, cluster.members[0], secrets, without_absences(declared_configuration(cluster)))


def _following(cluster: Cluster, node: Node, secrets: Mapping[str, Secret]) -> Commands:
    """
    A member that does not begin the cluster. One that has no data yet, and one that an earlier run left on its way to
    them, is marked until ``formed`` has seen it stream.
    """
    joining, version = patroni_component(cluster, node, secrets, joins=True), f"{cluster.data_directory}/PG_VERSION"
    seen = said(HostComponent, **joining.question_with(version))
    there = seen["paths"]
    on_its_way = config_of(joining).fits(there[CONFIG]) or (there[version] is None and _has_begun(cluster))
    if on_its_way and there[version] is None and not dry_run():
        yield from make_places(cluster, node, fresh=there[CONFIG] is None)
    yield from apply_component(joining if on_its_way else patroni_component(cluster, node, secrets), seen)


def _has_begun(cluster: Cluster) -> bool:
    """Whether etcd knows the cluster. Not knowing is not an answer: then nothing may begin."""
    node = coordinator(cluster.etcd)
    question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    seen = read([node], EtcdCluster, **question)[node.name]
    if seen is None or seen["keys"] is None:
        if dry_run():
            return False
        raise UnsafeError(
            f"etcd does not say whether the cluster {cluster.name} exists\nHINT: look at 'journalctl -u etcd'; "
            "a new cluster is bootstrapped only when etcd answers that there is none."
        )
    return has_begun(cluster, seen["keys"])


@operation()
@looks_again
def formed(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Wait until the cluster has a leader and every standby streams on its timeline; then take the bootstrap section
    from the member that had it, and the mark from those that have just joined. Called on every host, so that nothing
    that needs the database comes before it.

    A member that is being cloned is waited for as long as its copy grows. Refuses, with the last lines of the member
    that holds it up, when the cluster does not settle.
    """
    if not acts_here(cluster.members):
        return
    seen = _settled(cluster, wait_seconds=0)
    if dry_run() and not seen["settled"]:
        yield from decide_later("the cluster has to form, or to settle, first")
        return
    if not seen["settled"]:
        seen = yield from _led_and_settled(cluster)
    if not seen["settled"]:
        yield from begun_again(cluster, seen, _beginning(cluster, secrets))
        # Where a cluster begins with a backup, nobody knew of tablespaces when its members were started.
        for node in in_this_run(cluster.members):
            yield from make_places(cluster, node, fresh=False)
        if seen["leader"] is None:
            yield from corrected(cluster)
        seen = _forming(cluster)
    seen = _wait_for_clones(cluster, seen)
    yield from _relied_on(cluster, in_this_run(joined(cluster, seen)), secrets)
    first = cluster.members[0]
    if first.name == current_node():
        yield from apply_component(patroni_component(cluster, first, secrets))


def _led_and_settled(cluster: Cluster) -> Generator[PyinfraCommand, None, SeenPatroni]:
    """
    Wait for a leader, then for the others. Each of them needs the slot that the leader makes for it at its next look.
    One that has just begun the cluster is told to look now, or they would wait up to ``loop_wait`` for that.
    """
    seen: SeenPatroni = host.get_fact(PatroniCluster, expected=[], wait_seconds=BEGIN_SECONDS, live=True)
    for node in in_this_run(cluster.members):
        if node.name == seen["leader"]:
            yield Act(node, wake_command())
    return _settled(cluster, wait_seconds=0 if seen["leader"] is None else BEGIN_SECONDS)


def _relied_on(cluster: Cluster, arrived: Sequence[Node], secrets: Mapping[str, Secret]) -> Commands:
    """Take the mark from members that stream, and wait until the others know. Refuses when one keeps it."""
    for node in arrived:
        if _is_marked(cluster, node, secrets):
            component = patroni_component(cluster, node, secrets)
            yield Act(node, write_file(config_of(component)))
            yield from (Act(node, load_unit(unit.name, unit.loads, str(unit.load))) for unit in component.units)
        yield Act(node, wake_command())
    if not arrived or dry_run():
        return
    seen = _settled(cluster, noticed_seconds(cluster), unmarked={node.name: JOINING for node in arrived})
    if not seen["settled"]:
        left = [(node, "streams, and is still marked as one that joins") for node in joined(cluster, seen)]
        node, reason = left[0] if left else holdup(cluster, seen, current_node())
        Watch(cluster.data_directory).refuse(node, f"{node.name} {reason}")


def _is_marked(cluster: Cluster, node: Node, secrets: Mapping[str, Secret]) -> bool:
    """Whether a member's own file has the mark. What etcd knows of its tags is as old as its Patroni's last look."""
    marked = config_of(patroni_component(cluster, node, secrets, joins=True))
    seen = read([node], HostComponent, paths=[CONFIG], units={})[node.name]
    return seen is not None and marked.fits(seen["paths"][CONFIG])


def _settled(cluster: Cluster, wait_seconds: int, **more: Any) -> SeenPatroni:
    names = [node.name for node in cluster.members]
    return said(PatroniCluster, expected=names, wait_seconds=wait_seconds, live=True, **more)


def _forming(cluster: Cluster) -> SeenPatroni:
    """Wait for as long as it takes to form, or until a member says that it never will."""
    watch, members = Watch(cluster.data_directory), in_this_run(cluster.members)
    return watch.until_settled(lambda seconds: _settled(cluster, seconds), members, FORMING_SECONDS)


def _wait_for_clones(cluster: Cluster, seen: SeenPatroni) -> SeenPatroni:
    """Name the member that holds the cluster up, and show its last lines; a clone that goes on is waited for."""
    copying = Copying(cluster.data_directory)
    while not seen["settled"]:
        node, reason = holdup(cluster, seen, current_node())
        if not reason.startswith(CLONING) or not copying.goes_on(node, reason):
            copying.refuse(node, f"the cluster did not settle: {node.name} {reason}", in_this_run(cluster.members))
        seen = _settled(cluster, wait_seconds=PROGRESS_SECONDS)
    return seen
