"""Bootstrap a cluster from the data of its members, if etcd does not know it."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import operation

from cluster.components.patroni import patroni_component
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.plans.adopt import refuse_two_lives
from cluster.plans.configure import without_absences
from cluster.plans.start import choice_lines
from cluster.secrets.secrets import Secret
from cluster.verdicts.data_positions import most_advanced
from operations.acts.component import Commands, apply_component
from operations.live.etcd import look_at_etcd
from operations.live.member_data import all_members_data
from operations.live.preflight import once
from operations.patroni_configuration import declared_configuration
from operations.runs.services import within_run
from operations.runs.start import await_leader
from operations.util.console import print_lines
from operations.util.hosts import current_node
from operations.util.planning import decide_later, dry_run


@operation()
def adopt(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Let the member with the newest data lead, alone at first. Patroni takes data for a cluster's that etcd does not
    know, whoever comes first; so nobody else may. Does nothing once etcd knows the cluster. Refuses what
    ``most_advanced`` and ``refuse_two_lives`` refuse.
    """
    if dry_run():
        yield from decide_later("with whose data the cluster begins")
        return
    chosen = once(host.inventory, f"{cluster.name} begins with", lambda: _chosen(cluster))
    if chosen is None or chosen.name != current_node():
        host.noop("another host begins" if chosen is not None else "etcd knows the cluster")
        return
    # Patroni reads it where the data bring no configuration of their own; as the first member's it goes again later.
    beginning = without_absences(declared_configuration(cluster))
    yield from apply_component(patroni_component(cluster, chosen, secrets, beginning))
    yield from await_leader(cluster, chosen)


def _chosen(cluster: Cluster) -> Node | None:
    asked = look_at_etcd(cluster)
    if asked is None:
        raise UnsafeError(f"etcd does not say whether it knows {cluster.name}\nHINT: look at 'journalctl -u etcd'.")
    if cluster.key("config") in (asked[1]["keys"] or {}):
        return None
    seen = all_members_data(cluster, within_run(cluster).members)
    chosen = most_advanced(cluster, {node.name: seen.get(node.name) for node in cluster.members}, ())
    refuse_two_lives(cluster, chosen.name, seen)
    print_lines(choice_lines(cluster, seen, chosen))
    return chosen
