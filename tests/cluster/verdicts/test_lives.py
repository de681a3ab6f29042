"""Copies have the system identifier of their original: what tells them apart, and where a stanza has its own life."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.measures import SEGMENT_BYTES
from cluster.plans.adopt import refuse_two_lives
from cluster.plans.backup import end_of, repository_obstacle
from cluster.verdicts.lives import beyond, is_foreign, parted, stanza_findings, stanza_obstacle
from tests.cluster.plans.test_backup import seen
from tests.cluster.preflight_hosts import IDENTIFIER, KEYS, data, host, picture, running
from tests.world.hosts import fake_cluster

LABELS = ["20261120-010002F", "20261121-010002F"]


def with_repository(**settings: Any) -> Cluster:
    hosts = [host("pg1", cluster_address="10.0.0.1", **settings), host("backup1", "backup", cluster_address="10.0.0.2")]
    return declared_clusters([*hosts], {})[0]["main"]


def segment(timeline: int, number: int) -> str:
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


def archive(newest: str) -> dict[str, str]:
    return {"id": "17-1", "min": segment(1, 1), "max": newest}


# --- WAL that the cluster cannot have written


@given(st.integers(1, 9), st.integers(0, 2000), st.integers(1, 9), st.integers(0, 2000))
def test_an_archive_is_never_ahead_of_its_own_primary(timeline: int, number: int, other: int, there: int) -> None:
    end = (timeline, number * SEGMENT_BYTES)
    ahead = other > timeline or (other == timeline and there > number)
    assert (beyond(archive(segment(other, there)), end) is not None) == ahead


def test_where_nobody_knows_nothing_is_ahead() -> None:
    assert beyond(None, (1, 1)) is None and beyond(archive(segment(9, 9)), None) is None


def test_a_repository_with_the_wal_of_another_life_is_refused() -> None:
    assert repository_obstacle(seen(archive=archive(segment(2, 7))), "main", "42", end=(2, 8 * SEGMENT_BYTES)) is None
    refused = str(repository_obstacle(seen(archive=archive(segment(2, 9))), "main", "42", end=(2, 8 * SEGMENT_BYTES)))
    assert refused is not None
    assert refused.startswith(
        f"the repository has WAL of another life of the cluster main: {segment(2, 9)}, which its primary, on "
        "timeline 2, never wrote\nHINT: another cluster with the same data stores there"
    )


def test_only_a_primary_says_how_far_it_wrote() -> None:
    primary: Any = {"in_recovery": False, "timeline": 2, "written": 5}
    assert end_of(primary) == (2, 5)
    for unknown in ({"in_recovery": True}, {"in_recovery": None}, {"timeline": None}, {"written": None}):
        assert end_of({**primary, **unknown}) is None
    assert end_of(None) is None


# --- histories


def test_histories_that_part() -> None:
    assert parted({}, {1: 5}) is None and parted({1: 5}, {1: 5, 2: 9}) is None
    assert parted({1: 5, 2: 8}, {1: 5, 2: 9}) == 2


@pytest.mark.parametrize(
    ("timeline", "turns", "end", "foreign"),
    [
        (3, {1: 100, 2: 200}, 900, False),  # on the cluster's own timeline
        (2, {1: 100}, 200, False),  # behind, as a standby that was away
        (2, {1: 100}, 201, True),  # went on where the cluster had turned: the original beside its copy
        (1, {}, 50, False),
        (4, {1: 100, 2: 200, 3: 300}, 400, True),  # on a timeline that the cluster does not have
        (2, {1: 99}, 150, True),  # turned elsewhere
        (3, {1: 100, 2: 201}, 300, True),
    ],
)
def test_data_of_another_life(timeline: int, turns: dict[int, int], end: int, foreign: bool) -> None:
    assert is_foreign({"timeline": timeline, "turns": turns, "end": end}, {1: 100, 2: 200}) is foreign


def test_a_history_that_patroni_has_cut_short_judges_nothing_older() -> None:
    assert not is_foreign({"timeline": 1, "turns": {}, "end": 10}, {7: 100, 8: 200})
    assert not is_foreign({"timeline": 9, "turns": {1: 5, 7: 100, 8: 200}, "end": 300}, {7: 100, 8: 200})


# --- a stanza that is there before its cluster


def stanza(*labels: str) -> dict[str, Any]:
    return picture(2, stanza={"head": "", "backups": list(labels)}, data=None)


def found(keys: Any = None, copies: bool = False, goes_on: bool = False, **pictures: Any) -> list[Any]:
    pictures = {"pg1": picture(1), "backup1": stanza(*LABELS), **pictures}
    return list(stanza_findings(with_repository(), pictures, keys, copies=copies, goes_on=goes_on))


@pytest.mark.parametrize("copies", [True, False])
def test_a_cluster_does_not_begin_where_another_life_of_it_was_stored(copies: bool) -> None:
    (one,) = found(copies=copies)
    assert (one.where, one.what) == ("backup1", "stanza")
    assert one.problem == (
        "the repository has the stanza main of another life of the cluster: 2 backups, the newest 20261121-010002F. "
        "What starts now would continue its WAL"
    )
    assert one.hint == (
        "To keep them: `sudo sh -c 'cd /var/lib/pgbackrest && for d in archive backup; do mv $d/main "
        "$d/main.$(date +%s); done'` on backup1. To give them up: `pyinfra inventory.py deploys/destroy.py "
        "--data confirm=main --data backups=true`. To continue with them: `pyinfra inventory.py deploys/restore.py "
        "--data source=main --data latest=true --data confirm=main`."
    )


def test_a_stanza_is_the_cluster_s_own_where_that_exists_or_goes_on_with_it() -> None:
    assert found(keys=KEYS) == [] and found(goes_on=True) == []
    assert found(backup1=picture(2)) == [] and found(backup1=None) == []
    assert found(pg1=picture(1, restoring=True), copies=True) == [], "it was looked at before the restore began"
    own = data("files", "17", IDENTIFIER)
    assert found(pg1=running(1)) == [] and found(pg1=picture(1, data=own)) == [], "etcd is away"
    assert len(found(pg1=picture(1, data=own), copies=True)) == 1


def test_a_stanza_in_a_store_is_named_too() -> None:
    said: Any = seen(backups=[], archive=None, identifiers=[])
    assert stanza_obstacle(with_repository(), {"the S3 store": said}) is None
    kept: Any = seen(backups=[], archive=None)
    store = with_repository(
        pgbackrest_repositories=["s3"],
        pgbackrest_s3_bucket="b",
        pgbackrest_s3_endpoint="s3.example.net",
        pgbackrest_s3_credentials="/nowhere",
        pgbackrest_s3_region="r",
    )
    refused = stanza_obstacle(store, {"the S3 store": kept})
    assert refused is not None
    assert refused.startswith("the S3 store has the stanza main of another life of the cluster: 0 backups. What")
    assert "\nHINT: To keep them: take another pgbackrest_s3_path" in refused


# --- adoption


def power(timeline: int, turns: dict[int, int], reach: int, state: str = "shut down in recovery") -> Any:
    control = {"identifier": "1", "state": state, "timeline": timeline, "checkpoint": reach, "recovered": 0}
    silent = {"in_recovery": None, "written": None, "received": None, "replayed": None}
    return {"control": control, "turns": turns, "timeline": timeline, "end": reach, "whole": True, **silent}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (power(2, {1: 99}, 150), r"they left timeline 1 at 0/63, those of h1 at 0/64\nHINT: only one of them"),
        (power(1, {}, 150, "shut down"), r"they go on to 0/96 on timeline 1, which those of h1 left at 0/64\nHINT"),
    ],
)
def test_data_of_a_copy_and_of_its_original_are_not_adopted_together(other: Any, words: str) -> None:
    with pytest.raises(UnsafeError, match=f"the data of h2 are of another life of main: {words}"):
        refuse_two_lives(fake_cluster(3), "h1", {"h1": power(2, {1: 100}, 200, "shut down"), "h2": other})


@pytest.mark.parametrize("other", [power(2, {1: 100}, 190), power(1, {}, 90, "shut down"), power(1, {}, 150)])
def test_data_that_are_only_behind_are_adopted(other: Any) -> None:
    refuse_two_lives(fake_cluster(3), "h1", {"h1": power(2, {1: 100}, 200, "shut down"), "h2": other})
