"""Where the clusters are that are measured side by side, and the one inventory that they have."""

from __future__ import annotations

from pathlib import Path

from tests.inventories import clusters_of
from tests.lab.bench_growth import places, text_of
from tests.lab.spec import Lab

LABS = (Lab("a", 1), Lab("b", 2))


def test_no_host_is_in_two_clusters() -> None:
    found = [(one.lab.name, name) for one in places(LABS, 5) for name in one.names]
    assert len(set(found)) == len(found) == 15


def test_one_inventory_declares_them_all(tmp_path: Path) -> None:
    path = tmp_path / "inventory.py"
    path.write_text(text_of(places(LABS, 5)))
    clusters = clusters_of(path)
    assert [len(clusters[f"growth{n}"].members) for n in (1, 2, 3, 4, 5)] == [3] * 5
