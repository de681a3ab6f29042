"""Which members of etcd run with other files than lie on their hosts."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.components.component import has_loaded_its_files
from cluster.components.etcd import BOOTSTRAP, UNIT, etcd_component
from cluster.declared.model import Cluster, Node
from cluster.observed.host import SeenComponent
from facts.host import HostComponent
from operations.util.hosts import in_this_run
from operations.util.planning import dry_run
from operations.util.reading import read_all


def etcd_pictures(cluster: Cluster) -> Mapping[str, SeenComponent]:
    """What lies and runs on every etcd host of this run; refuses while one of them cannot be reached."""
    component = etcd_component(cluster, cluster.etcd[0])
    loads = {UNIT: list(component.units[0].loads)}
    paths = [BOOTSTRAP, *(file.path for file in component.files if dry_run())]
    return read_all(in_this_run(cluster.etcd), HostComponent, paths=paths, units=loads)


def stale_members(cluster: Cluster, pictures: Mapping[str, SeenComponent]) -> list[Node]:
    """Members that run with other files than they have. + pictures: ``etcd_pictures``"""
    return [node for name, seen in pictures.items() if _is_stale(cluster, node := cluster.node(name), seen)]


def _is_stale(cluster: Cluster, node: Node, seen: SeenComponent) -> bool:
    """Whether etcd runs with other files than it has, or, in the plan, than it will have by then."""
    component = etcd_component(cluster, node)
    read = [file for file in component.files if dry_run() and file.path in component.units[0].loads]
    return not has_loaded_its_files(seen["units"][UNIT]) or any(not one.fits(seen["paths"][one.path]) for one in read)
