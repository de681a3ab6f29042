"""What a build asks a host of the files and units of its components."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster.components.all import components_on, owned_paths
from cluster.components.etcd import etcd_data_directory
from cluster.declared.model import Cluster, Node
from cluster.secrets.secrets import Secret
from facts.answer import Question
from facts.host import HostComponent


def first_questions(cluster: Cluster, node: Node, secrets: Mapping[str, Secret]) -> Iterator[Question]:
    """All of them in one question, and whether there are data: that decides how a service is begun."""
    components = [one.files(cluster, node, secrets) for one in components_on(cluster, node)]
    data = [f"{cluster.data_directory}/PG_VERSION", f"{etcd_data_directory(cluster)}/member"]
    paths = [item.path for component in components for item in component.items]
    units = {unit.name: list(unit.loads) for component in components for unit in component.units}
    yield HostComponent, {"paths": list(dict.fromkeys([*paths, *owned_paths(cluster, node), *data])), "units": units}
