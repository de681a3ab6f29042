"""The numbers, names and units of one repository or two."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.declared.repositories import (
    repositories_of,
    scheduled,
    service,
    timer,
    timer_path,
    unscheduled_timers,
)
from cluster.settings.settings import Settings, validated

STORE = {
    "pgbackrest_s3_bucket": "b",
    "pgbackrest_s3_endpoint": "s3.example.net",
    "pgbackrest_s3_region": "eu",
    "pgbackrest_s3_credentials": "keys",
}
BOTH = {"pgbackrest_repositories": ["directory", "s3"], **STORE}


def test_one_repository_is_the_repository() -> None:
    (one,) = repositories_of(Settings())
    assert (one.number, one.kind, one.title, one.prefix, one.question) == (
        *(1, "directory"),
        *("the repository", "repo1", "pgbackrest"),
    )


def test_two_are_told_apart() -> None:
    found = repositories_of(Settings(**BOTH))  # type: ignore[arg-type]
    assert [(one.number, one.title, one.question) for one in found] == [
        (1, "the directory", "pgbackrest"),
        (2, "the S3 store", "pgbackrest2"),
    ]


def test_the_second_has_units_of_its_own() -> None:
    assert (service("full"), timer("full")) == ("pgbackrest-backup@full.service", "pgbackrest-backup-full.timer")
    assert service("full", 2) == "pgbackrest-backup@full-repo2.service"
    assert timer_path(timer("diff", 2)) == "/etc/systemd/system/pgbackrest-backup-diff-repo2.timer"


def test_one_schedule_for_all() -> None:
    found = scheduled(Settings(**BOTH))  # type: ignore[arg-type]
    assert [(one.number, kind) for one, kind in found] == [(1, "full"), (1, "diff"), (2, "full"), (2, "diff")]


def test_timers_of_what_is_not_declared_any_more_are_known() -> None:
    second = [timer(kind, 2) for kind in ("full", "diff", "incr")]
    assert unscheduled_timers(Settings()) == [timer("incr"), *second]
    assert unscheduled_timers(Settings(**BOTH)) == [timer("incr"), timer("incr", 2)]  # type: ignore[arg-type]
    assert len(unscheduled_timers(Settings(pgbackrest_schedule={}))) == 6


# --- What is refused, each with the setting, its value and a way out ---


@pytest.mark.parametrize(
    "declared, setting, problem",
    [
        (
            {"pgbackrest_repositories": ["s3"], "pgbackrest_s3_bucket": "b"},
            "pgbackrest_repositories",
            "pgbackrest_repositories has s3, which needs pgbackrest_s3_endpoint, pgbackrest_s3_region, "
            "pgbackrest_s3_credentials",
        ),
        (
            STORE,
            "pgbackrest_s3_bucket",
            "pgbackrest_s3_bucket is set, and pgbackrest_repositories has no s3; add it there, as in "
            "['directory', 's3'] or ['s3']",
        ),
        (
            {"pgbackrest_repositories": []},
            "pgbackrest_repositories",
            "it names no place; a cluster without backups has no host in the group backup",
        ),
        (
            {"pgbackrest_repositories": ["directory", "directory"]},
            "pgbackrest_repositories",
            "directory stands there twice; one of a kind is all there can be",
        ),
        (
            {"pgbackrest_repositories": ["nfs"]},
            "pgbackrest_repositories",
            "'nfs' is not one of 'directory', 's3' (at 0)",
        ),
    ],
)
def test_places_that_do_not_fit_are_refused(declared: dict[str, Any], setting: str, problem: str) -> None:
    settings, (finding,) = validated(declared, {setting: "group_data/all.py"})
    assert settings is None
    assert (finding.what, finding.problem) == (setting, problem)
    assert setting in finding.hint


def test_one_or_both_are_well() -> None:
    for places in (["s3"], ["directory", "s3"], ["s3", "directory"]):
        assert validated({**STORE, "pgbackrest_repositories": places}, {})[1] == []
