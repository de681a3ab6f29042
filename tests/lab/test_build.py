"""What a first run on fresh hosts leaves behind: a cluster that works, is encrypted throughout, and keeps its secrets."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests.lab.docker import DockerError, run_in
from tests.lab.runs import (
    CLUSTER,
    MEMBERS,
    SMALL,
    Built,
    assert_changes_nothing,
    authority,
    dsn,
    is_settled,
    leader,
    machine,
    members,
    patroni,
    published,
    run,
    secrets,
    secrets_directory,
    sql,
)
from tests.lab.spec import Host, Lab
from tests.lab.waiting import wait_until

READ_ONLY = "25006"
PRINTED_LINES = 100
COMMANDS_A_HOST = 40
IDLE_SECONDS = 12  # 6 on an idle machine with 2 cores, which a test cannot ask for

ETCDCTL = (
    "ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=/etc/etcd/pki/ca.crt "
    "ETCDCTL_CERT=/etc/etcd/pki/etcd.crt ETCDCTL_KEY=/etc/etcd/pki/etcd.key etcdctl"
)
PSQL = "cd / && runuser -u postgres -- psql -XAtF ' ' -c"

# Path, mode and owner of everything that holds a secret, or leads to it.
PRIVATE = {
    "/etc/patroni/config.yml": "600 postgres",
    "/etc/patroni/pki/patroni.key": "600 postgres",
    "/etc/postgresql/pki/postgres.key": "600 postgres",
    "/etc/etcd/pki/etcd.key": "600 etcd",
    "/etc/haproxy/pki/haproxy.pem": "600 root",
    "/etc/haproxy/haproxy.cfg": "600 root",
    "/etc/patroni/pki": "700 postgres",
    "/etc/postgresql/pki": "700 postgres",
    "/etc/etcd/pki": "700 etcd",
    "/etc/haproxy/pki": "700 root",
}
PGPASS = "/var/lib/postgresql/.pgpass_patroni"  # Patroni writes it where a member follows another


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


def test_the_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)


def test_a_run_prints_little(built: Built) -> None:
    done = run(built.inventory, as_json=False)
    assert "Endpoints on" in done.log
    count = len(done.log.splitlines())
    print(f"a run without changes took {done.seconds:.1f} s and printed {count} lines")
    assert count <= PRINTED_LINES


def test_a_run_without_changes_asks_little_of_the_hosts(built: Built) -> None:
    done = run(built.inventory, CLUSTER, "--debug", as_json=False)
    counts = Counter(re.findall(r"Running command on (\S+?):? ", done.log))
    print(f"remote commands: {dict(counts)}, in {done.seconds:.1f} s")
    assert counts and max(counts.values()) <= COMMANDS_A_HOST
    assert done.seconds <= IDLE_SECONDS


def test_etcd_has_three_healthy_members(built: Built) -> None:
    for host in each_member(built.lab):
        health = run_in(host.container, f"{ETCDCTL} endpoint health --cluster")
        assert health.count("is healthy") == len(MEMBERS), health
    listed = run_in(built.lab.host("pg1").container, f"{ETCDCTL} member list").splitlines()
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


def test_every_connection_is_encrypted(built: Built) -> None:
    over_tcp = (
        "select usename, backend_type, ssl, version from pg_stat_ssl join pg_stat_activity using (pid)"
        " where client_addr is not null"
    )
    rows = sql(built.lab, over_tcp)
    assert {user for user, *_ in rows} >= {"admin", "replicator"}
    assert {(ssl, version) for *_, ssl, version in rows} == {(True, "TLSv1.3")}


@pytest.mark.parametrize("port", [5000, 5001, 5432])
def test_a_connection_without_tls_is_refused(built: Built, port: int) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        sql(built.lab, "select 1", port, sslmode="disable")


def test_a_wrong_password_is_refused(built: Built) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sql(built.lab, "select 1", password="wrong")


@pytest.mark.parametrize(("user", "secret"), [("postgres", "SUPERUSER"), ("replicator", "REPLICATION"), ("rewind", "REWIND")])
def test_the_roles_of_the_cluster_itself_are_refused_to_clients(built: Built, user: str, secret: str) -> None:
    password = secrets(built.lab)[f"PATRONI_{secret}_PASSWORD"]
    for port in (5000, 5432):
        with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
            sql(built.lab, "select 1", port, user=user, password=password)
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        sql(built.lab, "select 1", 5432, user=user, password=password, dbname="postgres", replication="true")


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
        "data_checksums": "on", "server_encoding": "UTF8", "password_encryption": "scram-sha-256",
        "wal_log_hints": "on", "ssl": "on", "full_page_writes": "on",
    }
    config = patroni(built.lab, "pg1", "config")
    assert {name: config[name] for name in SMALL if name in config} == {}
    assert (config["ttl"], config["loop_wait"], config["retry_timeout"]) == (20, 5, 5)


def test_passwords_are_kept_as_scram_verifiers_only(built: Built) -> None:
    ask = "select rolname, left(rolpassword, 14) from pg_authid where rolcanlogin order by 1"
    listed = run_in(leader(built.lab).container, f'{PSQL} "{ask}"').splitlines()
    assert listed == [f"{role} SCRAM-SHA-256$" for role in ("admin", "postgres", "replicator", "rewind")]
    admin = "select rolsuper, rolreplication, rolbypassrls, rolcreatedb, rolcreaterole from pg_roles"
    assert sql(built.lab, f"{admin} where rolname = 'admin'") == [(False, False, False, True, True)]


def test_pg_hba_has_no_line_without_tls_or_scram(built: Built) -> None:
    rules = "select type, auth_method, coalesce(error, '') from pg_hba_file_rules"
    for host in each_member(built.lab):
        listed = [line.split(" ") for line in run_in(host.container, f'{PSQL} "{rules}"').splitlines()]
        assert {kind for kind, *_ in listed} == {"local", "hostssl"}
        assert {(kind, method) for kind, method, _ in listed} == {
            *(("local", "peer"), ("local", "scram-sha-256")),
            *(("hostssl", "scram-sha-256"), ("hostssl", "reject")),
        }
        assert not any(error for *_, error in listed)


def test_what_holds_a_secret_belongs_to_its_user_alone(built: Built) -> None:
    for host in each_member(built.lab):
        listed = run_in(host.container, f"stat -c '%n %a %U' {' '.join(PRIVATE)}")
        assert dict(line.split(" ", 1) for line in listed.splitlines()) == PRIVATE
        assert run_in(host.container, f"stat -c '%a %U' {PGPASS} || true") in ("600 postgres", "")
        keys = run_in(host.container, "grep -rlI 'PRIVATE KEY' /etc /var/lib /run /tmp /root /home 2> /dev/null || true")
        ours = [path for path in keys.splitlines() if not path.startswith("/etc/ss")]  # Debian's own: ssh, ssl
        assert sorted(ours) == sorted(path for path in PRIVATE if path.endswith((".key", ".pem")))
    directory = secrets_directory(built.lab)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (directory, *directory.iterdir())}
    assert modes == {built.lab.name: "0o700", "ca.key": "0o600", "ca.crt": modes["ca.crt"], "secrets.json": "0o600"}


def test_no_other_user_can_read_a_secret_on_a_host(built: Built) -> None:
    values = "\n".join(secrets(built.lab).values())
    find = "grep -rlIF -f /dev/stdin /etc /var /run /tmp /home /root /opt /usr/local /srv 2> /dev/null || true"
    for host in (*each_member(built.lab), built.lab.host("backup1")):
        assert run_in(host.container, find, stdin=values, user="nobody") == ""
        # Also the proof that the search finds what is there; no log and no journal is among them.
        as_root = set(run_in(host.container, find, stdin=values).split()) - {PGPASS}
        assert as_root == ({"/etc/patroni/config.yml", "/etc/haproxy/haproxy.cfg"} if host.kind == "pg" else set())
        assert run_in(host.container, "cat /proc/[0-9]*/cmdline | grep -caF -f /dev/stdin || true", stdin=values) == "0"
        assert run_in(host.container, "journalctl --no-pager | grep -cF -f /dev/stdin || true", stdin=values) == "0"


def test_the_key_of_the_authority_never_leaves_the_control_machine(built: Built) -> None:
    line = (secrets_directory(built.lab) / "ca.key").read_text().splitlines()[2]
    for host in (*each_member(built.lab), built.lab.host("backup1")):
        find = "grep -rlIF -f /dev/stdin /etc /var /run /tmp /home /root 2> /dev/null || true"
        assert run_in(host.container, find, stdin=line) == ""


def test_the_statistics_page_wants_a_login(built: Built) -> None:
    lab = built.lab
    for name in MEMBERS:
        url = f"https://127.0.0.1:{published(lab, name, 7000)}/"
        login = ("admin", secrets(lab)["HAPROXY_STATS_PASSWORD"])
        assert requests.get(url, verify=authority(lab), timeout=5).status_code == 401
        assert requests.get(url, verify=authority(lab), auth=("admin", "wrong"), timeout=5).status_code == 401
        page = requests.get(url, verify=authority(lab), auth=login, timeout=5)
        assert page.status_code == 200
        assert all(host.container in page.text for host in each_member(lab))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A certificate and its key that signed itself: an authority and a client that nobody here knows."""
    directory = tmp_path_factory.mktemp("stranger")
    certificate, key = str(directory / "stranger.crt"), str(directory / "stranger.key")
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    make += ["-subj", "/CN=postgres", "-days", "1", "-keyout", key, "-out", certificate]
    subprocess.run(make, check=True, capture_output=True, timeout=30)
    yield certificate, key


def test_clients_that_trust_another_authority_do_not_connect(built: Built, stranger: tuple[str, str]) -> None:
    for port in (5000, 5001, 5432):
        with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
            sql(built.lab, "select 1", port, sslrootcert=stranger[0])
    for port in (7000, 8008):
        with pytest.raises(requests.exceptions.SSLError, match="certificate verify failed"):
            requests.get(f"https://127.0.0.1:{published(built.lab, 'pg1', port)}/", verify=stranger[0], timeout=5)


def test_a_certificate_of_another_authority_is_refused(built: Built, stranger: tuple[str, str]) -> None:
    with pytest.raises(requests.exceptions.ConnectionError):
        _patch(built.lab, _login(built.lab), stranger)
    host = built.lab.host("pg1").container
    for given in ("", "--cert /tmp/stranger/stranger.crt --key /tmp/stranger/stranger.key"):
        run_in(host, "install -d -m 700 /tmp/stranger && cd /tmp/stranger && cat > stranger.crt", stdin=_text(stranger[0]))
        run_in(host, "cat > /tmp/stranger/stranger.key", stdin=_text(stranger[1]))
        bare = f"etcdctl --endpoints https://127.0.0.1:2379 --cacert /etc/etcd/pki/ca.crt {given} --command-timeout 1s"
        with pytest.raises(DockerError):
            run_in(host, f"ETCDCTL_API=3 {bare} get --prefix /")
    run_in(host, "rm -r /tmp/stranger")


def test_patroni_takes_orders_only_with_certificate_and_password(built: Built, tmp_path: Path) -> None:
    own = _own_certificate(built.lab, tmp_path)
    assert _patch(built.lab, None, None) in (401, 403)
    assert _patch(built.lab, _login(built.lab), None) == 403
    assert _patch(built.lab, None, own) == 401
    assert _patch(built.lab, ("patroni", "wrong"), own) == 401
    assert _patch(built.lab, _login(built.lab), own) == 200  # what it is set to already


def _login(lab: Lab) -> tuple[str, str]:
    return "patroni", secrets(lab)["PATRONI_RESTAPI_PASSWORD"]


def _patch(lab: Lab, login: tuple[str, str] | None, certificate: tuple[str, str] | None) -> int:
    """Ask the leader to set the ttl that it has, and return its status."""
    url = f"https://127.0.0.1:{published(lab, leader(lab).short_name, 8008)}/config"
    asked: dict[str, Any] = {"json": {"ttl": SMALL["patroni_ttl"]}, "auth": login, "cert": certificate}
    return requests.patch(url, verify=authority(lab), timeout=10, **asked).status_code


def _own_certificate(lab: Lab, directory: Path) -> tuple[str, str]:
    """A member's certificate and key, taken from it as only root there can."""
    paths = []
    for name in ("patroni.crt", "patroni.key"):
        path = directory / name
        path.write_text(run_in(lab.host("pg1").container, f"cat /etc/patroni/pki/{name}") + "\n")
        paths.append(str(path))
    return paths[0], paths[1]


def _text(path: str) -> str:
    return Path(path).read_text()
