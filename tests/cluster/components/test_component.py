"""A unit is judged by evidence: whether it is up, and whether it has read its files as they are now."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.components.component import has_loaded_its_files, unit_step


def unit(**changes: Any) -> dict[str, Any]:
    """A unit that runs with its files, as our last start left it."""
    running = {
        "active": "active",
        "enabled": "enabled",
        "needs_daemon_reload": False,
        "started_at": 100,
        "files_changed_at": 90,
        "files_digest": "new",
        "loaded_digest": "new",
    }
    return running | changes


def test_runs_with_its_files() -> None:
    assert unit_step(unit()) == "none"


@pytest.mark.parametrize("state", ["inactive", "failed", "deactivating", "unknown", ""])
def test_is_started_when_it_is_down(state: str) -> None:
    assert unit_step(unit(active=state)) == "start"


@pytest.mark.parametrize("state", ["active", "activating", "reloading"])
def test_is_not_started_twice(state: str) -> None:
    assert unit_step(unit(active=state)) == "none"


def test_a_run_that_died_between_the_file_and_the_reload_is_made_good() -> None:
    assert unit_step(unit(files_digest="newer", files_changed_at=150)) == "load"


def test_a_run_that_died_between_the_first_start_and_its_stamp_needs_nothing() -> None:
    assert unit_step(unit(loaded_digest="", started_at=100, files_changed_at=90)) == "none"


def test_a_run_that_died_between_the_reload_and_its_stamp_reloads_once_more() -> None:
    """The start is older than the file and no stamp tells of the reload: nothing proves that the file was read."""
    assert unit_step(unit(loaded_digest="old", started_at=100, files_changed_at=150)) == "load"


def test_a_reboot_clears_the_stamp_and_loads_the_files_anyway() -> None:
    assert unit_step(unit(loaded_digest="", started_at=200, files_changed_at=150)) == "none"


def test_a_restart_by_hand_loads_what_the_stamp_does_not_know() -> None:
    assert unit_step(unit(loaded_digest="old", started_at=200, files_changed_at=150)) == "none"


def test_a_file_of_the_same_second_may_have_come_after_the_start() -> None:
    assert unit_step(unit(loaded_digest="", started_at=100, files_changed_at=100)) == "load"


def test_a_file_that_was_only_touched_needs_no_reload() -> None:
    assert unit_step(unit(files_changed_at=500)) == "none"


def test_a_changed_drop_in_counts_although_the_digest_is_stamped() -> None:
    assert unit_step(unit(needs_daemon_reload=True)) == "load"


def test_no_files_at_all_are_loaded_once_it_runs() -> None:
    assert has_loaded_its_files(unit(files_changed_at=0, loaded_digest="", started_at=1))


@given(st.integers(0, 10), st.integers(0, 10), st.sampled_from(["", "old", "new"]), st.booleans())
def test_never_trusts_without_evidence(started: int, changed: int, loaded: str, daemon_reload: bool) -> None:
    seen = unit(started_at=started, files_changed_at=changed, loaded_digest=loaded, needs_daemon_reload=daemon_reload)
    evidence = loaded == "new" or started > changed
    assert has_loaded_its_files(seen) == (evidence and not daemon_reload)
