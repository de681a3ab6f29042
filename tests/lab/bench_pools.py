"""What PgBouncer costs and saves: pgbench through it, beside HAProxy alone and PostgreSQL itself. For `make bench`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from cluster.pki.certificates import POSTGRES
from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.runs import (
    ADMIN,
    DATABASE,
    MEMBERS,
    SETTLE_SECONDS,
    is_settled,
    leader,
    replicas,
    run,
    secrets,
    site,
)
from tests.lab.vocabulary.waiting import wait_until

SCALE, SECONDS = 10, 10
# So many clients are more than a member takes.
MANY, SERVERS = 500, 50
DIRECT, BALANCER = 5432, "haproxy1"
WAYS = {"PostgreSQL itself": DIRECT, "HAProxy": 5000, "PgBouncer": 6432}
RUN_SECONDS = 600


@dataclass(frozen=True)
class Rate:
    """One pgbench. + tps: transactions a second; + latency: milliseconds of each, on average"""

    what: str
    tps: float
    latency: float

    def __str__(self) -> str:
        return f"  {self.what:<72} {self.tps:8.0f} tps {self.latency:8.1f} ms"


def measured_pools(directory: Path, name: str = "bench-pools") -> list[Rate]:
    """All of them, on a cluster of its own. + name: of the lab"""
    hosts = (*MEMBERS, BALANCER)
    with site(name, directory, hosts=hosts, pgbouncer_on="haproxy", pgbouncer_pool_size=SERVERS) as ready:
        run(ready.inventory)
        wait_until("the members stream", lambda: is_settled(ready.lab), seconds=SETTLE_SECONDS)
        client = replicas(ready.lab)[0]
        _pgbench(ready.lab, client, 5000, f"-i -q -s {SCALE}")
        return list(_rates(ready.lab, client))


def _rates(lab: Lab, client: Host) -> Iterator[Rate]:
    for way, port in WAYS.items():
        yield _rate(lab, client, port, f"{way}: 20 clients, prepared reads", "-S -M prepared -c 20 -j 2")
    for way, port in WAYS.items():
        yield _rate(lab, client, port, f"{way}: 20 clients, a connection for each read", "-S -C -c 20 -j 2")
    for way, port in WAYS.items():
        yield _rate(lab, client, port, f"{way}: 20 clients, writes of five statements", "-M prepared -c 20 -j 2")
    what = f"PgBouncer: {MANY} clients on at most {SERVERS} connections, prepared reads"
    yield _rate(lab, client, WAYS["PgBouncer"], what, f"-S -M prepared -c {MANY} -j 2")


def _rate(lab: Lab, client: Host, port: int, what: str, words: str) -> Rate:
    said = _pgbench(lab, client, port, f"-n -T {SECONDS} {words}")
    tps, latency = (re.search(rf"{word} = ([0-9.]+)", said) for word in ("tps", "latency average"))
    assert tps and latency, said
    return Rate(what, float(tps[1]), float(latency[1]))


def _pgbench(lab: Lab, client: Host, port: int, words: str) -> str:
    """pgbench on a standby's host: no way has the server on its own host."""
    target = leader(lab) if port == DIRECT else lab.host(BALANCER)
    login = f"host={target.address4} port={port} user={ADMIN} dbname={DATABASE} sslmode=verify-full"
    pgbench = f"pgbench {words} {quote(f'{login} sslrootcert={POSTGRES.authority}')}"
    command = f"cd / && read -r PGPASSWORD && export PGPASSWORD && {pgbench}"
    return run_in(
        client.container,
        f"runuser -u postgres -- sh -c {quote(command)}",
        stdin=secrets(lab)["PATRONI_ADMIN_PASSWORD"] + "\n",
        timeout_seconds=RUN_SECONDS,
    )


def print_pools(rates: list[Rate]) -> None:
    """A line for each."""
    print(f"\npgbench, scale {SCALE}, {SECONDS} s each, TLS everywhere, from another host")
    for rate in rates:
        print(rate)
