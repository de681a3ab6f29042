"""Whether a host may be taken out of a running cluster, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cluster.components.etcd import peer_url
from cluster.declared.model import Cluster, Node
from cluster.declared.replication import replication_findings
from cluster.errors import ConfigError
from cluster.inventory.clusters import ETCD_SIZES, slot_name
from cluster.observed.etcd import SeenEtcd, SeenEtcdMember
from cluster.obstacles import Obstacle, refuse
from cluster.plans.switchover import NOT_SYNCHRONOUS, candidate_obstacles
from cluster.verdicts.etcd_members import etcd_members_of, outage
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles, cluster_obstacles
from cluster.verdicts.removal_notes import half_removed, remaining, removals


@dataclass(frozen=True)
class Traces:
    """
    What a cluster knows of one of its hosts.

    + listed: Patroni's list of members has it
    + slots: the members with a replication slot for it
    + voters: its memberships of etcd; more than one when it has moved
    """

    listed: bool
    slots: tuple[str, ...]
    voters: tuple[SeenEtcdMember, ...]

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return self.listed or bool(self.slots) or bool(self.voters)


def traces_of(cluster: Cluster, live: Live, node: Node) -> Traces:
    """What the others know of a host now. + live: the picture of at least all others"""
    slot = slot_name(node.name)
    keeping = [name for name, seen in live.postgres.items() if seen and name != node.name and _has(seen["slots"], slot)]
    listed = live.member(node.name) is not None or cluster.key("members", node.name) in live.keys
    return Traces(listed, tuple(keeping), etcd_members_of(cluster, node, live.etcd_members))


def _has(slots: Iterable[dict[str, object]], name: str) -> bool:
    return any(slot["name"] == name for slot in slots)


def refuse_half_done(cluster: Cluster, seen: SeenEtcd, leaving: str) -> None:
    """
    Refuse while another host is half way out. The others would be written without it, and it may lead.

    + seen: ``EtcdCluster``, live
    + leaving: the host that shall go, which may itself be half way out
    """
    if half := [name for name in half_removed(cluster, seen) if name != leaving]:
        raise ConfigError(
            f"the removal of {', '.join(half)} from {cluster.name} is not finished, or the host came back\n"
            f"HINT: finish it first: run this with --data node={half[0]}; or keep the host, with deploys/add_node.py."
        )


def refuse_indispensable(cluster: Cluster, node: Node) -> None:
    """Refuse to take out the last host with a role, and the one with the backups. + node: that shall go"""
    names = {"postgres": "PostgreSQL", "etcd": "etcd", "haproxy": "HAProxy"}
    if last := [name for role, name in names.items() if cluster.having(role) == (node,)]:
        raise ConfigError(
            f"{node.name} is the only host of {cluster.name} with {' and '.join(last)}\n"
            "HINT: add another one first: declare it, and run deploys/cluster.py."
        )
    if node.name == getattr(cluster.repository, "name", None):
        raise ConfigError(
            f"{node.name} is the repository host of {cluster.name}, and the WAL archive goes on in it\n"
            "HINT: declare another host in the group backup, and run deploys/cluster.py, before this one goes."
        )


def refuse_removal(
    cluster: Cluster, live: Live, node: Node, *, reached: bool, alone: bool = False, force: bool = False
) -> None:
    """
    Refuse, with all reasons, to take a host out now.

    + live: the picture of all members, without the host when it is not reached
    + reached: this run can act on the host
    + alone: go on although nobody could take over from the leader afterwards
    + force: also while a backup is under way that reads from it, which breaks off
    """
    others = (
        _alive(cluster, live, node, reached=reached),
        None if live.leader is None else _standbys(cluster, live, node, alone=alone),
    )
    found = [*cluster_obstacles(cluster, live, leaving=[node.name]), *filter(None, others)]
    found += [*quorum_obstacles(cluster, live, node), *backup_obstacles(live, [node.name], force=force)]
    refuse(f"{node.name} is not removed from {cluster.name} now", found)


def _alive(cluster: Cluster, live: Live, node: Node, *, reached: bool) -> Obstacle | None:
    if reached or not traces_of(cluster, live, node).listed:
        return None
    ttl = (live.patroni["config"] or {}).get("ttl", cluster.settings.patroni_ttl)
    return Obstacle(
        f"this run does not reach it, and its Patroni is known to etcd: it runs, or died less than {ttl} s ago",
        f"wait {ttl} s if it is dead; run without --limit and --exclude if it lives",
    )


def _standbys(cluster: Cluster, live: Live, node: Node, *, alone: bool) -> Obstacle | None:
    """It takes away a member that could lead; after a switchover one more has to be there."""
    leads, member = live.leader == node.name, live.member(node.name)
    if alone or member is None or not (leads or member["streaming"]):
        return None
    others = [one.name for one in remaining(cluster, {node.name}).members if one.name != live.leader]
    unfit = {name: why for name in others if (why := _unfit(live, name))}
    if len(others) - len(unfit) > int(leads):
        return None
    listed = "".join(f", {name} {' and '.join(why)}" for name, why in unfit.items())
    return Obstacle(
        f"without it no member could take over from the leader{listed}",
        "fix another member first, or accept that: --data allow_no_failover=true",
    )


def _unfit(live: Live, name: str) -> list[str]:
    # When a synchronous standby goes, Patroni makes another one synchronous.
    return [reason for reason in candidate_obstacles(live, name) if reason != NOT_SYNCHRONOUS]


def quorum_loss(cluster: Cluster, seen: SeenEtcd | None, node: Node) -> str | None:
    """
    Why etcd could not go on without a host: those that are left have to have the majority among themselves.

    + seen: ``EtcdCluster``, live; of the host itself nothing has to be known
    """
    if seen is None or seen["members"] is None:
        return "etcd does not say who its members are"
    voters = [one for one in seen["members"] if not one["learner"]]
    gone = etcd_members_of(cluster, node, voters)
    rest = [one for one in voters if one not in gone]
    if not gone or len(healthy := _healthy(cluster, seen, rest)) > len(rest) // 2:
        return None
    return f"etcd would have {len(rest)} members, {len(healthy)} of them healthy, and {len(rest) // 2 + 1} are needed"


def quorum_obstacles(cluster: Cluster, live: Live, node: Node) -> list[Obstacle]:
    """The same as an obstacle; of an etcd that does not answer ``cluster_obstacles`` tells. + live: the picture"""
    loss = quorum_loss(cluster, live.etcd, node) if outage(live.etcd) is None else None
    hint = "start etcd on the hosts that are to stay first: `journalctl -u etcd` there says what keeps it"
    return [] if loss is None else [Obstacle(loss, hint)]


def _healthy(cluster: Cluster, seen: SeenEtcd, members: Sequence[SeenEtcdMember]) -> list[SeenEtcdMember]:
    """Of a member that nobody declares nothing is known, so it does not count."""
    port, unhealthy = cluster.settings.etcd_client_port, seen["unhealthy"]
    well = [node for node in cluster.etcd if node.address.url(port) not in unhealthy and "etcd" not in unhealthy]
    urls = {peer_url(cluster, node) for node in well}
    return [one for one in members if urls & set(one["peer_urls"])]


def removal_lines(cluster: Cluster, live: Live, node: Node, *, reached: bool, wipe: bool) -> list[str]:
    """
    What the operator should know before it happens.

    + live: as for ``refuse_removal``
    + wipe: its data are removed
    """
    found = traces_of(cluster, live, node)
    steps = [
        *(["another member leads first"] if live.leader == node.name else []),
        *(["its Patroni and PostgreSQL are stopped and disabled"] if reached and "postgres" in node.roles else []),
        *(["it leaves etcd"] if found.voters else []),
        *([f"its data are {'REMOVED' if wipe else 'kept'}"] if reached and "postgres" in node.roles else []),
    ]
    title = f"{node.name} is removed from {cluster.name}"
    return [title, *(f"  then   {step}" for step in steps), *(f"  note   {one}" for one in _notes(cluster, live, node))]


def _notes(cluster: Cluster, live: Live, node: Node) -> Iterator[str]:
    rest = remaining(cluster, {node.name})
    for finding in replication_findings(rest):
        yield f"the inventory without it is refused until you change {finding.what}: {finding.problem}"
    voters = len(live.etcd_members) - len(traces_of(cluster, live, node).voters)
    if "etcd" in node.roles and voters not in ETCD_SIZES:
        yield f"etcd has {voters} members then; take out one more, or add one: the inventory takes 1, 3 or 5"
    if left := [one.name for one in rest.members if one.name not in live.within]:
        yield f"{', '.join(left)} is not in this run and learns of it from deploys/cluster.py"


def farewell_lines(cluster: Cluster, node: Node, *, reached: bool) -> list[str]:
    """What is left to the operator afterwards. + reached: the host itself was cleared"""
    returning = "  it was not reached, and has its keys still: Patroni there does not start any more, HAProxy does"
    return [
        f"{node.name} is no part of {cluster.name} any more",
        *([] if reached else [returning, "  should it come back, run this again with it, which clears it"]),
        "  remove it from the inventory now: until then deploys/cluster.py refuses to run",
    ]


def was_removed(cluster: Cluster, live: Live, node: Node) -> bool:
    """Whether a host was taken out, and nothing knows it any more."""
    return node.name in removals(cluster, live.keys) and not traces_of(cluster, live, node).any
