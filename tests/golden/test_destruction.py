"""What a cluster gets on its hosts is what a destruction takes from them: nothing that is written is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pytest

from cluster.components.all import certificate_places, components_on, emptied_directories, enabled_units
from cluster.components.component import Component
from cluster.components.etcd import bootstrap_file
from cluster.components.files import File
from cluster.components.patroni import PASSWORD_FILE
from cluster.declared.model import Cluster, Node
from cluster.packages.files import CREATECLUSTER, KEY, PREFERENCES, SOURCE, host_files
from cluster.plans.destroy import backups_on, data_on, traces_on
from tests.golden.examples import EXAMPLES, ROOT, SECRETS, example, with_store
from tests.inventories import clusters_of

# They belong to packages, which stay: without their source these would never be fixed.
KEPT = {CREATECLUSTER, KEY, PREFERENCES, SOURCE}


def components(cluster: Cluster, node: Node) -> Iterable[Component]:
    return (one.files(cluster, node, SECRETS) for one in components_on(cluster, node))


def files(cluster: Cluster, node: Node) -> set[str]:
    """Every file that a run writes on a host."""
    written = {file.path for one in components(cluster, node) for file in one.files}
    written |= {item.path for item in host_files(cluster, node, needrestart=True) if isinstance(item, File)}
    for place in certificate_places(cluster, node):
        written |= {place.certificate, place.key, place.authority}
    written |= {bootstrap_file(cluster, {}, state="new").path} if "etcd" in node.roles else set()
    return written | ({PASSWORD_FILE} if "postgres" in node.roles else set())


def is_taken(path: str, traces: list[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(trace) for trace in traces)


def clusters(tmp_path: Path) -> list[Cluster]:
    credentials = tmp_path / "keys"
    credentials.write_text("key\nsecret\n")
    credentials.chmod(0o600)
    standby = clusters_of(ROOT / "inventories" / "standby_cluster.py").values()
    return [*map(example, EXAMPLES), with_store("dedicated", credentials), *standby]


def test_every_file_that_is_written_goes(tmp_path: Path) -> None:
    for cluster in clusters(tmp_path):
        for node in cluster:
            traces = traces_on(cluster, node)
            left = {path for path in files(cluster, node) - KEPT if not is_taken(path, traces)}
            assert left == set(), node.name


def test_every_unit_that_is_started_is_stopped(tmp_path: Path) -> None:
    for cluster in clusters(tmp_path):
        for node in cluster:
            started = {unit.name for one in components(cluster, node) for unit in one.units}
            assert started - set(enabled_units(cluster, node)) == set(), node.name


@pytest.mark.parametrize("name", EXAMPLES)
def test_data_and_backups_are_among_the_traces_of_nobody(name: str) -> None:
    cluster = example(name)
    for node in cluster:
        traces = [*traces_on(cluster, node), *emptied_directories()]
        for path in (*data_on(cluster, node), *backups_on(cluster, node)):
            assert not is_taken(path, traces), path
        parents = {str(parent) for path in data_on(cluster, node) for parent in PurePosixPath(path).parents}
        assert parents.isdisjoint(traces)
