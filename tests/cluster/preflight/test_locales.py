"""Locales, encodings and time zones that members do not have: refused before PostgreSQL tries to start with them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.preflight.hosts import Observed, host_findings, host_remarks, picture_question
from cluster.preflight.locales import generated
from tests.cluster.preflight_hosts import a_cluster, findings, host, picture

GERMAN = {"postgres_locale": "de_DE.UTF-8"}


def has(glibc: str = "2.41", zones: dict[str, bool] | None = None, **encodings: str) -> dict[str, Any]:
    """What a host says of the locales and zones that it was asked for."""
    return {"glibc": glibc, "encodings": encodings, "there": ["C", "C.utf8", "POSIX"], "zones": zones or {}}


def judged(declared: dict[str, Any], **seen: dict[str, Any]) -> list[Finding]:
    pictures = {name: picture(int(name[-1]), locales=one) for name, one in seen.items()}
    return findings(a_cluster(**declared), **pictures)


@pytest.mark.parametrize("locale", ["C.UTF-8", "C.utf8", "POSIX", "C"])
def test_nobody_is_asked_for_what_every_host_has(locale: str) -> None:
    cluster = a_cluster(postgres_locale=locale)
    assert not {"locales", "zones"} & set(picture_question(cluster, cluster.members[0]))


def test_members_are_asked_for_all_that_is_declared() -> None:
    parameters = {"lc_messages": "en_US.UTF-8", "lc_time": "C", "TimeZone": "Europe/Berlin", "log_timezone": "<+03>-3"}
    cluster = a_cluster(**GERMAN, postgres_parameters=parameters)
    question = picture_question(cluster, cluster.members[0])
    assert (question["locales"], question["zones"]) == (["de_DE.UTF-8", "en_US.UTF-8"], ["Europe/Berlin"])


def test_a_locale_that_one_member_lacks_is_refused_with_the_command_that_makes_it() -> None:
    there, absent = has(**{"de_DE.UTF-8": "UTF-8"}), has(**{"de_DE.UTF-8": ""})
    assert judged(GERMAN, pg1=there, pg2=absent, pg3=there) == [
        Finding(
            "pg2",
            "postgres_locale",
            "the locale de_DE.UTF-8 is not on this host, and PostgreSQL does not start without it",
            "As root there: `apt-get install -y locales && echo 'de_DE.UTF-8 UTF-8' >> /etc/locale.gen && locale-gen`; "
            "or declare one that every member has; here are C.utf8.",
        )
    ]


def test_a_locale_of_another_encoding_is_refused() -> None:
    (found,) = judged({"postgres_locale": "de_DE"}, pg1=has(de_DE="ISO-8859-1"))
    assert found.problem == "the locale de_DE has the encoding ISO-8859-1 here, and the databases have UTF8"
    assert found.hint == "Declare one with that encoding, e.g. de_DE.UTF-8."


def test_locales_and_zones_of_parameters_are_looked_for_too() -> None:
    declared = {"postgres_parameters": {"lc_messages": "fr_FR.UTF-8", "timezone": "Mars/Olympus"}}
    seen = has(zones={"Mars/Olympus": False}, **{"fr_FR.UTF-8": ""})
    locale, zone = judged(declared, pg3=seen)
    assert (locale.what, locale.problem.split(",")[0]) == (
        "postgres_parameters",
        "lc_messages: the locale fr_FR.UTF-8 is not on this host",
    )
    assert zone.problem == "timezone 'Mars/Olympus' is no time zone of this host"


def test_what_a_host_cannot_tell_is_not_held_against_it() -> None:
    assert judged(GERMAN, pg1={"glibc": "", "encodings": {}, "there": [], "zones": {}}) == []
    assert judged(GERMAN) == []


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ("de_DE", "de_DE.UTF-8"),
        ("de_DE.utf8", "de_DE.UTF-8"),
        ("de_DE@euro", "de_DE.UTF-8"),
        ("sr_RS.UTF-8@latin", "sr_RS@latin"),
    ],
)
def test_a_locale_is_generated_under_its_name(declared: str, name: str) -> None:
    assert generated(declared) == name


def test_c_libraries_that_may_sort_differently_are_worth_a_word() -> None:
    def remarks(**declared: Any) -> list[Finding]:
        cluster = a_cluster(**declared)
        pictures = {f"pg{n}": picture(n, locales=has("2.36" if n == 2 else "2.41")) for n in (1, 2, 3)}
        return list(host_remarks(cluster, Observed(pictures, judged=frozenset(pictures))))

    (found,) = remarks(**GERMAN)
    assert found.problem == (
        "glibc differs between members, and may sort de_DE.UTF-8 otherwise: pg1 has 2.41, pg2 has 2.36, pg3 has 2.41"
    )
    assert remarks() == []


@pytest.mark.parametrize(("schedule", "count"), [("Wed *-*-* 03:00:00", 1), (None, 0)])
def test_a_repository_host_needs_the_locale_for_its_drills_alone(schedule: str | None, count: int) -> None:
    declared = {**GERMAN, "pgbackrest_drill_schedule": schedule}
    hosts = [host("pg1", cluster_address="10.0.0.1", **declared)]
    hosts.append(host("b1", "backup", cluster_address="10.0.0.9", **declared))
    cluster = declared_clusters(hosts, {})[0]["main"]
    assert picture_question(cluster, cluster.node("b1"))["locales"] == ["de_DE.UTF-8"]
    pictures = {"pg1": picture(1), "b1": picture(9, locales=has(**{"de_DE.UTF-8": ""}))}
    observed = Observed(pictures, judged=frozenset(pictures))
    assert [one.where for one in host_remarks(cluster, observed)] == ["b1"] * count
    assert not [one for one in host_findings(cluster, observed) if one.what == "postgres_locale"]
