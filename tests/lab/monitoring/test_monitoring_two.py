"""Two clusters of one inventory that one host watches, and a destruction that leaves nothing of it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.lab.docker import run_in
from tests.lab.inventory import Entry, groups_text, host_data
from tests.lab.paths import ROOT
from tests.lab.spec import Lab
from tests.lab.vocabulary.runs import SMALL, Built, assert_changes_nothing, authority, run, secrets, site
from tests.lab.vocabulary.waiting import wait_until

HOSTS = ("pg1", "pg2", "monitor1")


@dataclass(frozen=True)
class Watched(Built):
    """The lab's own cluster, with the watching host, and another one. + other: its name"""

    other: str


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """pg1 and the watching host are one cluster, pg2 is another, both behind firewalls."""
    directory = tmp_path_factory.mktemp("two")
    with site("t-mon2", directory, hosts=HOSTS) as ready:
        other = f"{ready.lab.name}-other"
        inventory = declared(ready.lab, directory, other)
        shutil.rmtree(ROOT / ".secrets" / other, ignore_errors=True)
        try:
            yield Watched(ready.lab, inventory, run(inventory), other)
        finally:
            shutil.rmtree(ROOT / ".secrets" / other, ignore_errors=True)


def declared(lab: Lab, directory: Path, other: str) -> Path:
    own = {**SMALL, "monitoring": True, "firewall_mode": "nftables"}
    hba = [f"hostssl all all {lab.subnet4} scram-sha-256"]
    first = {**own, "cluster_name": lab.name, "monitoring_watches": [other], "postgres_hba": hba}
    extra = {"pg1": first, "monitor1": first, "pg2": {**own, "cluster_name": other, "postgres_hba": hba}}
    data = {name: (lab.host(name).container, host_data(lab.host(name), extra=extra[name])) for name in HOSTS}
    members: list[Entry] = [data["pg1"], data["pg2"]]
    names: list[Entry] = [lab.host(name).container for name in HOSTS[:2]]
    groups = {"postgres": members, "etcd": names, "haproxy": names, "monitor": [data["monitor1"]]}
    path = directory / "inventory.py"
    path.write_text(groups_text("Two clusters, and one host that watches both.", groups))
    return path


def up(there: Watched) -> set[tuple[str, str]]:
    """Cluster and job of every target that is up, as the watching host's Prometheus says over its own loopback."""
    host = there.lab.host("monitor1")
    login = f"monitoring:{secrets(there.lab)['MONITORING_PASSWORD']}"
    url = f"https://{host.address4}:9090/api/v1/query?query=up%3D%3D1"
    script = (
        "import base64, json, ssl, sys, urllib.request as u; "
        "c = ssl.create_default_context(cafile='/etc/pyinfra-patroni-monitoring/monitor/ca.crt'); "
        f"r = u.Request('{url}', headers={{'Authorization': 'Basic ' + base64.b64encode(b'{login}').decode()}}); "
        "print(*(one['metric']['cluster'] + ' ' + one['metric']['job'] "
        "for one in json.load(u.urlopen(r, context=c))['data']['result']), sep='\\n')"
    )
    said = run_in(host.container, f'python3 -c "{script}"')
    return {(cluster, job) for cluster, job in (line.split() for line in said.splitlines() if line)}


def test_one_prometheus_scrapes_both_behind_their_firewalls(there: Watched) -> None:
    jobs = {"node", "postgres", "etcd", "patroni", "haproxy"}
    expected = {(name, job) for name in (there.lab.name, there.other) for job in jobs}
    expected |= {(there.lab.name, "prometheus"), (there.lab.name, "alertmanager")}
    wait_until("both are scraped", lambda: up(there) == expected, seconds=120)
    print(f"{len(expected)} kinds of targets of two clusters are up")


def test_the_firewall_lets_no_other_host_to_the_exporters(there: Watched) -> None:
    for name in ("pg1", "pg2"):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"https://{there.lab.host(name).address4}:9100/", verify=authority(there.lab), timeout=3)


def test_a_second_run_changes_nothing(there: Watched) -> None:
    assert_changes_nothing(there.inventory)


def test_a_destruction_leaves_nothing(there: Watched) -> None:
    for name in (there.other, there.lab.name):
        hosts = "pg2" if name == there.other else "pg1,monitor1"
        limit = [word for host in hosts.split(",") for word in ("--limit", there.lab.host(host).container)]
        words = ("--data", f"confirm={name}", "--data", "wipe=true")
        run(there.inventory, "deploys/destroy.py", *limit, *words)
    for host in there.lab.hosts(HOSTS):
        paths = "/etc/systemd/system/pyinfra* /etc/pyinfra* /usr/local/lib/pyinfra* /var/lib/pyinfra-patroni-*"
        assert run_in(host.container, f"ls -d {paths} 2>/dev/null || true") == "", host.container
        assert run_in(host.container, "ls /var/lib/prometheus/node-exporter") == ""
