"""A learner of etcd: promoted when it has caught up, and taken out again when it cannot. It has no vote meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand

from cluster.components.etcd import UNIT, etcd_data_directory, peer_url
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.etcd import SeenEtcd
from cluster.verdicts.etcd_members import stray_learners
from cluster.verdicts.removal_notes import remaining
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.etcdctl import etcd_command
from operations.acts.last_lines import show_last_lines
from operations.runs.remove_node.etcd_membership import remove_membership

# What the promotion prints when it did not come about in time.
LATE = "late"


def promote_learner(cluster: Cluster, node: Node, voters: Sequence[Node], seconds: int) -> Commands:
    """
    Give a learner its vote as soon as it has the data. One that has not in time is taken out again, and named: the
    others do not reach it at the address under which it was added.

    + voters: who is asked
    + seconds: how long it has
    """
    promotion = Act(cluster.node(host.name), StringCommand(_promotion(cluster, voters, node, seconds)))
    yield promotion
    if promotion.printed[-1:] != [LATE]:
        return
    show_last_lines(node, UNIT)
    yield from _given_up(cluster, node, voters, promotion.printed[0])
    raise UnsafeError(
        f"{node.name} did not get etcd's data at {peer_url(cluster, node)} within {seconds} s and was taken out again\n"
        "HINT: its last lines stand above; see that the other members reach it there, correct its cluster_address, "
        "and run again."
    )


def _promotion(cluster: Cluster, voters: Sequence[Node], node: Node, seconds: int) -> str:
    # A learner is promoted only once it has caught up; etcd refuses before that, and a refused try costs nothing.
    identify = etcd_command(cluster, voters, f"member list | grep -F {peer_url(cluster, node)}, | cut -d, -f1")
    # One with a wrong address reaches the others all the same, and catches up; its vote would be lost on them.
    reached = etcd_command(cluster, [node], "endpoint status >/dev/null 2>&1")
    promote = f"{reached} && " + etcd_command(cluster, voters, 'member promote "$1" >/dev/null 2>&1')
    until = f"timeout {seconds} sh -c 'until {promote}; do sleep 0.3; done' sh \"$id\""
    # An answer may have been lost: what the list says counts.
    learner = etcd_command(cluster, voters, 'member list | grep "^$id," | grep -q "true$"')
    return f'id=$({identify}); echo "$id"; {until} || if {learner}; then echo {LATE}; else false; fi'


def _given_up(cluster: Cluster, node: Node, voters: Sequence[Node], member_id: str) -> Commands:
    # Its data first: with those of a membership that is gone etcd never starts again.
    data = quote(etcd_data_directory(cluster))
    yield Act(node, StringCommand(f"systemctl disable --now --quiet {UNIT}; rm -rf {data}/member"))
    yield _removal(cluster, voters, member_id)


def remove_stray_learners(cluster: Cluster, voters: Sequence[Node], seen: SeenEtcd) -> Commands:
    """Take out learners of ours under an address that is not declared any more. + seen: ``EtcdCluster``, live"""
    for member in stray_learners(cluster, seen["members"] or ()):
        host.log(f"takes out of etcd a learner at {member['peer_urls'][0]}, which is not declared")
        yield _removal(cluster, voters, member["id"])


def _removal(cluster: Cluster, voters: Sequence[Node], member_id: str) -> Act:
    asked = remaining(cluster, {node.name for node in cluster.etcd if node not in voters})
    return Act(cluster.node(host.name), remove_membership(asked, member_id))
