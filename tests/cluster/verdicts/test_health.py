"""When a bootstrap counts as cut off: only where nothing can have been stored."""

from typing import Any

import pytest

from cluster.components.patroni import JOINING
from cluster.verdicts.health import (
    has_begun,
    holdup,
    is_synchronous,
    joined,
    synchronous_standbys,
    upstream,
    was_cut_off,
)
from tests.cluster.live_members import healthy, with_member, with_patroni
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


def test_who_has_joined_is_marked_and_not_declared_to_be_so() -> None:
    seen = with_member(healthy(), "pg3", tags=dict(JOINING)).patroni
    assert [node.name for node in joined(a_cluster(), seen)] == ["pg3"]
    assert joined(a_cluster(patroni_tags=dict(JOINING)), seen) == ()


def cascade(**sources: str) -> Any:
    live = healthy("pg1", "pg2", "pg3", "pg4")
    for name, source in sources.items():
        live = with_member(live, name, tags={"replicatefrom": source})
    return live.patroni


def test_through_whom_a_member_gets_its_wal() -> None:
    seen = cascade(pg4="pg3", pg3="pg2", pg2="pg1")
    assert [upstream(seen, name) for name in ("pg1", "pg2", "pg3", "pg4")] == [[], [], ["pg2"], ["pg3", "pg2"]]


def test_whom_it_shall_stream_from_is_not_there_or_goes_in_a_circle() -> None:
    assert upstream(cascade(pg4="pg9"), "pg4") == [] and upstream(cascade(), "pg9") == []
    assert upstream(cascade(pg4="pg3", pg3="pg4"), "pg4") == ["pg3", "pg4"]


@pytest.mark.parametrize("mode", [None, False, "off", True, "quorum"])
def test_a_mode_and_its_standbys(mode: Any) -> None:
    live = with_member(with_patroni(healthy(), config={"synchronous_mode": mode}), "pg3", synchronous=True)
    assert is_synchronous(live.patroni) is (mode in (True, "quorum"))
    assert synchronous_standbys(live.patroni) == ["pg3"]


def test_a_standby_cluster_that_copies_its_source_is_at_it_and_waited_for() -> None:
    assert not _cut_off("creating replica", initialize="")
    seen: Any = {"answers": True, "error": "", "leader": None, "members": {"pg1": {"state": "creating replica"}}}
    node, reason = holdup(a_cluster(), seen, "pg1")
    assert (node.name, reason) == ("pg1", "creating replica from another cluster")
