"""
The same on Debian 12, with its older exporters: what they lack is there under the same names, and all else is as on
Debian 13. PgBouncer is too old there; PGDG has one, see docs/pooling.md.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from cluster.components.monitoring.prometheus import CONFIGURATION
from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.runs import Built, assert_changes_nothing, authority, run, secrets, site
from tests.lab.vocabulary.scraper import BACKUPS, EXPORTERS, NAMES, UNITS, Scraper, exported, started
from tests.lab.vocabulary.waiting import wait_until

HOSTS = ("pg1", "pg2", "pg3", "backup1", "monitor1")


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Built, Scraper]]:
    """Members with everything that Debian 12 has, and one that scrapes."""
    directory: Path = tmp_path_factory.mktemp("monitored")
    with site("t-mon12", directory, hosts=HOSTS, release="bookworm", monitoring=True) as ready:
        first = run(ready.inventory)
        yield Built(ready.lab, ready.inventory, first), exported(ready, directory / "export")


def hosts(lab: Lab) -> list[tuple[str, Host]]:
    members = [(job, lab.host(name)) for job in EXPORTERS for name in HOSTS[:3]]
    return [*members, ("node", lab.host("backup1")), ("node", lab.host("monitor1"))]


def test_what_the_old_exporters_lack_has_the_same_names(there: tuple[Built, Scraper]) -> None:
    built, scraper = there
    for job, wanted in NAMES.items():
        found = scraper.names(job, built.lab.host("pg1"))
        print(f"{job}: {len(found)} names")
        assert wanted <= found, f"{job} lacks {sorted(wanted - found)}"
    wait_until("backups", lambda: scraper.names("node", built.lab.host("backup1")) >= BACKUPS, seconds=60)
    assert scraper.value("postgres", built.lab.host("pg1"), "pg_exporter_last_scrape_error") == 0
    for name in HOSTS[:3]:
        assert scraper.value("postgres", built.lab.host(name), "pg_up") == 1


def test_nobody_else_is_let_in(there: tuple[Built, Scraper]) -> None:
    built, scraper = there
    for job, host in hosts(built.lab):
        with pytest.raises(requests.exceptions.ConnectionError):
            scraper.get(job, host, cert=None)


def test_a_second_run_changes_nothing_and_restarts_nothing(there: tuple[Built, Scraper]) -> None:
    built, _ = there
    before = [started(host, UNITS[job]) for job, host in hosts(built.lab)]
    assert_changes_nothing(built.inventory)
    assert [started(host, UNITS[job]) for job, host in hosts(built.lab)] == before


def test_its_prometheus_scrapes_everything(there: tuple[Built, Scraper]) -> None:
    built, _ = there
    host = built.lab.host("monitor1")
    login = ("monitoring", secrets(built.lab)["MONITORING_PASSWORD"])

    def health() -> list[str]:
        url = f"https://{host.address4}:9090/api/v1/targets"
        answer = requests.get(url, auth=login, verify=authority(built.lab), timeout=10)
        return [one["health"] for one in answer.json()["data"]["activeTargets"]]

    expected = len(hosts(built.lab)) + 6 + 2
    wait_until("all targets are up", lambda: health() == ["up"] * expected, seconds=90)
    print(f"{expected} targets are up")
    checked = run_in(host.container, f"promtool check config {CONFIGURATION} 2>&1")
    assert "success" in checked.lower()
