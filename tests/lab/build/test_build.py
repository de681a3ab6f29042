"""What a first run on fresh hosts leaves behind: a cluster that works, encrypts everything and keeps its secrets."""

import re
from collections import Counter

import psycopg
import pytest

from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.limits import LABS_AT_A_TIME
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    SMALL,
    Built,
    dsn,
    etcdctl,
    is_settled,
    leader,
    machine,
    members,
    patroni,
    run,
    secrets,
    sql,
)
from tests.lab.vocabulary.waiting import wait_until

READ_ONLY = "25006"
PRINTED_LINES = 100
# Two of the preflight, two for the lock, one of the first look, one of the proof; the others are for what looks after
# the whole run.
COMMANDS_A_HOST = 8
TRIES = 3
IDLE_SECONDS = 9 * LABS_AT_A_TIME  # 5 beside one other lab on 2 cores; a test cannot ask for an idle machine


def each_member(lab: Lab) -> list[Host]:
    return [lab.host(name) for name in MEMBERS]


def test_the_first_run_proves_the_cluster_and_prints_the_card(built: Built) -> None:
    lab, log = built.lab, built.run.log
    addresses = ", ".join(host.address4 for host in each_member(lab))
    assert f"{lab.name}: PostgreSQL {lab.postgres_version}." in log
    assert f"Endpoints on {addresses}" in log
    assert re.search(r"read-write +port 5000 +the primary", log)
    assert re.search(r"read-only +port 5001 +the replicas", log)
    assert len(re.findall(r"(leader +running|replica +streaming) +timeline 1", log)) == len(MEMBERS)
    assert f"admin, password: .secrets/{lab.name}/secrets.json (PATRONI_ADMIN_PASSWORD)" in log
    assert f"CA        .secrets/{lab.name}/ca.crt" in log
    assert not [name for name, value in secrets(lab).items() if value in log]
    print(f"built in {built.run.seconds:.1f} s, {len(log.splitlines())} lines printed")


def test_a_run_prints_little(built: Built) -> None:
    done = run(built.inventory, as_json=False)
    assert "Endpoints on" in done.log
    count = len(done.log.splitlines())
    print(f"a run without changes took {done.seconds:.1f} s and printed {count} lines")
    assert count <= PRINTED_LINES


def test_a_run_without_changes_asks_little_of_the_hosts(built: Built) -> None:
    """A neighbour on the machine slows one run, not three."""
    runs = [run(built.inventory, CLUSTER, "--debug", as_json=False) for _ in range(TRIES)]
    counts = Counter(re.findall(r"Running command on (\S+?):? ", runs[0].log))
    seconds = min(done.seconds for done in runs)
    print(f"remote commands: {dict(counts)}, in {seconds:.1f} s")
    assert counts and max(counts.values()) <= COMMANDS_A_HOST
    assert seconds <= IDLE_SECONDS


def test_etcd_has_three_healthy_members(built: Built) -> None:
    for host in each_member(built.lab):
        health = etcdctl(host, "endpoint health --cluster")
        assert health.count("is healthy") == len(MEMBERS), health
    listed = etcdctl(built.lab.host("pg1"), "member list").splitlines()
    assert sorted(line.split(", ")[2] for line in listed) == [host.container for host in each_member(built.lab)]
    assert {(line.split(", ")[1], line.split(", ")[-1]) for line in listed} == {("started", "false")}  # no learner


def test_one_member_leads_and_two_stream_on_its_timeline(built: Built) -> None:
    for name in MEMBERS:
        seen = members(built.lab, name)
        assert sorted(one["role"] for one in seen.values()) == ["leader", "replica", "replica"]
        assert len({one["timeline"] for one in seen.values()}) == 1
    assert is_settled(built.lab)
    replication = patroni(built.lab, leader(built.lab).short_name, "patroni")["replication"]
    assert [one["state"] for one in replication] == ["streaming", "streaming"]
    slots = sql(built.lab, "select count(*) from pg_replication_slots where active and slot_type = 'physical'")
    assert slots == [(2,)]


@pytest.mark.parametrize("name", MEMBERS)
def test_writes_go_through_port_5000_of_every_host_and_reads_through_5001(built: Built, name: str) -> None:
    lab = built.lab
    sql(lab, f"create table written_{name} as select 42 as answer", 5000, name)
    try:
        lsn = sql(lab, "select pg_current_wal_lsn()", 5000, name)[0][0]
        assert sql(lab, "select pg_is_in_recovery()", 5001, name) == [(True,)]
        with psycopg.connect(dsn(lab, 5001, name), autocommit=True) as replica:
            _wait_for_replay(replica, lsn)
            assert replica.execute(f"select answer from written_{name}").fetchall() == [(42,)]
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                replica.execute(f"insert into written_{name} values (43)")
            assert refused.value.sqlstate == READ_ONLY
    finally:
        sql(lab, f"drop table written_{name}", 5000, name)


def _wait_for_replay(replica: psycopg.Connection, lsn: str) -> None:
    """Asynchronous replication promises no more than soon."""
    replayed = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
    wait_until("the replica has it", lambda: replica.execute(replayed, (lsn,)).fetchone() == (True,), seconds=10)


def test_only_the_cluster_of_patroni_is_there(built: Built) -> None:
    for host in each_member(built.lab):
        seen = machine(host)
        assert seen.check_output("pg_lsclusters --no-header") == ""
        assert not seen.file(f"/var/lib/postgresql/{built.lab.postgres_version}/main").exists
        assert seen.check_output("systemctl show -P LoadState postgresql.service") == "masked"
        assert seen.check_output("pgrep -fc 'bin/[p]ostgres -D'") == "1"
        for unit in ("etcd", "patroni", "haproxy"):
            assert seen.service(unit).is_running and seen.service(unit).is_enabled


def test_the_host_for_backups_has_no_database(built: Built) -> None:
    seen = machine(built.lab.host("backup1"))
    assert not seen.process.filter(comm="postgres")
    for unit in ("etcd", "patroni", "haproxy"):
        assert not seen.service(unit).is_running


def test_the_database_is_made_as_promised(built: Built) -> None:
    names = ("data_checksums", "server_encoding", "password_encryption", "wal_log_hints", "ssl", "full_page_writes")
    shown = {name: sql(built.lab, f"show {name}")[0][0] for name in names}
    assert shown == {
        "data_checksums": "on",
        "server_encoding": "UTF8",
        "password_encryption": "scram-sha-256",
        "wal_log_hints": "on",
        "ssl": "on",
        "full_page_writes": "on",
    }
    config = patroni(built.lab, "pg1", "config")
    assert {name: config[name] for name in SMALL if name in config} == {}
    assert (config["ttl"], config["loop_wait"], config["retry_timeout"]) == (20, 5, 5)
