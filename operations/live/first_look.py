"""What the steps of a build look at first on a host: one question for all of its components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote

from cluster.components.all import components_on, held_places, owned_paths
from cluster.components.etcd import etcd_data_directory
from cluster.declared.model import Cluster, Node
from cluster.declared.repositories import repositories_of, repository_question
from cluster.packages.plan import packages_question
from cluster.secrets.secrets import Secret
from facts.answer import Question
from facts.certificates import HostCertificates
from facts.chrony import HostClock
from facts.etcd import EtcdCluster
from facts.firewall import HostFirewall
from facts.host import HostComponent
from facts.packages import HostPackages
from facts.patroni import MemberResources, PatroniCluster
from facts.pgbackrest import PgbackrestInfo
from facts.postgres import PostgresObjects
from facts.postgres_state import PostgresState
from facts.postgres_statistics import PostgresStatistics
from operations.live.together import commands
from operations.util.hosts import coordinator

Secrets = Mapping[str, Secret]

OF_THE_LEADER = (PostgresObjects, PostgresStatistics)


def first_questions(cluster: Cluster, node: Node, secrets: Secrets) -> dict[str, Question]:
    """
    The questions to one host, by a word. A step whose question is not among them asks itself, which is slower and no
    fault.

    + secrets: all of the cluster's, by name: without them a component does not say which files it has
    """
    questions = [*_of_any(cluster, node, secrets), *_of_a_member(cluster, node), *_of_others(cluster, node)]
    return {f"{kind.__name__}{number}": (kind, asked) for number, (kind, asked) in enumerate(questions)}


def first_commands(cluster: Cluster, questions: Mapping[str, Question]) -> dict[str, str]:
    """The questions as commands. Those that are for the leader alone fail on a standby, at the cost of a glance."""
    glance = f"[ ! -e {quote(cluster.data_directory)}/standby.signal ] || exit 1; "
    return {
        name: (glance if questions[name][0] in OF_THE_LEADER else "") + command
        for name, command in commands(questions).items()
    }


def _of_any(cluster: Cluster, node: Node, secrets: Secrets) -> Iterator[Question]:
    yield HostPackages, packages_question(cluster, node)
    yield HostClock, {}
    yield HostFirewall, {}
    components = [one.files(cluster, node, secrets) for one in components_on(cluster, node)]
    # Whether there are data decides how a service is begun.
    data = [f"{cluster.data_directory}/PG_VERSION", f"{etcd_data_directory(cluster)}/member"]
    paths = [item.path for component in components for item in component.items]
    units = {unit.name: list(unit.loads) for component in components for unit in component.units}
    yield HostComponent, {"paths": list(dict.fromkeys([*paths, *owned_paths(cluster, node), *data])), "units": units}
    places = [[place.certificate, place.key, place.authority] for place in held_places(cluster, node)]
    yield HostCertificates, {"places": places}


def _of_a_member(cluster: Cluster, node: Node) -> Iterator[Question]:
    if "postgres" not in node.roles:
        return
    if node is coordinator(cluster.members):
        yield PatroniCluster, {"expected": [one.name for one in cluster.members]}
    yield MemberResources, {"directory": cluster.data_directory}
    if cluster.source is None:
        yield from ((kind, {"port": cluster.settings.postgres_port}) for kind in OF_THE_LEADER)
    if cluster.repository is not None:
        yield PostgresState, {}


def _of_others(cluster: Cluster, node: Node) -> Iterator[Question]:
    if cluster.etcd and node is coordinator(cluster.etcd):
        yield EtcdCluster, {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    if node is cluster.repository:
        for one in repositories_of(cluster.settings):
            yield PgbackrestInfo, repository_question(one, cluster.name, cluster.settings)
