"""What is open on the hosts is what is declared; no service may do more than it needs, or be shut by idle visitors."""

import re
import resource
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from cluster.listeners import listeners
from tests.inventories import clusters_of
from tests.lab.docker import run_in
from tests.lab.runs import MEMBERS, Built, leader, secrets, sql
from tests.lab.spec import Host

HOSTS = (*MEMBERS, "backup1")
NOT_OURS = {("0.0.0.0", 22), ("::", 22)}  # the lab's own sshd
# systemd-analyze's exposure, of 10; Debian's units have 9.2 to 9.6.
EXPOSURE = {"etcd": 2.0, "haproxy": 4.0, "patroni": 5.5}
IDLE = 1600  # a connection each; systemd's own limit is 1024 files

# From a host that is none of the members, with all that it could have: a certificate of the CA, and the password.
POST = """
import base64, ssl, sys, urllib.error, urllib.request
pki = "/etc/pgbackrest/pki/"
tls = ssl.create_default_context(cafile=pki + "ca.crt")
tls.load_cert_chain(pki + "pgbackrest.crt", pki + "pgbackrest.key")
login = base64.b64encode(b"patroni:" + sys.stdin.buffer.read().strip()).decode()
asked = urllib.request.Request(sys.argv[1], b"{}", {"Authorization": "Basic " + login}, method="POST")
try:
    print(urllib.request.urlopen(asked, context=tls, timeout=10).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def open_ports(host: Host) -> set[tuple[str, int]]:
    """Addresses and ports on which a host listens; docker's own resolver within each container left out."""
    places = [line.split()[3].rpartition(":") for line in run_in(host.container, "ss -Hltn").splitlines()]
    found = {(address.strip("[]").partition("%")[0], int(port)) for address, _, port in places}
    return {one for one in found if one[0] != "127.0.0.11"} - NOT_OURS


@contextmanager
def idle(hosts: Iterable[Host]) -> Iterator[None]:
    """Connections to Patroni on these hosts that say nothing, and have no credentials."""
    listed = list(hosts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE * len(listed) + soft), hard))
    try:
        with ExitStack() as open_until_the_end:
            for host in listed:
                for _ in range(IDLE):
                    open_until_the_end.enter_context(socket.create_connection((host.address4, 8008), timeout=10))
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_listens_that_is_not_declared(built: Built) -> None:
    cluster = clusters_of(built.inventory)[built.lab.name]
    for name in HOSTS:
        node = cluster.node(built.lab.host(name).container)
        declared = {(address, one.port) for one in listeners(cluster, node) for address in one.addresses}
        assert open_ports(built.lab.host(name)) == declared, name


@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_service_may_do_little_on_its_host(built: Built, unit: str) -> None:
    said = run_in(built.lab.host("pg1").container, f"systemd-analyze security --no-pager {unit} | tail -n 1")
    exposure = float(re.findall(r"[0-9]+\.[0-9]", said)[0])
    print(f"{unit}: {exposure}")
    assert exposure <= EXPOSURE[unit]


def test_what_patroni_lets_change_is_closed_to_other_hosts_than_members(built: Built) -> None:
    password = secrets(built.lab)["PATRONI_RESTAPI_PASSWORD"]
    words = f"python3 -c '{POST}' https://{built.lab.host('pg1').address4}:8008/reload"
    assert run_in(built.lab.host("backup1").container, words, stdin=password).strip() == "403"


def test_idle_connections_to_patroni_do_not_take_members_from_haproxy(built: Built) -> None:
    before = leader(built.lab)
    for name in MEMBERS:
        files = run_in(built.lab.host(name).container, "cat /proc/$(systemctl show -p MainPID --value patroni)/limits")
        assert int(re.findall(r"Max open files +(\d+)", files)[0]) > IDLE
    with idle(built.lab.host(name) for name in MEMBERS):
        end = time.monotonic() + 10  # HAProxy asks every half second
        while time.monotonic() < end:
            assert sql(built.lab, "select pg_is_in_recovery()") == [(False,)]
            time.sleep(1)
    assert leader(built.lab) == before
