"""A cluster told as plain data is the same cluster to whoever reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.declared.plain import from_plain, plain
from tests.inventories import clusters_of

INVENTORIES = sorted((Path(__file__).parents[3] / "inventories").glob("*.py"))


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_a_cluster_survives_json(path: Path) -> None:
    for cluster in clusters_of(path).values():
        told = from_plain(json.loads(json.dumps(plain(cluster))))
        assert told.nodes == cluster.nodes
        assert [node.apart for node in told] == [node.apart for node in cluster]
        assert (told.name, told.settings) == (cluster.name, cluster.settings)
        assert (told.source is None) == (cluster.source is None)
        assert [one.members for one in told.standbys] == [one.members for one in cluster.standbys]
