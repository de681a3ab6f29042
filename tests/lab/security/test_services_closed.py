"""What is open on the hosts is what is declared; no service may do more than it needs, or be shut by idle visitors."""

import re
import resource
import socket
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests

from cluster.components.all import listeners
from tests.inventories import clusters_of
from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.runs import MEMBERS, Built, authority, leader, secrets, sql

HOSTS = (*MEMBERS, "backup1")
NOT_OURS = {("0.0.0.0", 22), ("::", 22)}  # the lab's own sshd
# systemd-analyze's exposure, of 10; Debian's units have 9.2 to 9.6.
EXPOSURE = {"etcd": 2.0, "haproxy": 4.0, "patroni": 5.5}
IDLE = 1200  # a connection each; systemd's own limit is 1024 files


def open_ports(host: Host) -> set[tuple[str, int]]:
    """Addresses and ports on which a host listens; docker's own resolver within each container left out."""
    places = [line.split()[3].rpartition(":") for line in run_in(host.container, "ss -Hltn").splitlines()]
    found = {(address.strip("[]").partition("%")[0], int(port)) for address, _, port in places}
    return {one for one in found if one[0] != "127.0.0.11"} - NOT_OURS


def _connected(host: Host) -> socket.socket:
    return socket.create_connection((host.address4, 8008), timeout=60)


@contextmanager
def idle(hosts: Iterable[Host]) -> Iterator[None]:
    """Connections to Patroni on these hosts that say nothing, and have no credentials."""
    listed = list(hosts)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, IDLE * len(listed) + soft), hard))
    try:
        with ExitStack() as open_until_the_end, ThreadPoolExecutor(200) as pool:
            for connection in pool.map(_connected, listed * IDLE):
                open_until_the_end.enter_context(connection)
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


def test_what_patroni_lets_change_is_closed_to_other_hosts_than_members(built: Built, tmp_path: Path) -> None:
    """From this machine, with all that a member has: the password, a certificate, and its key."""
    member = built.lab.host("pg1")
    own = [tmp_path / name for name in ("patroni.crt", "patroni.key")]
    for path in own:
        path.write_text(run_in(member.container, f"cat /etc/patroni/rest/{path.name}"))
    answer = requests.post(
        f"https://{member.address4}:8008/reload",
        json={},
        auth=("patroni", secrets(built.lab)["PATRONI_RESTAPI_PASSWORD"]),
        cert=(str(own[0]), str(own[1])),
        verify=authority(built.lab),
        timeout=10,
    )
    assert answer.status_code == 403


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
