"""Hosts that are not fit for the cluster: each reason in its exact words, and none for hosts that are."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.preflight.hosts import Observed, clock_findings, host_findings, host_remarks, picture_question
from tests.cluster.packages_hosts import seen
from tests.cluster.preflight_hosts import KEYS, a_cluster, findings, picture, rows, running


def test_fresh_hosts_are_fit():
    assert findings() == []


def test_a_second_run_on_a_running_cluster_finds_nothing():
    assert findings(keys=KEYS, pg1=running(1), pg2=running(2), pg3=running(3)) == []


def test_a_host_that_cannot_be_reached_is_in_the_same_table_as_the_rest():
    assert findings(pg2=None, pg3=picture(3, addresses={})) == [
        Finding(
            "pg2",
            "connection",
            "cannot be reached",
            "See the connection error above: an ssh login to pg2 must work from here without a question.",
        ),
        Finding(
            "pg3",
            "cluster_address",
            "10.0.0.3 is on no interface of the host, which has no address",
            "Declare an address that the host itself has: etcd, Patroni and PostgreSQL listen on it.",
        ),
    ]


def test_an_address_that_is_not_on_the_host_is_named_with_those_that_are():
    there = {"10.0.2.15": "eth0", "10.0.0.9": "eth1", "172.17.0.1": "docker0"}
    assert rows(findings(pg1=picture(1, addresses=there))) == [
        (
            "pg1",
            "cluster_address",
            "10.0.0.1 is on no interface of the host, which has 10.0.2.15 on eth0, 10.0.0.9 on eth1, "
            "172.17.0.1 on docker0",
        )
    ]


def test_addresses_for_clients_and_backups_have_to_be_on_the_host_as_well():
    cluster = a_cluster("pg1", client_address="10.1.0.1", backup_address="10.2.0.1")
    assert findings(cluster, pg1=picture(1, addresses={"10.0.0.1": "eth0"})) == [
        Finding(
            "pg1",
            "client_address",
            "10.1.0.1 is on no interface of the host, which has 10.0.0.1 on eth0",
            "Declare an address that the host itself has: HAProxy and PostgreSQL listen on it.",
        ),
        Finding(
            "pg1",
            "backup_address",
            "10.2.0.1 is on no interface of the host, which has 10.0.0.1 on eth0",
            "Declare an address that the host itself has: pgBackRest's server listens on it.",
        ),
    ]
    everything = {"10.0.0.1": "eth0", "10.1.0.1": "eth1", "10.2.0.1": "eth2"}
    assert findings(cluster, pg1=picture(1, addresses=everything)) == []


def test_hosts_beyond_the_limit_are_not_judged():
    assert findings(limit=["pg1"], pg2=None, pg3=picture(3, addresses={})) == []


def test_a_disk_with_too_little_room_is_named_once_for_all_that_lies_on_it():
    room = {"free_mib": 1434, "total_mib": 9000, "mount": "/var"}
    rooms = {"/var/lib/postgresql/17/main": room, "/var/lib/etcd/main": room}
    assert findings(pg1=picture(1, rooms=rooms)) == [
        Finding(
            "pg1",
            "disk",
            "1.4 GiB are free on /var for /var/lib/postgresql/17/main, 2 are the least",
            "Make room there, mount a larger file system, or lower preflight_free_gib.",
        )
    ]


def test_members_of_two_architectures():
    assert rows(findings(pg3=picture(3, architecture="aarch64"))) == [
        ("main", "architecture", "differs between members: pg1 is x86_64, pg2 is x86_64, pg3 is aarch64")
    ]


def clock(offset: float, doubt: float = 0.01) -> dict[str, Any]:
    return {"clock": {"offset_seconds": offset, "uncertainty_seconds": doubt}}


def test_the_clock_that_is_off_is_named_not_those_that_agree():
    assert findings(pg1=picture(1, **clock(0.1)), pg2=picture(2, **clock(-7.2)), pg3=picture(3, **clock(0.2))) == [
        Finding(
            "pg2",
            "clock",
            "7.4 s behind pg3, 2 s are permitted",
            "Let chrony or systemd-timesyncd set it: see `timedatectl` on the host.",
        )
    ]


def test_a_clock_ahead():
    assert rows(findings(pg3=picture(3, **clock(3)))) == [("pg3", "clock", "3.0 s ahead of pg1, 2 s are permitted")]


def test_all_clocks_wrong_together_are_fine_until_certificates_are_not_valid_there():
    assert findings(**{f"pg{n}": picture(n, **clock(-290)) for n in (1, 2, 3)}) == []
    late = findings(**{f"pg{n}": picture(n, **clock(-400)) for n in (1, 2, 3)})
    problem = "400 s behind this machine's: certificates made here are not valid there yet"
    assert rows(late) == [(f"pg{n}", "clock", problem) for n in (1, 2, 3)]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=6), st.floats(0, 5))
def test_clocks_are_found_to_differ_exactly_when_two_of_them_do(offsets, doubt):
    pictures = {f"pg{n}": clock(offset, doubt) for n, offset in enumerate(offsets)}
    found = clock_findings(a_cluster(), pictures)
    assert bool(found) == (max(offsets) - min(offsets) > 2 + 2 * doubt)


@given(st.floats(-100, 100), st.integers(0, 3))
def test_one_clock_that_is_off_is_the_only_one_that_is_named(offset, odd):
    pictures = {f"pg{n}": clock(offset if n == odd else 0.0) for n in range(4)}
    assert {one.where for one in clock_findings(a_cluster(), pictures)} <= {f"pg{odd}"}


def with_packages(cluster: Cluster, **packages: Any) -> Observed:
    names = [node.name for node in cluster]
    pictures = {name: picture(n) for n, name in enumerate(names, 1)}
    return Observed(pictures, packages=packages, judged=frozenset(names))


def test_a_version_that_the_source_does_not_offer():
    cluster = a_cluster(postgres_version=16)
    assert host_findings(cluster, with_packages(cluster, pg1=seen(), pg2=None)) == [
        Finding(
            "pg1",
            "postgres_version",
            "PostgreSQL 16 is not offered by distribution packages of Debian 13 (trixie), which has 17",
            "Set postgres_version = 17, or packages_source = 'pgdg'.",
        )
    ]


def test_mixed_versions_are_a_remark_and_no_reason_to_refuse():
    cluster = a_cluster()
    old, new = seen(packages={"patroni": "4.0.6-1"}), seen(packages={"patroni": "4.0.7-1"})
    observed = with_packages(cluster, pg1=new, pg2=old, pg3=new)
    assert host_findings(cluster, observed) == []
    assert rows(host_remarks(cluster, observed)) == [
        ("main", "patroni", "differs between hosts: 4.0.7 on pg1, pg3; 4.0.6 on pg2")
    ]


def test_the_question_is_about_the_directories_and_ports_of_the_roles():
    cluster = a_cluster()
    both = {"data_directory": "/var/lib/postgresql/17/main", "etcd_directory": "/var/lib/etcd/main"}
    clients = {"client_ports": [5000, 5001, 5004, 7000]}
    assert picture_question(cluster, cluster.node("pg1")) == both | clients
    balancer = replace(cluster.node("pg1"), roles=frozenset({"haproxy"}))
    assert picture_question(cluster, balancer) == clients


@pytest.mark.parametrize("columns, room", [(80, 52), (30, 40), (400, 76)])
def test_the_table_fits_the_terminal(columns, room):
    from cluster.findings import findings_table

    text = findings_table([Finding("pg1", "disk", "word " * 40, "hint " * 40)], columns)
    lengths = [len(line) for line in text.splitlines()]
    assert max(lengths) <= max(room, min(76, columns - 13)) + 13
    assert text.splitlines()[0].startswith("  pg1  disk  word word")
