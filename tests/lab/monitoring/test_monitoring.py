"""
Exporters on every host and a Prometheus that scrapes them: whom they let in, what their role in PostgreSQL may do, what
a scrape costs, and that all of it follows the inventory, until nothing is left of it.
"""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from cluster.components.monitoring.exporter import DIRECTORY, PROGRAMS
from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PATRONI_ETCD, PGBOUNCER, POSTGRES
from cluster.pki.certificates import MONITORING as OWN
from tests.lab.docker import DockerError, run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.backups import findings
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    authority,
    dsn,
    leader,
    run,
    secrets,
    site,
    sql,
    write_inventory,
)
from tests.lab.vocabulary.scraper import (
    BACKUPS,
    EXPORTERS,
    NAMES,
    OTHERS,
    POOLS,
    UNITS,
    Scraper,
    cost_ms,
    exported,
    started,
    used_ms,
)
from tests.lab.vocabulary.waiting import wait_until

# The last member has no etcd: a cluster has it on 1, 3 or 5 hosts.
HOSTS = (*MEMBERS, "pg4", "backup1", "monitor1")
SETTINGS: dict[str, Any] = {"pgbouncer_on": "haproxy", "pgbouncer_databases": 1}
SCRAPES, MOST_MS, IDLE_SECONDS = 20, 50, 10
ROLE = "prometheus"


@dataclass(frozen=True)
class Monitored(Built):
    """A lab that is monitored. + scraper: with what the export gave it; + directory: of the inventory"""

    scraper: Scraper
    directory: Path

    def hosts(self) -> list[Host]:
        return self.lab.hosts(HOSTS)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """Three members with everything, a repository host, and one that scrapes."""
    directory = tmp_path_factory.mktemp("monitored")
    with site("t-mon", directory, hosts=HOSTS, monitoring=True, **SETTINGS) as ready:
        inventory = declared(ready.lab, directory, HOSTS, monitoring=True)
        first = run(inventory)
        yield Monitored(ready.lab, inventory, first, exported(ready, directory / "export"), directory)


def declared(lab: Lab, directory: Path, hosts: Iterable[str], **settings: Any) -> Path:
    """The inventory of these hosts, with etcd and HAProxy on the first three members alone."""
    inventory = write_inventory(lab, directory, hosts, **SETTINGS, **settings)
    three = [lab.host(name).container for name in MEMBERS]
    inventory.write_text(f"{inventory.read_text()}\netcd = {three}\nhaproxy = {three}\n")
    return inventory


def served(there: Monitored) -> list[tuple[str, Host]]:
    """Every exporter with its host."""
    members = [(job, host) for job in (*EXPORTERS, *POOLS) for host in there.lab.hosts(MEMBERS)]
    others = [("node", name) for name in ("pg4", "backup1", "monitor1")] + [("postgres", "pg4")]
    return [*members, *((job, there.lab.host(name)) for job, name in others)]


def targets(there: Monitored) -> list[dict[str, Any]]:
    """What Prometheus says of each of its targets."""
    return list(asked(there, "targets")["activeTargets"])


def asked(there: Monitored, words: str, port: int = 9090) -> Any:
    host = there.lab.host("monitor1")
    login = ("monitoring", secrets(there.lab)["MONITORING_PASSWORD"])
    answer = requests.get(
        f"https://{host.address4}:{port}/api/v1/{words}", auth=login, verify=authority(there.lab), timeout=10
    )
    answer.raise_for_status()
    return answer.json()["data"]


def as_exporter(host: Host, statement: str) -> str:
    """What PostgreSQL answers the exporter's own user on a host."""
    words = f"cd / && runuser -u {ROLE} -- psql -XAtq -h /var/run/postgresql -d postgres -c"
    return run_in(host.container, f'{words} "{statement}" 2>&1')


def refused(host: Host, statement: str) -> str:
    with pytest.raises(DockerError) as said:
        as_exporter(host, statement)
    return str(said.value)


def test_all_of_it_is_served_under_names_that_both_releases_have(there: Monitored) -> None:
    for job, wanted in NAMES.items():
        found = there.scraper.names(job, leader(there.lab))
        assert wanted <= found, f"{job} lacks {sorted(wanted - found)}"
        print(f"{job}: {len(found)} names")
    # The timer's first time is a few seconds after the run.
    wait_until("backups", lambda: there.scraper.names("node", there.lab.host("backup1")) >= BACKUPS, seconds=60)
    for name in MEMBERS:
        assert there.scraper.value("postgres", there.lab.host(name), "pg_up") == 1
        lines = there.scraper.text("pgbouncer", there.lab.host(name))
        assert {'pgbouncer_up{process="write"} 1', 'pgbouncer_up{process="read"} 1'} <= set(lines.splitlines())


def test_a_second_run_changes_nothing_and_restarts_nothing(there: Monitored) -> None:
    places = [(host, UNITS[job]) for job, host in served(there)]
    before = [started(host, unit) for host, unit in places]
    assert_changes_nothing(there.inventory)
    assert [started(host, unit) for host, unit in places] == before


def test_nothing_answers_without_the_scraper_s_certificate(there: Monitored, tmp_path: Path) -> None:
    for job, host in served(there):
        place = {**EXPORTERS, **POOLS}[job]
        port = place.partition("/")[0]
        with pytest.raises(requests.exceptions.ConnectionError):
            there.scraper.get(job, host, cert=None)
        plain = f"http://{host.address4}:{place}"
        try:
            answer = requests.get(plain, timeout=10)
            assert answer.status_code == 400 and "# TYPE" not in answer.text, plain
        except requests.exceptions.ConnectionError:
            pass
        for other in ("127.0.0.1", "[::1]", f"[{host.address6}]"):
            with pytest.raises(DockerError):
                run_in(host.container, f"timeout 2 bash -c ': < /dev/tcp/{other.strip('[]')}/{port}'")


def test_no_other_key_of_a_host_opens_an_exporter(there: Monitored, tmp_path: Path) -> None:
    host = there.lab.host("pg1")
    for place in (ETCD, PATRONI, PATRONI_ETCD, POSTGRES, HAPROXY, PGBOUNCER, OWN):
        pair = [tmp_path / f"{place.component}.{end}" for end in ("crt", "key")]
        for path, of in zip(pair, (place.certificate, place.key), strict=True):
            path.write_text(run_in(host.container, f"cat {of}"))
        for job in (*EXPORTERS, *POOLS):
            with pytest.raises(requests.exceptions.ConnectionError):
                there.scraper.get(job, host, cert=tuple(map(str, pair)))
        with pytest.raises(requests.exceptions.ConnectionError):
            there.scraper.get("haproxy", host, cert=tuple(map(str, pair)))


def test_the_scraper_s_certificate_opens_nothing_else(there: Monitored) -> None:
    host = there.lab.host("pg1")
    key, certificate = there.scraper.pair[1], there.scraper.pair[0]
    ca = authority(there.lab)
    # HAProxy's page and Patroni's orders.
    page = requests.get(f"https://{host.address4}:7000/", cert=(certificate, key), verify=ca, timeout=10)
    assert page.status_code == 401
    for url in (f"https://{host.address4}:8008/restart", f"https://{host.address4}:2379/version"):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(url, cert=(certificate, key), verify=False, timeout=10)


def test_the_role_looks_and_does_nothing_else(there: Monitored) -> None:
    lab, host = there.lab, leader(there.lab)
    sql(lab, "create table if not exists private (secret text)")
    sql(lab, "insert into private values ('x')")
    own = "select rolsuper, rolconnlimit from pg_roles where rolname = current_user"
    assert as_exporter(host, own).strip() == "f|3"
    members = "select string_agg(pg_get_userbyid(roleid), ',') from pg_auth_members"
    assert as_exporter(host, f"{members} where member = current_user::regrole").strip() == "pg_monitor"
    assert "permission denied" in refused(host, "select rolpassword from pg_authid")
    assert "permission denied" in refused(host, "create table t ()")
    assert "permission denied" in refused(host, "create database t")
    assert "permission denied" in refused(host, "select pg_read_file('postgresql.conf')")
    # Into another database than postgres it does not get at all, nor by TCP.
    words = f"cd / && runuser -u {ROLE} -- psql -XAtq"
    for place in ("-h /var/run/postgresql -d app", f"-h {host.address4} -d postgres"):
        with pytest.raises(DockerError, match=r"rejects connection|no password"):
            run_in(host.container, f"{words} {place} -c 'select 1' 2>&1")


def test_with_all_connections_taken_it_says_so_and_an_administrator_gets_in(there: Monitored) -> None:
    lab, host = there.lab, leader(there.lab)
    with ExitStack() as taken:
        count = 0
        # Its own connection stays where it has one; as after a failover it has to find one now.
        run_in(host.container, f"systemctl stop {UNITS['postgres']}")
        while True:
            try:
                taken.enter_context(psycopg.connect(dsn(lab, 5432, host.short_name, dbname="postgres")))
                count += 1
            except psycopg.OperationalError as error:
                assert "slots are reserved" in str(error) or "too many clients" in str(error), error
                break
        run_in(host.container, f"systemctl start {UNITS['postgres']}")
        wait_until("it serves", lambda: serves(there, "postgres", host), seconds=30)
        assert there.scraper.value("postgres", host, "pg_up") == 0
        assert run_in(host.container, "cd / && runuser -u postgres -- psql -XAtc 'select 1'").strip() == "1"
        print(f"{count} connections taken: pg_up 0, and a superuser got in")
    wait_until("it is up again", lambda: there.scraper.value("postgres", host, "pg_up") == 1, seconds=60)


def serves(there: Monitored, job: str, host: Host) -> bool:
    try:
        return there.scraper.get(job, host).ok
    except requests.exceptions.RequestException:
        return False


def test_a_scrape_costs_a_host_less_than_fifty_milliseconds(there: Monitored) -> None:
    host = leader(there.lab)
    before, began = used_ms(host), time.monotonic()
    run_in(host.container, f"sleep {IDLE_SECONDS}")
    idle = (used_ms(host) - before) / (time.monotonic() - began)
    costs = {job: cost_ms(there.scraper, host, job, SCRAPES, idle) for job in (*EXPORTERS, *POOLS, *OTHERS)}
    listed = ", ".join(f"{job} {cost:.1f}" for job, cost in costs.items())
    print(f"ms of CPU a scrape: {listed}; all {sum(costs.values()):.1f}; idle {idle:.0f} ms a second")
    assert sum(costs.values()) < MOST_MS
    open_now = "select count(*) from pg_stat_activity where usename = 'prometheus'"
    connections = int(run_in(host.container, f'cd / && runuser -u postgres -- psql -XAtc "{open_now}"'))
    print(f"connections between scrapes: {connections}")
    assert connections == 1


def test_the_monitor_host_scrapes_everything(there: Monitored) -> None:
    expected = len(served(there)) + 2 * len(MEMBERS) + 1 + 2  # Patroni, HAProxy, and its own pages

    def unwell() -> list[tuple[str, str, str]]:
        seen = targets(there)
        wrong = [one for one in seen if one["health"] != "up"]
        return [(one["labels"]["job"], one["scrapeUrl"], one["lastError"]) for one in wrong] or (
            [] if len(seen) == expected else [("targets", str(len(seen)), str(expected))]
        )

    wait_until("all targets are up", lambda: not unwell(), seconds=90)
    labels = [one["labels"] for one in targets(there)]
    assert {one["cluster"] for one in labels} == {there.lab.name}
    assert {one["member"] for one in labels} == {host.container for host in there.hosts()}
    print(f"{expected} targets are up")
    host = there.lab.host("monitor1")
    for port in (9090, 9093):
        answer = requests.get(f"https://{host.address4}:{port}/", verify=authority(there.lab), timeout=10)
        assert answer.status_code == 401


def test_where_it_all_is_can_be_asked_and_a_silent_exporter_is_found(there: Monitored) -> None:
    said = run(there.inventory, "deploys/monitoring.py", as_json=False).log
    assert "SILENT" not in said and f"https://{there.lab.host('pg1').address4}:9187/metrics" in said
    host = there.lab.host("pg2")
    process = run_in(host.container, f"systemctl show -P MainPID {UNITS['postgres']}").strip()
    run_in(host.container, f"kill -STOP {process}")
    try:
        assert "postgres_exporter does not answer" in findings(there)["exporter-silent"]
        told = run(there.inventory, "deploys/monitoring.py", as_json=False, check=False)
        assert told.code == 1 and "SILENT" in told.log
    finally:
        run_in(host.container, f"kill -CONT {process}")
    run_in(host.container, f"systemctl stop {UNITS['node']}")
    kinds = findings(there)
    assert "unit-down" in kinds and "exporter-silent" not in kinds
    run(there.inventory)


def test_the_export_is_what_a_prometheus_of_one_s_own_takes(there: Monitored) -> None:
    export, host = there.scraper.directory.parent, there.lab.host("monitor1")
    kept = (there.scraper.directory / "pki/scraper.crt").read_text()
    exported(there, export)
    assert (there.scraper.directory / "pki/scraper.crt").read_text() == kept, "a good certificate stays"
    assert oct((there.scraper.directory / "pki/scraper.key").stat().st_mode & 0o777) == "0o600"
    own = f"/root/{there.lab.name}"
    for path in sorted(export.rglob("*")):
        if path.is_file():
            to = f"{own}/{path.relative_to(export)}"
            run_in(host.container, f"mkdir -p $(dirname {to}) && cat > {to} <<'END'\n{path.read_text()}END\n")
    configuration = {
        "scrape_config_files": [f"{there.lab.name}/scrape_configs.yml"],
        "rule_files": ["rules/*.yml"],
    }
    run_in(host.container, f"echo '{json.dumps(configuration)}' > {own}/prometheus.yml")
    assert "SUCCESS" in run_in(host.container, f"promtool check config {own}/prometheus.yml 2>&1")


def shown(there: Monitored, job: str, host: Host) -> str:
    """The certificate that an exporter shows."""
    port = {**EXPORTERS, **POOLS}[job].partition("/")[0]
    words = f"openssl s_client -connect {host.address4}:{port} </dev/null 2>/dev/null | openssl x509 -serial -noout"
    return run_in(host.container, words).strip()


def test_a_new_certificate_is_shown_and_all_go_on(there: Monitored) -> None:
    host = there.lab.host("pg2")
    before = {job: shown(there, job, host) for job in (*EXPORTERS, *POOLS)}
    run_in(host.container, f"rm {OWN.certificate}")
    run(there.inventory)
    for job, old in before.items():
        assert shown(there, job, host) != old, job
        assert there.scraper.get(job, host).ok
    assert_changes_nothing(there.inventory)


def test_another_receiver_is_loaded_without_a_restart(there: Monitored) -> None:
    host, units = there.lab.host("monitor1"), ("pyinfra-patroni-prometheus", "pyinfra-patroni-alertmanager")
    before = [started(host, unit) for unit in units]
    changed = {"monitoring_webhook_url": "http://192.0.2.1/alerts", "monitoring_scrape_seconds": 10}
    run(declared(there.lab, there.directory, HOSTS, monitoring=True, **changed))
    # The URL itself is masked there.
    assert "webhook_configs" in str(alertmanager(there)["config"]["original"])
    assert "scrape_interval: 10s" in str(asked(there, "status/config")["yaml"])
    assert [started(host, unit) for unit in units] == before
    run(declared(there.lab, there.directory, HOSTS, monitoring=True))


def alertmanager(there: Monitored) -> Any:
    host = there.lab.host("monitor1")
    login = ("monitoring", secrets(there.lab)["MONITORING_PASSWORD"])
    return requests.get(
        f"https://{host.address4}:9093/api/v2/status", auth=login, verify=authority(there.lab), timeout=10
    ).json()


def test_debian_s_own_units_stay_down(there: Monitored) -> None:
    for host in there.hosts():
        running = run_in(
            host.container, "systemctl list-units --state=active --plain --no-legend 'prometheus*' || true"
        )
        enabled = run_in(host.container, "systemctl list-unit-files --state=enabled --no-legend 'prometheus*' || true")
        assert (running, enabled) == ("", ""), host.container


def test_a_member_that_is_taken_out_is_scraped_no_more(there: Monitored) -> None:
    gone = there.lab.host("pg4")
    run(there.inventory, "deploys/remove_node.py", "--data", f"node={gone.container}", "--data", "wipe=true")
    left = run_in(gone.container, "ls -d /etc/systemd/system/pyinfra-patroni* /etc/pyinfra-patroni-monitoring || true")
    assert left == ""
    run(declared(there.lab, there.directory, (*MEMBERS, "backup1", "monitor1"), monitoring=True))
    wait_until(
        "its targets are gone",
        lambda: gone.container not in {one["labels"]["member"] for one in targets(there)},
        seconds=60,
    )
    assert_changes_nothing(there.inventory)


def test_it_is_taken_away_where_it_is_not_declared_any_more(there: Monitored) -> None:
    left = (*MEMBERS, "backup1")
    inventory = declared(there.lab, there.directory, left)
    run(inventory)
    assert_changes_nothing(inventory)
    for host in there.lab.hosts(left):
        paths = "/etc/systemd/system/pyinfra-patroni* /var/lib/prometheus/node-exporter/pyinfra*"
        found = run_in(host.container, f"ls -d {paths} {DIRECTORY} {PROGRAMS} 2>/dev/null || true")
        assert found == "", host.container
        listening = run_in(host.container, "ss -Hltn")
        assert not any(f":{port} " in listening for port in (9100, 9187, 9127, 2381, 2382)), listening
    assert sql(there.lab, f"select count(*) from pg_roles where rolname = '{ROLE}'") == [(0,)]
