"""The promotion of a standby cluster as a procedure: what is done in which order, and that it is gone on with."""

from __future__ import annotations

import pytest
from pyinfra.api.exceptions import PyinfraError

from cluster.errors import UnsafeError
from operations.runs.promote import promote_standby_cluster
from tests.world.hosts import changed, run_operation
from tests.world.promotion_world import PromotionWorld

ACTS = ['/config d1 {"standby_cluster": null}', "create temporary d1", "rm -rf d1"]
OTHERS = ("s1", "s2")


def promote(
    monkeypatch: pytest.MonkeyPatch, world: PromotionWorld, *, confirmed: bool = True, lost: bool = False
) -> list[str]:
    """Run it on the standby cluster's host alone. Returns those that it changed."""
    words = {"confirmed": confirmed, "lost": lost}
    return changed(
        run_operation(monkeypatch, world, world.cluster(), promote_standby_cluster, ("d1",), OTHERS, **words)
    )


def refusal(monkeypatch: pytest.MonkeyPatch, world: PromotionWorld, **words: bool) -> str:
    with pytest.raises(UnsafeError) as refused:
        promote(monkeypatch, world, **words)
    assert world.done == []
    return str(refused.value)


def test_the_section_goes_then_it_writes_then_its_access_to_the_source_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PromotionWorld()
    assert promote(monkeypatch, world) == ["d1"]
    assert world.done == ACTS


def test_a_second_run_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PromotionWorld()
    promote(monkeypatch, world)
    assert promote(monkeypatch, world) == []
    assert world.done == ACTS


def test_without_a_confirmation_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    said = refusal(monkeypatch, PromotionWorld(), confirmed=False)
    assert said == "nothing was touched\nHINT: add --data confirm=dr to promote it."


@pytest.mark.parametrize("lost", [False, True])
def test_a_source_that_runs_is_looked_at_on_its_own_hosts(monkeypatch: pytest.MonkeyPatch, lost: bool) -> None:
    said = refusal(monkeypatch, PromotionWorld(running={"s2"}), lost=lost)
    assert said.startswith("dr is not promoted now: shop still runs on s2: there would be two primaries\n")


def test_a_host_that_is_off_is_not_taken_for_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = PromotionWorld(off={"s1", "s2"})
    assert refusal(monkeypatch, world).startswith("dr is not promoted now: s1, s2 cannot be reached, so it is unknown")
    assert promote(monkeypatch, world, lost=True) == ["d1"]


@pytest.mark.parametrize("act", ["/config", "create temporary", "rm -rf"])
def test_cut_off_after_any_act_the_next_run_finishes(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    world = PromotionWorld(cut_off_after=act)
    with pytest.raises(PyinfraError):
        promote(monkeypatch, world)
    world.cut_off_after = None
    # Whoever was let go is gone on with, though the source is back by now: there is no way back any more.
    world.running = {"s1"}
    promote(monkeypatch, world)
    assert (world.config, world.promoted, world.has_access) == ({}, True, False)
    assert list(dict.fromkeys(world.done)) == ACTS
