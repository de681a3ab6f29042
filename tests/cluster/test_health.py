"""When a bootstrap counts as cut off: only where nothing can have been stored."""

from typing import Any

import pytest

from cluster.health import has_begun, holdup, was_cut_off
from tests.cluster.preflight_hosts import a_cluster

PREFIX = "/service/main/"


def _cut_off(state: str = "starting", **keys: str) -> bool:
    seen: Any = {"members": {"pg1": {"state": state}}}
    return was_cut_off(a_cluster(), seen, {PREFIX + name: value for name, value in keys.items()})


@pytest.mark.parametrize("value", ["", "7710600375602820305"])
def test_a_bootstrap_that_nobody_is_at_was_cut_off_whatever_its_key_holds(value: str) -> None:
    assert _cut_off(initialize=value)


def test_a_cluster_that_once_was_complete_is_never_begun_again() -> None:
    assert not _cut_off(initialize="1", config="{}")
    assert has_begun(a_cluster(), {f"{PREFIX}config": "{}"})


def test_somebody_who_leads_or_is_at_it_is_left_alone() -> None:
    assert not _cut_off(initialize="", leader="pg1")
    assert not _cut_off("initializing new cluster", initialize="")


def test_where_nothing_was_begun_nothing_was_cut_off() -> None:
    assert not _cut_off()
    assert not has_begun(a_cluster(), {f"{PREFIX}initialize": ""})


def test_a_standby_cluster_that_copies_its_source_is_at_it_and_waited_for() -> None:
    assert not _cut_off("creating replica", initialize="")
    seen: Any = {"answers": True, "error": "", "leader": None, "members": {"pg1": {"state": "creating replica"}}}
    node, reason = holdup(a_cluster(), seen, "pg1")
    assert (node.name, reason) == ("pg1", "creating replica from another cluster")
