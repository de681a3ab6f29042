"""Every query of rules and dashboards has an answer in a Prometheus that scrapes a living cluster, on both releases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest

from monitoring.queries import MAY_BE_EMPTY, Prometheus, questions, silent
from tests.lab.errors import LabError
from tests.lab.vocabulary.runs import Built, authority, run, secrets, site, sql, wait_until_settled
from tests.lab.vocabulary.waiting import wait_until

HOSTS = ("pg1", "pg2", "pg3", "backup1", "monitor1")
RELEASES = ("trixie", "bookworm")
PORT, USER = 9090, "monitoring"
# The increase of something takes two scrapes, a rule of a rule another round.
SECONDS = 240
# Excuses that do not hold for these clusters, and one that does where PgBouncer is too old for us.
NOT_HERE = {
    MAY_BE_EMPTY[name] for name in ("cluster:backup_age:seconds", "member_slot:active:max", "member:slot_limit:bytes")
}
POOLLESS = MAY_BE_EMPTY["member:pool_up:min"]


@dataclass(frozen=True)
class Watched(Built):
    """A lab with a Prometheus of its own."""

    prometheus: Prometheus


@pytest.fixture(scope="module", params=RELEASES)
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Three members with pools, a repository host with a backup, and a host that scrapes them."""
    directory = tmp_path_factory.mktemp("queries")
    pools = {"pgbouncer_on": "haproxy"} if request.param == "trixie" else {}
    often = {"monitoring_backup_minutes": 1, "findings_minutes": 1}
    settings = {"monitoring": True, **often, **pools, "release": request.param}
    with site(f"q-{request.param}", directory, hosts=HOSTS, **settings) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        run(ready.inventory, "deploys/backup.py")
        place = f"https://{ready.lab.host('monitor1').address4}:{PORT}"
        login = (USER, secrets(ready.lab)["MONITORING_PASSWORD"])
        yield Watched(ready.lab, ready.inventory, first, Prometheus(place, authority(ready.lab), *login))


def test_every_target_is_scraped(watched: Watched) -> None:
    def missing() -> list[str]:
        return [str(one["metric"]) for one in watched.prometheus.answer("up == 0")]

    def jobs() -> set[str]:
        return {one["metric"]["job"] for one in watched.prometheus.answer("count by (job) (up)")}

    expected = {"node", "postgres", "patroni", "etcd", "haproxy", "prometheus", "alertmanager"}
    expected |= {"pgbouncer"} if watched.lab.release == "trixie" else set()
    wait_until("each job is scraped", lambda: jobs() == expected, seconds=SECONDS)
    wait_until("all targets up", lambda: not missing(), seconds=SECONDS)


def test_every_query_has_an_answer(watched: Watched) -> None:
    sql(watched.lab, "create table if not exists written as select generate_series(1, 100000) as number")
    name = watched.lab.name
    unfit = NOT_HERE | ({POOLLESS} if watched.lab.release == "trixie" else set())

    def unanswered() -> list[str]:
        wrong, excused = silent(watched.prometheus, name)
        return [one.where for one in (*wrong, *(one for one in excused if one.excuse in unfit))]

    with suppress(LabError):  # which ones, it cannot say
        wait_until("answers", lambda: not unanswered(), seconds=SECONDS, poll_seconds=5)
    assert unanswered() == []
    _, excused = silent(watched.prometheus, name)
    print(f"{len(list(questions(name)))} queries, {len(excused)} of them have an excuse")


def test_no_query_is_refused(watched: Watched) -> None:
    """Also those of the alerts, which have no answer."""
    failed = [rule for rule in rules(watched) if rule.get("lastError")]
    assert [(rule["name"], rule["lastError"]) for rule in failed] == []


def test_no_alert_fires_in_a_healthy_cluster(watched: Watched) -> None:
    firing = watched.prometheus.answer('ALERTS{alertstate="firing",severity="page"}')
    assert [one["metric"] for one in firing] == []
    (watchdog,) = watched.prometheus.answer('ALERTS{alertname="Watchdog"}')
    assert watchdog["metric"]["alertstate"] == "firing"


def rules(watched: Watched) -> list[dict[str, str]]:
    """All that Prometheus has loaded, with how it went."""
    return [rule for group in watched.prometheus.asked("rules")["groups"] for rule in group["rules"]]
