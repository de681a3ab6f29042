"""A new leader where there is none and Patroni elects nobody, or where the leader does not answer any more."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster
from cluster.obstacles import refuse
from cluster.plans.failover.plan import NO_FAILOVER, Failover, failover_obstacles, failover_plan, refuse_loss
from cluster.plans.failover.scene import Scene
from cluster.plans.failover.text import failover_lines, outcome_notes
from cluster.verdicts.health import synchronous_standbys
from facts.patroni import PatroniCluster
from operations.acts.component import Commands
from operations.acts.leadership import take_over
from operations.live.member_data import members_data
from operations.live.members import look
from operations.util.console import print_lines
from operations.util.hosts import acts_here
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read_first


@operation()
def failover(cluster: Cluster, candidate: str | None = None, *, confirmed: bool = False) -> Commands:
    """
    Let a member lead where nobody does, and return when it takes writes and the others that run follow it. Called on
    every host; one acts. Gives Patroni first the time in which it would elect somebody itself. Refuses what
    ``failover_obstacles`` finds, above all while another PostgreSQL takes writes, or may.

    + candidate: a member's name; absent: the one whose data go furthest. Changes nothing while it leads
    + confirmed: also when that loses writes that were acknowledged, or may
    """
    if not acts_here(cluster.members):
        return
    scene = _scene(cluster)
    if not scene.leader_works and not dry_run():
        scene = _after_an_election(scene)
        if scene.leader_works and candidate in (None, scene.live.leader):
            _nothing_to_do(scene, "Patroni elected it, or it is back")
            return
    if scene.leader_works and candidate == scene.live.leader:
        _nothing_to_do(scene, "already")
        return
    refuse(NO_FAILOVER, failover_obstacles(scene))
    plan = failover_plan(scene, candidate)
    print_lines(failover_lines(scene, plan))
    if dry_run():
        yield from decide_later("the failover")
        return
    if not confirmed:
        refuse_loss(cluster.name, plan)
    yield from take_over(cluster, plan, _others(scene, plan))
    seen = look(cluster, (), 2 * cluster.settings.patroni_loop_wait if scene.is_strict else 0, synchronous=True)
    print_lines(outcome_notes(scene, bool(synchronous_standbys(seen.patroni))))


def _scene(cluster: Cluster) -> Scene:
    return Scene(cluster, look(cluster), members_data(cluster, cluster.members))


def _after_an_election(scene: Scene) -> Scene:
    """
    The scene after the time in which Patroni would elect somebody: the key of a leader that is gone runs out, and the
    next look of each member ends in an election. Patroni in a pause elects nobody.
    """
    settings, live = scene.cluster.settings, scene.live
    paused_and_free = live.patroni["paused"] and live.leader is None
    if paused_and_free or not live.patroni["answers"]:
        return scene
    seconds = 2 * settings.patroni_loop_wait + (settings.patroni_ttl if live.leader is not None else 0)
    host.log(f"{scene.cluster.name} has no leader that answers; Patroni gets up to {seconds} s to elect one")
    answering = [node for node in scene.cluster.members if node.name not in live.silent]
    read_first(answering, PatroniCluster, wait_seconds=seconds, beyond_timeline=scene.timeline)
    return _scene(scene.cluster)


def _nothing_to_do(scene: Scene, why: str) -> None:
    told = f"{scene.live.leader} leads {scene.cluster.name}, {why}: nothing is done"
    print_lines([told])
    host.noop(told)


def _others(scene: Scene, plan: Failover) -> list[str]:
    """The members that have to follow: those whose PostgreSQL runs, and can be asked."""
    names = [name for name, seen in scene.data.items() if seen is not None and seen["in_recovery"]]
    return [name for name in names if name != plan.candidate and name not in scene.live.silent]
