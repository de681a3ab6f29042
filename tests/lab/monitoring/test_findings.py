"""Hosts that judge themselves by a timer: what they find is what a check finds, and it costs little."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    Built,
    assert_changes_nothing,
    run,
    secrets,
    site,
    start,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

HOSTS = ("pg1", "pg2", "pg3", "backup1")
CHECK = "deploys/check.py"
UNIT = "pyinfra-patroni-findings"
METRICS = "/var/lib/prometheus/node-exporter/pyinfra_patroni_findings.prom"
SECONDS = 60
RELEASES = ("trixie", "bookworm")
SERIES = re.compile(r"^(\w+)\{(.*)\} (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
# What only several hosts together show.
OF_SEVERAL = {"host-silent"}

Series = dict[str, list[tuple[dict[str, str], float]]]


@pytest.fixture(scope="module", params=RELEASES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members and a repository host on each release."""
    directory = tmp_path_factory.mktemp("findings")
    with site(f"j-{request.param}", directory, hosts=HOSTS, release=request.param, monitoring=True) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        run(ready.inventory, "deploys/backup.py")
        yield Built(ready.lab, ready.inventory, first)


def judge(built: Built, name: str) -> Series:
    """Let a host judge itself now, as its timer does. Returns its metrics, without the prefix that all have."""
    host = built.lab.host(name).container
    run_in(host, f"systemctl start {UNIT}.service || {{ journalctl -u {UNIT} -n 40 --no-pager; exit 1; }}")
    return metrics(run_in(host, f"cat {METRICS}"))


def metrics(text: str) -> Series:
    found: Series = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SERIES.match(line)
            assert match, line
            name, labels, value = match.groups()
            found.setdefault(name.removeprefix("pyinfra_patroni_"), []).append(
                (dict(LABEL.findall(labels)), float(value))
            )
    return found


def found(built: Built, *names: str) -> set[tuple[str, str]]:
    """Kinds and places that these hosts find together; without names all do."""
    seen = [judge(built, name) for name in names or HOSTS]
    return {(labels["kind"], labels["host"]) for one in seen for labels, _ in one.get("finding", [])}


def checked(built: Built) -> set[tuple[str, str]]:
    """The same by a check from the control machine."""
    said, log = start(built.inventory, CHECK, "--json").communicate(timeout=SECONDS)
    assert said.startswith("{"), log
    return {(one["kind"], one["where"]) for one in json.loads(said)["clusters"][built.lab.name]["findings"]}


def test_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def test_each_host_of_a_healthy_cluster_finds_nothing(built: Built) -> None:
    for name in HOSTS:
        seen = judge(built, name)
        assert seen.get("finding", []) == []
        assert seen["findings_unanswered"][0][1] == 0
        labels = {labels["component"] for labels, days in seen["certificate_days"] if days > 0}
        assert labels, "no certificate"
        print(f"{name}: judged in {seen['findings_seconds'][0][1]:.2f} s, certificates of {', '.join(sorted(labels))}")
    (run_of, _), *_ = seen["run_timestamp_seconds"]
    assert run_of["outcome"] == "done"


def test_the_timer_judges_without_anybody(built: Built) -> None:
    host = built.lab.host("pg2").container
    assert run_in(host, f"systemctl is-enabled {UNIT}.timer").strip() == "enabled"
    assert "n/a" not in run_in(host, f"systemctl show -p NextElapseUSecMonotonic {UNIT}.timer").replace(
        "infinity", "n/a"
    )


def test_the_repository_host_knows_the_age_of_the_backups(built: Built) -> None:
    ages = {labels["type"]: age for labels, age in judge(built, "backup1")["backup_age_seconds"]}
    assert set(ages) == {"any", "full"} and 0 <= ages["full"] < 3600


def test_a_host_learns_no_secret(built: Built) -> None:
    for name in HOSTS:
        host = built.lab.host(name).container
        told = run_in(host, "cat /etc/pyinfra-patroni/findings.json")
        assert [key for key, value in secrets(built.lab).items() if value in told] == []
        assert run_in(host, "stat -c '%U %a' /etc/pyinfra-patroni/findings.json").split() == ["root", "600"]


def test_what_hosts_find_is_what_a_check_finds(built: Built) -> None:
    hosts = {name: built.lab.host(name).container for name in HOSTS}
    run(built.inventory, "deploys/pause.py")
    run_in(hosts["pg1"], "systemctl stop haproxy")
    run_in(hosts["pg2"], "echo '# by hand' >> /etc/haproxy/haproxy.cfg")
    run_in(hosts["backup1"], "systemctl stop pgbackrest")
    run_in(hosts["pg3"], "chmod 644 /etc/patroni/rest/patroni.key")
    try:
        alone, together = found(built), checked(built)
    finally:
        run_in(hosts["pg3"], "chmod 600 /etc/patroni/rest/patroni.key")
        run_in(hosts["backup1"], "systemctl start pgbackrest")
        run_in(hosts["pg2"], "sed -i '/by hand/d' /etc/haproxy/haproxy.cfg")
        run_in(hosts["pg1"], "systemctl start haproxy")
        run(built.inventory, "deploys/resume.py")
    print(sorted(together))
    expected = {("paused", built.lab.name), ("file-differs", hosts["pg2"]), ("certificate-misfit", hosts["pg3"])}
    assert expected | {("unit-down", hosts["pg1"]), ("unit-down", hosts["backup1"])} <= together
    assert alone == together


def test_others_find_what_a_killed_host_leaves(built: Built) -> None:
    dead = built.lab.host("pg3").container
    faults.kill(dead)
    try:
        alone, together = found(built, "pg1", "pg2", "backup1"), checked(built)
    finally:
        faults.start(dead)
    wait_until_settled(built.lab)
    assert together - alone == {("host-silent", dead)}
    wait_until("nothing is found any more", lambda: found(built) == set(), seconds=SECONDS, poll_seconds=1)


def test_a_judgement_costs_little(built: Built) -> None:
    for name in ("pg1", "backup1"):
        judge(built, name)  # its modules are compiled then
        used = judge(built, name)["findings_cpu_seconds"][0][1]
        print(f"{name}: a judgement takes {used:.2f} s of CPU, {100 * used / 300:.2f} % of a core every five minutes")


def test_without_monitoring_nothing_of_it_is_left(built: Built) -> None:
    directory = built.inventory.parent / "plain"
    directory.mkdir()
    plain = write_inventory(built.lab, directory, HOSTS)
    run(plain)
    for name in HOSTS:
        left = run_in(
            built.lab.host(name).container,
            f"ls -d {METRICS} /usr/local/lib/pyinfra-patroni /etc/pyinfra-patroni/findings.json "
            f"/var/cache/{UNIT} /etc/systemd/system/{UNIT}.* 2>/dev/null || true",
        )
        assert left.split() == []
    assert_changes_nothing(plain)
