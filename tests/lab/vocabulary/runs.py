"""
Runs of pyinfra against a lab, and questions to the cluster that they built.

A ``lab`` is that of a ``Site``: its cluster bears its name, so secrets and CA lie in ``.secrets/<lab name>``.
Hosts are named as in the lab, ``pg1`` or ``lab-pg1``.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import requests
import testinfra
from testinfra.host import Host as Machine

from tests.lab import lifecycle
from tests.lab.docker import run_in
from tests.lab.errors import LabError
from tests.lab.inventory import inventory_text
from tests.lab.labs import find_lab, observe
from tests.lab.paths import ROOT
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.waiting import wait_until

CLUSTER = "deploys/cluster.py"
RUN_SECONDS = 1200
SETTLE_SECONDS = 300
ADMIN = "admin"
DATABASE = "app"  # the admin role owns it, and so may make tables there
MEMBERS = ("pg1", "pg2", "pg3")
UNITS = ("etcd", "patroni", "haproxy")
RUNNING = ("running", "streaming")  # a standby's state is either, depending on Patroni's version
OFTEN_SECONDS = 0.5

# Small and quick: several members share one machine, and a failover is to be seen, not waited for.
SMALL: Mapping[str, Any] = {
    "postgres_memory_mib": 512,
    "patroni_ttl": 20,
    "patroni_loop_wait": 5,
    "patroni_retry_timeout": 5,
    "postgres_databases": [{"name": "app"}],
}


# The lock runs out, and Patroni's own view of the cluster is up to a loop old; the machine may be busy.
TAKEOVER_SECONDS = SMALL["patroni_ttl"] + 45


@dataclass(frozen=True)
class Site:
    """A lab that is up, with the inventory of its hosts."""

    lab: Lab
    inventory: Path


@dataclass(frozen=True)
class Run:
    """What one run of pyinfra was. + results: of ``--json``; + log: its error output, which is what a person sees"""

    code: int
    seconds: float
    results: Mapping[str, Any]
    log: str

    def __str__(self) -> str:
        return f"exit code {self.code} after {self.seconds:.1f} s\n{self.log}"


@dataclass(frozen=True)
class Built(Site):
    """A lab with a cluster in it. + run: the first one, on fresh hosts"""

    run: Run


@contextmanager
def site(name: str, directory: Path, *, hosts: Iterable[str] = MEMBERS, **settings: Any) -> Iterator[Site]:
    """
    A lab of fresh hosts, gone at the end unless KEEP_LAB=1; then the next one finds it as it was left.

    + name: LAB_SUFFIX is put behind it, so that the tests of two checkouts can run on one machine
    + directory: where its inventory is written
    + settings: of the cluster, besides the small ones; ``release`` and ``flavour`` are the lab's
    """
    kind = {key: settings.pop(key) for key in ("release", "flavour") if key in settings}
    keep = os.environ.get("KEEP_LAB") == "1"
    name += os.environ.get("LAB_SUFFIX", "")
    if not keep:
        lifecycle.down(find_lab(name))
    lab = lifecycle.reserve(name, **kind)
    try:
        if not observe(lab):
            shutil.rmtree(secrets_directory(lab), ignore_errors=True)
        lifecycle.up(lab, hosts)
        yield Site(lab, write_inventory(lab, directory, hosts, **settings))
    finally:
        if not keep:
            lifecycle.down(lab)
            shutil.rmtree(secrets_directory(lab), ignore_errors=True)


def write_inventory(
    lab: Lab,
    directory: Path,
    hosts: Iterable[str | Host] = MEMBERS,
    *,
    ipv6: bool = False,
    networks: Iterable[str] = (),
    **settings: Any,
) -> Path:
    """
    Write the inventory of a lab and return its path.

    + ipv6: of its cluster; + networks: further ones, in which its hosts have addresses of their own
    + settings: besides the small ones
    """
    hba = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
    declared = {"cluster_name": lab.name, **SMALL, "postgres_hba": hba, **settings}
    path = directory / "inventory.py"
    path.write_text(inventory_text(lab, hosts, ipv6=ipv6, networks=networks, extra=declared))
    return path


def run(
    inventory: Path, deploy: str = CLUSTER, *extra: str, check: bool = True, as_json: bool = True, root: Path = ROOT
) -> Run:
    """
    Run a deploy file as an operator does, from the repository root, and fail when it fails.

    + extra: further words of the command line, such as ``--data patroni_ttl=30``
    + check: False returns a failed run too
    + as_json: False: as a person runs it, without ``results``
    + root: of the repository, where it is another one than this
    """
    started = time.monotonic()
    process = start(inventory, deploy, *(("--json",) if as_json else ()), *extra, root=root)
    try:
        said, log = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        kill_run(process)
        said, log = process.communicate()
        raise AssertionError(f"{deploy} did not end in {RUN_SECONDS} s\n{log}") from None
    seconds = time.monotonic() - started
    results = json.loads(said).get("results", {}) if as_json and said.lstrip().startswith("{") else {}
    done = Run(process.returncode, seconds, results, log if as_json else log + said)
    assert done.code == 0 or not check, f"{deploy}: {done}"
    return done


def start(
    inventory: Path, deploy: str = CLUSTER, *extra: str, root: Path = ROOT, program: str = ""
) -> subprocess.Popen[str]:
    """Start a run in a process group of its own and return at once. + program: Python that takes pyinfra's place"""
    pyinfra = ["-c", program] if program else ["-m", "pyinfra"]
    return subprocess.Popen(
        [sys.executable, *pyinfra, "-y", *extra, str(inventory), deploy],
        cwd=root,
        env={**os.environ, "PYINFRA_PROGRESS": "off"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def dry(inventory: Path, deploy: str, *extra: str) -> str:
    """What a run says that is only planned, as an operator asks for it: with ``-y`` pyinfra makes no plan."""
    words = [sys.executable, "-m", "pyinfra", "--dry", *extra, str(inventory), deploy]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def kill_run(process: subprocess.Popen[str]) -> None:
    """Kill a run with all its children, unless it has ended by itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def changed(done: Run) -> dict[str, list[str]]:
    """The operations of a run that changed something, each with the hosts on which it did."""
    return {one["name"]: one["success"] for one in done.results["operations"] if one["success"]}


def assert_changes_nothing(inventory: Path) -> Run:
    """Run ``cluster.py`` once more and demand that it finds nothing to do."""
    done = run(inventory)
    assert changed(done) == {}, f"{changed(done)}\n{done}"
    assert done.results["totals"]["no_change"] == done.results["totals"]["hosts"]
    return done


def secrets_directory(lab: Lab) -> Path:
    return ROOT / ".secrets" / lab.name


def secrets(lab: Lab) -> dict[str, str]:
    """The cluster's generated secrets by name."""
    found: dict[str, str] = json.loads((secrets_directory(lab) / "secrets.json").read_text())
    return found


def authority(lab: Lab) -> str:
    """The path of the cluster's CA, which clients trust."""
    return str(secrets_directory(lab) / "ca.crt")


def published(lab: Lab, host: str, port: int) -> int:
    """The loopback port of this machine that leads to a port of a host."""
    return lab.host(host).published_ports[port]


def dsn(lab: Lab, port: int = 5000, host: str = "pg1", user: str = ADMIN, **parameters: Any) -> str:
    """How a client on this machine connects through a host's port: with TLS, and the host's name verified."""
    return psycopg.conninfo.make_conninfo(
        **{
            "host": "127.0.0.1",
            "port": published(lab, host, port),
            "user": user,
            "password": secrets(lab)["PATRONI_ADMIN_PASSWORD"],
            "dbname": DATABASE,
            "sslmode": "verify-full",
            "sslrootcert": authority(lab),
            "connect_timeout": 10,
            **parameters,
        }
    )


def sql(lab: Lab, query: str, port: int = 5000, host: str = "pg1", **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement through a host's port and return its rows. + parameters: as ``dsn`` takes them"""
    with psycopg.connect(dsn(lab, port, host, **parameters), autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else []


def patroni(lab: Lab, host: str, path: str) -> Any:
    """What Patroni's REST API on a host answers to GET, whatever the status: 503 has the same body."""
    url = f"https://127.0.0.1:{published(lab, host, 8008)}/{path}"
    return requests.get(url, verify=authority(lab), timeout=5).json()


def members(lab: Lab, via: str = "pg1") -> dict[str, dict[str, Any]]:
    """The members as Patroni on one host sees them, by container; empty while it does not answer."""
    try:
        return {one["name"]: one for one in patroni(lab, via, "cluster")["members"]}
    except (requests.RequestException, KeyError, ValueError):
        return {}


def leader(lab: Lab, via: str = "pg1") -> Host:
    """The host that leads, as Patroni on one host says."""
    found = [name for name, one in members(lab, via).items() if one["role"] == "leader"]
    if len(found) != 1:
        raise LabError(f"{lab.name}: {len(found)} members lead")
    return lab.host(found[0])


def replicas(lab: Lab) -> list[Host]:
    """The hosts of the members that do not lead."""
    leading = leader(lab)
    return [lab.host(name) for name in MEMBERS if lab.host(name) != leading]


def another_leader(lab: Lab, old: Host, via: str) -> Host:
    """The host that leads after another one did, awaited. + via: a host that lives"""

    def another() -> Host | None:
        leading = [name for name, one in members(lab, via).items() if one["role"] == "leader"]
        return next((lab.host(name) for name in leading if name != old.container), None)

    found = wait_until("another member leads", another, seconds=TAKEOVER_SECONDS)
    assert found is not None
    return found


def is_settled(lab: Lab, names: Iterable[str] = MEMBERS) -> bool:
    """Whether one of these members leads, the others stream from it, and all are on one timeline."""
    listed = [lab.host(name) for name in names]
    seen = members(lab, listed[0].short_name)
    if not {host.container for host in listed} <= set(seen):
        return False
    shown = [seen[host.container] for host in listed]
    if sum(one["role"] == "leader" for one in shown) != 1 or not all(one["state"] in RUNNING for one in shown):
        return False
    streaming = patroni(lab, _leading(shown), "patroni").get("replication", [])
    count = sum(one["state"] == "streaming" for one in streaming)
    return count >= len(listed) - 1 and len({one["timeline"] for one in shown}) == 1


def _leading(shown: Iterable[Mapping[str, Any]]) -> str:
    return str(next(one["name"] for one in shown if one["role"] == "leader"))


def wait_until_settled(lab: Lab, names: Iterable[str] = MEMBERS, *, seconds: float = SETTLE_SECONDS) -> None:
    """Return when ``is_settled`` holds, and a write through every host's port 5000 is accepted."""
    listed = list(names)
    wait_until(f"{lab.name} has settled", lambda: _looks(lambda: is_settled(lab, listed)), seconds=seconds)
    for name in listed:
        wait_until(f"{name} leads to the primary", lambda name=name: _writes(lab, name), seconds=seconds)


def _looks(question: Any) -> bool:
    try:
        return bool(question())
    except (requests.RequestException, KeyError, ValueError):
        return False


def _writes(lab: Lab, host: str) -> bool:
    try:
        return sql(lab, "select pg_is_in_recovery()", host=host) == [(False,)]
    except psycopg.Error:
        return False


def start_times(lab: Lab, names: Iterable[str] = MEMBERS) -> dict[str, datetime]:
    """When PostgreSQL was started on each member."""
    return {name: sql(lab, "select pg_postmaster_start_time()", 5432, name)[0][0] for name in names}


def unit_starts(lab: Lab, names: Iterable[str] = MEMBERS) -> dict[str, str]:
    """When each unit was last started or reloaded on each host, in microseconds since its kernel's boot."""
    ask = f"systemctl show -p Id -p ActiveState -p ActiveEnterTimestampMonotonic -p MainPID {' '.join(UNITS)}"
    return {name: run_in(lab.host(name).container, ask) for name in names}


def system_identifier(lab: Lab, host: str = "pg1") -> str:
    """Of the cluster's data, as Patroni on a host read it."""
    return str(patroni(lab, host, "patroni")["database_system_identifier"])


def etcdctl(host: Host, words: str) -> str:
    """What etcdctl on a host prints, asking the etcd there as root there can."""
    pki = "/etc/etcd/pki"
    login = f"ETCDCTL_CACERT={pki}/ca.crt ETCDCTL_CERT={pki}/etcd.crt ETCDCTL_KEY={pki}/etcd.key"
    return run_in(host.container, f"ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 {login} etcdctl {words}")


def switchover(lab: Lab, candidate: Host) -> None:
    """Let another member lead, and return when all others stream from it."""
    run_in(
        candidate.container,
        f"patronictl -c /etc/patroni/config.yml switchover {lab.name} --force --candidate {candidate.container}",
    )
    wait_until(f"{candidate.container} leads", lambda: leader(lab) == candidate, seconds=SETTLE_SECONDS)
    wait_until_settled(lab)


def machine(host: Host) -> Machine:
    """A host as testinfra sees it, past ssh and the network."""
    return testinfra.get_host(f"docker://{host.container}")
