"""A cluster that begins with data that its members have, where etcd knows nothing of it."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import operation

from cluster.errors import UnsafeError
from cluster.model import Cluster, Node
from cluster.plan_adoption import refuse_two_lives
from cluster.plan_config import without_absences
from cluster.plan_power import most_advanced
from cluster.plan_start import choice_lines
from cluster.render_patroni import patroni_component
from cluster.secrets import Secret
from operations.etcd_look import look_at_etcd
from operations.patroni_configuration import declared_configuration
from operations.patroni_halt import power_of
from operations.patroni_wake import awaited
from operations.power import present
from operations.preflight import once
from operations.util.component import Commands, brought_up
from operations.util.console import print_lines
from operations.util.remote import here
from operations.util.stage import planning, undecided


@operation()
def adopted(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Let the member with the newest data lead, alone at first. Patroni takes data for a cluster's that etcd does not
    know, whoever comes first; so nobody else may. Does nothing once etcd knows the cluster. Refuses what
    ``most_advanced`` and ``refuse_two_lives`` refuse.
    """
    if planning():
        yield from undecided("with whose data the cluster begins")
        return
    chosen = once(host.inventory, f"{cluster.name} begins with", lambda: _chosen(cluster))
    if chosen is None or chosen.name != here():
        host.noop("another host begins" if chosen is not None else "etcd knows the cluster")
        return
    # Patroni reads it where the data bring no configuration of their own; as the first member's it goes again later.
    beginning = without_absences(declared_configuration(cluster))
    yield from brought_up(patroni_component(cluster, chosen, secrets, beginning))
    yield from awaited(cluster, chosen)


def _chosen(cluster: Cluster) -> Node | None:
    asked = look_at_etcd(cluster)
    if asked is None:
        raise UnsafeError(f"etcd does not say whether it knows {cluster.name}\nHINT: look at 'journalctl -u etcd'.")
    if f"{cluster.scope_key}config" in (asked[1]["keys"] or {}):
        return None
    seen = power_of(cluster, present(cluster).members)
    chosen = most_advanced(cluster, {node.name: seen.get(node.name) for node in cluster.members}, ())
    refuse_two_lives(cluster, chosen.name, seen)
    print_lines(choice_lines(cluster, seen, chosen))
    return chosen
