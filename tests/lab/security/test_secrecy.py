"""Connections are encrypted, orders need a certificate and a password, and secrets stay where they belong."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shlex import quote

import psycopg
import pytest
import requests

from cluster.pki.issuers import OWN_AUTHORITIES
from tests.lab.docker import DockerError, run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.etcd_access import wrong_entries
from tests.lab.vocabulary.runs import (
    MEMBERS,
    SMALL,
    Built,
    authority,
    leader,
    published,
    secrets,
    secrets_directory,
    sql,
)

PSQL = "cd / && runuser -u postgres -- psql -XAtF ' ' -c"

# Path, mode and owner of everything that holds a secret, or leads to it.
PRIVATE = {
    "/etc/patroni/config.yml": "600 postgres",
    "/etc/patroni/pki/patroni.key": "600 postgres",
    "/etc/patroni/rest/patroni.key": "600 postgres",
    "/etc/postgresql/pki/postgres.key": "600 postgres",
    "/etc/postgresql/pki/replicator.key": "600 postgres",
    "/etc/postgresql/pki/rewind.key": "600 postgres",
    "/etc/etcd/pki/etcd.key": "600 etcd",
    "/etc/haproxy/pki/haproxy.pem": "600 root",
    "/etc/haproxy/haproxy.cfg": "600 root",
    "/etc/patroni/pki": "700 postgres",
    "/etc/patroni/rest": "700 postgres",
    "/etc/postgresql/pki": "700 postgres",
    "/etc/etcd/pki": "700 etcd",
    "/etc/haproxy/pki": "700 root",
    "/etc/pgbackrest/pki/pgbackrest.key": "600 postgres",
    "/etc/pgbackrest/pgbackrest.conf": "600 postgres",
    "/etc/pgbackrest/pki": "700 postgres",
    "/etc/pgbackrest/server/server.key": "600 postgres",
    "/etc/pgbackrest/server/pgbackrest.conf": "600 postgres",
    "/etc/pgbackrest/server": "700 postgres",
}
HOLDING = {
    "pg": {"/etc/patroni/config.yml", "/etc/haproxy/haproxy.cfg"},
    # The pass phrase of the backups, and nothing else.
    "backup": {"/etc/pgbackrest/pgbackrest.conf", "/etc/pgbackrest/drill.conf", "/etc/pgbackrest/server.env"},
}
SEARCHED = "/etc /var /run /tmp /home /root /opt /usr/local /srv"
PGPASS = "/var/lib/postgresql/.pgpass_patroni"  # Patroni writes it where a member follows another


def each_member(lab: Lab) -> list[Host]:
    return [lab.host(name) for name in MEMBERS]


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


MACHINE_ROLES = [("postgres", "SUPERUSER"), ("replicator", "REPLICATION"), ("rewind", "REWIND")]


@pytest.mark.parametrize(("user", "secret"), MACHINE_ROLES)
def test_the_roles_of_the_cluster_itself_are_refused_to_clients(built: Built, user: str, secret: str) -> None:
    password = secrets(built.lab)[f"PATRONI_{secret}_PASSWORD"]
    for port in (5000, 5432):
        with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects connection"):
            sql(built.lab, "select 1", port, user=user, password=password)
    with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf rejects"):
        sql(built.lab, "select 1", 5432, user=user, password=password, dbname="postgres", replication="true")


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
        keys = run_in(host.container, f"grep -rlI 'PRIVATE KEY' {SEARCHED} 2> /dev/null || true")
        ours = [path for path in keys.splitlines() if not path.startswith("/etc/ss")]  # Debian's own: ssh, ssl
        assert sorted(ours) == sorted(path for path in PRIVATE if path.endswith((".key", ".pem")))
    directory = secrets_directory(built.lab)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (directory, *directory.iterdir())}
    private = {name: mode for name, mode in modes.items() if not name.endswith(".crt")}
    keys = (f"{name}.key" for name in ("ca", *OWN_AUTHORITIES.values()))
    assert private == {built.lab.name: "0o700", **dict.fromkeys((*keys, "secrets.json"), "0o600")}


def test_no_other_user_can_read_a_secret_on_a_host(built: Built) -> None:
    values = "\n".join(secrets(built.lab).values())
    find = f"grep -rlIF -f /dev/stdin {SEARCHED} 2> /dev/null || true"
    for host in (*each_member(built.lab), built.lab.host("backup1")):
        assert run_in(host.container, find, stdin=values, user="nobody") == ""
        # Also the proof that the search finds what is there; no log and no journal is among them.
        as_root = set(run_in(host.container, find, stdin=values).split()) - {PGPASS}
        assert as_root == HOLDING[host.kind]
        assert run_in(host.container, "cat /proc/[0-9]*/cmdline | grep -caF -f /dev/stdin || true", stdin=values) == "0"
        assert run_in(host.container, "journalctl --no-pager | grep -cF -f /dev/stdin || true", stdin=values) == "0"


def test_the_key_of_the_authority_never_leaves_the_control_machine(built: Built) -> None:
    keys = sorted(secrets_directory(built.lab).glob("*.key"))
    assert len(keys) == 1 + len(OWN_AUTHORITIES)
    line = "\n".join(key.read_text().splitlines()[2] for key in keys)
    for host in (*each_member(built.lab), built.lab.host("backup1")):
        assert run_in(host.container, f"grep -rlIF -f /dev/stdin {SEARCHED} 2> /dev/null || true", stdin=line) == ""


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
    url = f"https://127.0.0.1:{published(built.lab, leader(built.lab).short_name, 8008)}/config"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.patch(url, json={}, verify=authority(built.lab), cert=stranger, timeout=10)
    host = built.lab.host("pg1").container
    for path in stranger:
        run_in(host, f"cat > /tmp/{Path(path).name}", stdin=Path(path).read_text())
    try:
        for given in ("", "--cert /tmp/stranger.crt --key /tmp/stranger.key"):
            asked = f"--endpoints https://127.0.0.1:2379 --cacert /etc/etcd/pki/ca.crt {given} --command-timeout 1s"
            with pytest.raises(DockerError):
                run_in(host, f"ETCDCTL_API=3 etcdctl {asked} get --prefix /")
    finally:
        run_in(host, "rm -f /tmp/stranger.*")


def test_etcd_lets_in_its_members_and_each_member_s_patroni_and_nobody_else(built: Built) -> None:
    assert wrong_entries(built.lab, (*MEMBERS, "backup1")) == {}


def test_patroni_takes_orders_only_with_certificate_and_password_and_from_members(built: Built) -> None:
    assert _patch(built.lab, None, certified=False) in (401, 403)
    assert _patch(built.lab, _login(built.lab), certified=False) == 403
    assert _patch(built.lab, None, certified=True) == 401
    assert _patch(built.lab, "patroni:wrong", certified=True) == 401
    assert _patch(built.lab, _login(built.lab), certified=True) == 200  # what it is set to already


def _login(lab: Lab) -> str:
    return f"patroni:{secrets(lab)['PATRONI_RESTAPI_PASSWORD']}"


# On a member: whether there is a certificate is the first argument; the login, where there is one, comes on stdin.
PATCH = """
import base64, json, ssl, sys, urllib.error, urllib.request
pki = "/etc/patroni/rest/"
tls = ssl.create_default_context(cafile=pki + "ca.crt")
if sys.argv[1] == "True":
    tls.load_cert_chain(pki + "patroni.crt", pki + "patroni.key")
login = sys.stdin.buffer.read().strip()
headers = {"Authorization": "Basic " + base64.b64encode(login).decode()} if login else {}
asked = urllib.request.Request(sys.argv[2], sys.argv[3].encode(), headers, method="PATCH")
try:
    print(urllib.request.urlopen(asked, context=tls, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def _patch(lab: Lab, login: str | None, *, certified: bool) -> int:
    """Ask the leader, on its host, to set the ttl that it has, and return its status."""
    host, wanted = leader(lab), json.dumps({"ttl": SMALL["patroni_ttl"]})
    words = [str(certified), f"https://{host.address4}:8008/config", wanted]
    command = f"python3 -c {quote(PATCH)} {' '.join(map(quote, words))}"
    return int(run_in(host.container, command, stdin=login or ""))
