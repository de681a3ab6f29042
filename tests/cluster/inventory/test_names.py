"""Groups of an inventory whose hosts would be left out without a word."""

from __future__ import annotations

import pytest

from cluster.inventory.names import group_findings


@pytest.mark.parametrize(
    ("groups", "refused"),
    [
        ({"a": ("postgress",)}, ["postgress"]),
        ({"a": ("postgress",), "b": ("postgres", "etcd")}, ["postgress"]),
        ({"a": ("Postgres",)}, ["Postgres"]),
        ({"a": ("postgres", "backups")}, ["backups"]),
        ({"a": ("postgres", "backups", "backup")}, []),
        ({"a": ("postgres", "etcd", "web", "berlin")}, []),
        ({"a": ("web",)}, ["groups"]),
        ({}, ["groups"]),
    ],
)
def test_which_groups_are_refused(groups: dict[str, tuple[str, ...]], refused: list[str]) -> None:
    assert [finding.what for finding in group_findings(groups, "inventory.py")] == refused
