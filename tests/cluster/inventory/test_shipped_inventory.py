"""The inventory that is shipped works without editing: it is that of the lab that `make lab` starts."""

from typing import Any

from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from tests.lab.inventory import inventory_groups
from tests.lab.paths import ROOT
from tests.lab.spec import Lab

GROUPS = ("postgres", "etcd", "haproxy", "backup")


def _shipped() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile((ROOT / "inventory.py").read_text(), "inventory.py", "exec"), names)
    return {name: names[name] for name in GROUPS}


def _data(groups: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry[0]: entry[1] for entries in groups.values() for entry in entries if isinstance(entry, tuple)}


def _members(groups: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [one if isinstance(one, str) else one[0] for one in entries] for name, entries in groups.items()}


def test_it_has_the_hosts_of_the_default_lab_in_the_same_groups() -> None:
    lab = inventory_groups(Lab("lab", 0, "trixie", "packaged"))
    assert _members(_shipped()) == _members(lab)


def test_it_reaches_them_where_the_lab_publishes_them() -> None:
    shipped = _data(_shipped())
    for name, data in _data(inventory_groups(Lab("lab", 0, "trixie", "packaged"))).items():
        expected = {key: value for key, value in data.items() if key != "_sudo"}  # config.py says that for all hosts
        assert {key: shipped[name].get(key) for key in expected} == expected


def test_it_declares_one_cluster_without_a_finding() -> None:
    groups = _members(_shipped())
    hosts = [
        DeclaredHost(name, tuple(group for group in GROUPS if name in groups[group]), data, {})
        for name, data in _data(_shipped()).items()
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    assert [node.name for node in clusters["main"].members] == ["lab-pg1", "lab-pg2", "lab-pg3"]
