"""After the restore of one member: make it the leader, and rebuild the others from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import StringCommand

from cluster.components.etcd import etcdctl
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.health import CLONING, holdup, leaders_timeline
from cluster.verdicts.tablespaces import unknown
from facts.patroni import PatroniCluster
from facts.pgbackrest_restore import RestoreState
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.copies import Copying
from operations.acts.last_lines import Watch
from operations.acts.patroni_rest import Post
from operations.acts.restore_member import disarmed, release_patroni
from operations.acts.tablespaces import move_aside
from operations.util.hosts import coordinator
from operations.util.reading import read_all

LEAD_SECONDS = 60
ANSWER_SECONDS = 30
PROGRESS_SECONDS = 10

# What Patroni remembers of the data that were: how far they went, and who was in step with them. A member that is
# behind that may not lead. The configuration, the system identifier and the history stay.
_OUTDATED = ("status", "failover", "failsafe", "sync", "optime/leader")

_FORGET = """
ectl() {{ {etcdctl} "$@"; }}
end=$(( $(date +%s) + {seconds} ))
while leader=$(ectl get --print-value-only {prefix}leader) && [ -n "$leader" ]; do
  [ "$(date +%s)" -lt "$end" ] || {{ echo "$leader"; exit 0; }}
  sleep 0.3
done
[ -z "$leader" ] || exit 1
for key in {keys}; do ectl del {prefix}$key > /dev/null || exit 1; done
echo
"""


def await_no_leader(cluster: Cluster) -> Commands:
    """Wait until there is no leader, and delete what Patroni remembers of the old data. Refuses while there is one."""
    script = _FORGET.format(
        etcdctl=etcdctl(cluster.etcd_endpoints, quick=True),
        seconds=cluster.settings.patroni_ttl + 10,
        prefix=cluster.scope_key,
        keys=" ".join(_OUTDATED),
    )
    yield (asked := Act(coordinator(cluster.etcd), StringCommand(script)))
    if name := "".join(asked.printed).strip():
        raise UnsafeError(
            f"{name} still leads {cluster.name} in etcd, though its Patroni was stopped\n"
            "HINT: it was started again: find out by whom, then run this again."
        )


def start_leader(cluster: Cluster, node: Node) -> Commands:
    """Let a member lead with the data that it has, and wait until it does."""
    seen = _seen(node, [node], 0)
    if not seen["answers"]:
        yield from await_no_leader(cluster)
        yield release_patroni(node)
    watch = Watch(cluster.data_directory)
    seen = watch.until_settled(lambda seconds: _seen(node, [node], seconds), [node], LEAD_SECONDS)
    if seen["leader"] is None or not seen["settled"]:
        otherwise = "fix what they name and run this again, it goes on from here."
        watch.refuse(node, f"{node.name} does not lead", otherwise=otherwise)


def await_election(cluster: Cluster, nodes: Sequence[Node]) -> Node:
    """The one of these members that leads, when all others stream from it. Refuses when that does not come about."""
    seen = _seen(nodes[0], nodes, LEAD_SECONDS)
    if seen["leader"] is None:
        Watch(cluster.data_directory).refuse(nodes[0], f"{cluster.name} has no leader after {LEAD_SECONDS} s", nodes)
    return cluster.node(str(seen["leader"]))


@dataclass(frozen=True)
class Aside:
    """Files of tablespaces that make way. + known: directories of those that stay; + name: what the others' get"""

    known: Sequence[str]
    name: str


def rejoin(cluster: Cluster, nodes: Sequence[Node], leader: Node, aside: Aside | None = None) -> Commands:
    """
    Make members anew from the leader and the backup: what is the same is compared, not copied. Waits for them.

    + aside: what of their tablespaces makes way; None: what the backup does not know is removed
    """
    states = read_all(nodes, RestoreState, data=cluster.data_directory)
    for node in nodes:
        if states[node.name]["patroni"] != "active":
            if aside is not None:
                yield from move_aside(cluster, node, unknown(states[node.name], aside.known), aside.name)
            yield disarmed(cluster, node)
    for node in nodes:
        seen = _seen(node, [], ANSWER_SECONDS)
        if not seen["answers"]:
            Watch(cluster.data_directory).refuse(node, f"Patroni of {node.name} does not answer: {seen['error']}")
        # Told while it is at it, Patroni would break its copy off and begin another one.
        if not (_follows(seen, node) or _is_copied(seen, node)):
            yield Post(node, "/reinitialize", {"force": True})
    _wait(cluster, [leader, *nodes])


def _follows(seen: SeenPatroni, node: Node) -> bool:
    found = seen["members"].get(node.name)
    return found is not None and found["streaming"] and found["timeline"] == leaders_timeline(seen)


def _is_copied(seen: SeenPatroni, node: Node) -> bool:
    found = seen["members"].get(node.name)
    return found is not None and found["state"] == CLONING


def _wait(cluster: Cluster, nodes: Sequence[Node]) -> None:
    copying = Copying(cluster.data_directory)
    while not (seen := _seen(nodes[0], nodes, PROGRESS_SECONDS))["settled"]:
        node, reason = holdup(cluster, seen, nodes[0].name)
        if not copying.goes_on(node, reason):
            copying.refuse(node, f"{node.name} does not follow: {reason}")


def _seen(asked: Node, expected: Sequence[Node], seconds: int) -> SeenPatroni:
    question = {"expected": [node.name for node in expected], "wait_seconds": seconds}
    seen: SeenPatroni = read_all([asked], PatroniCluster, **question)[asked.name]
    return seen
