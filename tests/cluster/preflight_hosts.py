"""A declared cluster and healthy hosts, as the tests of the preflight vary them."""

from collections.abc import Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.findings import Finding
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.preflight.hosts import Observed, host_findings

MEMBERS = ("pg1", "pg2", "pg3")
IDENTIFIER = "7710600375602820305"
OTHER = "7710602045269856473"
KEYS = {"/service/main/initialize": IDENTIFIER}
PORTS = {5432: "patroni", 8008: "patroni", 2379: "etcd", 2380: "etcd", 5000: "haproxy", 7000: "haproxy"}


def host(name: str, /, *groups: str, file: str = "inventory.py", **data: Any) -> DeclaredHost:
    return DeclaredHost(name, groups or ("postgres", "etcd", "haproxy"), data, dict.fromkeys(data, file))


def a_cluster(*names: str, **settings: Any) -> Cluster:
    """Three colocated hosts with the addresses 10.0.0.1 and up. + names: other hosts than these three"""
    hosts = [host(name, cluster_address=f"10.0.0.{n}", **settings) for n, name in enumerate(names or MEMBERS, 1)]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return next(iter(clusters.values()))


def listens(port: int, unit: str | None, address: str = "0.0.0.0", process: str = "") -> dict[str, Any]:
    return {"address": address, "port": port, "process": process, "unit": unit}


def picture(n: int, **other: Any) -> dict[str, Any]:
    """``HostPicture`` of a fresh host. + n: the last digit of its address; + other: what differs"""
    rooms = ("/var/lib/postgresql/17/main", "/var/lib/etcd/main")
    return {
        "clock": {"offset_seconds": 0.0, "uncertainty_seconds": 0.01},
        "architecture": "x86_64",
        "addresses": {f"10.0.0.{n}": "eth0", "172.17.0.1": "docker0"},
        "scope": None,
        "patroni_address": None,
        "restoring": False,
        "rebuilding": False,
        "unmounted": [],
        "listening": [listens(22, "ssh.service", process="sshd")],
        "sessions": [],
        "active": [],
        "postgres": [],
        "etcd_data": False,
        "etcd_peer_url": None,
        "rooms": {path: {"free_mib": 50_000, "total_mib": 100_000, "mount": "/"} for path in rooms},
        "data": data("absent"),
        "held": {"digests": {}, "roles": {}, "authority": None},
        "stanza": None,
        "firewalled": False,
        "access": None,
        **other,
    }


def running(n: int, **other: Any) -> dict[str, Any]:
    """``HostPicture`` of a host on which the cluster runs."""
    member = {
        "scope": "main",
        "listening": [listens(port, f"{unit}.service", f"10.0.0.{n}") for port, unit in PORTS.items()],
        "active": ["patroni.service", "etcd.service", "haproxy.service"],
        "postgres": [{"unit": "patroni.service", "directory": "/var/lib/postgresql/17/main"}],
        "etcd_data": True,
        "data": data("files", "17", IDENTIFIER),
    }
    return picture(n, **{**member, **other})


def data(
    state: str, version: str | None = None, identifier: str | None = None, detail: str = "", **past: Any
) -> dict[str, Any]:
    """A data directory. + past: its ``timeline``, ``end`` and ``turns``"""
    path = "/var/lib/postgresql/17/main" if state == "files" else None
    known = {"timeline": 1, "end": 0, "turns": {}, **past}
    return {"state": state, "version": version, "identifier": identifier, "path": path, "detail": detail, **known}


def findings(
    cluster: Cluster | None = None, keys: Mapping[str, str] | None = None, limit: Any = None, **pictures: Any
) -> list[Finding]:
    """The verdict on three hosts. + pictures: of those that are not fresh; + limit: the hosts within ``--limit``"""
    cluster = cluster or a_cluster()
    seen = {node.name: pictures.get(node.name, picture(n)) for n, node in enumerate(cluster, 1)}
    return host_findings(cluster, Observed(seen, keys=keys, judged=frozenset(limit or seen)))


def rows(found: list[Finding]) -> list[tuple[str, str, str]]:
    """Where, what and the problem: the hints are told by the tests that are about them."""
    return [(one.where, one.what, one.problem) for one in found]
