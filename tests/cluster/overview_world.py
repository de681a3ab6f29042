"""A healthy cluster of three as one look sees it, to be broken by tests."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from cluster.checks.overview import Overview
from cluster.checks.removals import without_removed
from cluster.components.all import certificate_places, listeners
from cluster.components.component import Component, Unit
from cluster.components.files import File
from cluster.components.monitoring import exporter_places
from cluster.components.patroni_dynamic import configuration_for
from cluster.components.pgbouncer.sizes import pool_size
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import Process, processes
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.pki.certificates import (
    MONITORING,
    PGBACKREST,
    PGBACKREST_SERVER,
    PGBOUNCER,
    CertificatePlace,
    Issuer,
    leaf_request,
)
from cluster.pki.verdicts import Authority, public_key_digest
from cluster.verdicts.removal_notes import Removal, remaining, removal_key
from tests.world.hosts import fake_cluster

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)  # of the look; the CA is made then, and so old is all the rest
MIB = 1024 * 1024
WRITTEN = 50_000 * MIB
RESOURCES = {"memory_mib": 16000, "cores": 8, "disk_mib": 200_000, "patroni": "4.0.7-3"}
CONFIG = File("/etc/default/etcd", "ETCD_NAME=h\n")
COMPONENT = Component(files=(CONFIG,), units=(Unit("etcd", (CONFIG.path,)),))


@dataclass
class World:
    """
    What the hosts say; tests change it and look what is found then.

    + dead: hosts that say nothing
    """

    cluster: Cluster
    answers: dict[str, dict[str, Any]]
    silences: dict[str, dict[str, str]] = field(default_factory=dict)
    trust: str | None = None
    etcd_trust: str | None = None
    dead: set[str] = field(default_factory=set)

    def everywhere(self, question: str, act: Any) -> None:
        """Change what every host answers to a question."""
        for answers in self.answers.values():
            if question in answers:
                act(answers[question])

    def member(self, name: str, **said: Any) -> None:
        """Change what Patroni's list says of a member, wherever it is asked."""
        self.everywhere("patroni", lambda seen: seen["members"][name].update(said))

    def kill(self, name: str) -> None:
        """Let a host fall silent, and etcd, Patroni, the primary and HAProxy notice."""
        number = name[-1]
        self.dead.add(name)
        self.everywhere("etcd", lambda seen: seen["unhealthy"].update({f"https://10.0.0.{number}:2379": "deadline"}))
        self.everywhere("etcd_status", lambda seen: seen.pop(f"https://10.0.0.{number}:2379", None))
        self.everywhere("patroni", lambda seen: seen["members"].pop(name, None))
        for section in ("primary", "replicas"):
            self.everywhere("haproxy", lambda seen, section=section: seen[section][name].update(status="DOWN"))

    def note_removal_of_h3(self) -> None:
        """The run that takes h3 out was cut off after its first step."""
        note = {removal_key(self.cluster, "h3"): Removal("2026-11-21T20:00:00+00:00").text}
        member = {self.cluster.key("members", "h3"): "{}"}
        self.everywhere("etcd", lambda seen: seen.update(keys={**note, **member}))

    def take_out_h3(self) -> None:
        """h3 has left, and the others' configuration is without it; the inventory is as it was."""
        self.note_removal_of_h3()
        declared = configuration_for(remaining(self.cluster, {"h3"}), [RESOURCES] * 2)
        self.everywhere("etcd", lambda seen: (seen["keys"].popitem(), seen["members"].pop()))
        self.everywhere("etcd_status", lambda seen: seen.pop("https://10.0.0.3:2379"))
        self.everywhere("patroni", lambda seen: (seen["members"].pop("h3"), seen.update(config=declared)))
        self.everywhere("haproxy", lambda seen: [section.pop("h3") for section in seen.values() if "h3" in section])
        self.answers["h1"]["postgres"]["slots"].pop()
        self.dead.add("h3")

    def overview(self) -> Overview:
        """The look at it."""
        answers = {name: None if name in self.dead else said for name, said in self.answers.items()}
        components = dict.fromkeys(self.answers, (COMPONENT,))
        whole = Overview(self.cluster, AT, answers, self.silences, components, self.trust, etcd_trust=self.etcd_trust)
        return without_removed(whole, lambda _, node: components[node.name])


def healthy(**settings: Any) -> World:
    """Three members, of which the first leads; each has etcd and HAProxy too."""
    world = copy.deepcopy(_healthy())
    if settings:
        world.cluster = fake_cluster(roles=ROLES, **settings)
    return world


def addressed(**settings: Any) -> World:
    """The same with a virtual address for writers and one for readers, both on h1. + settings: further ones"""
    given = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_read": ["10.0.0.101"], "vip_interface": "eth0"}
    world = healthy(**{**given, **settings})
    for n, (name, said) in enumerate(world.answers.items(), 1):
        interface = {"mac": f"02:00:00:00:00:0{n}", "networks": [f"10.0.0.{n}/24"]}
        virtual = {
            "interfaces": {"eth0": interface},
            "neighbours": {},
            "foreign_keepalived": False,
            "foreign_frr": False,
            "nonlocal": {},
        }
        said["picture"]["virtual"] = virtual
        said["keepalived"] = {"answers": True, "write": True, "read": True}
        said["vip"] = {"10.0.0.100": "eth0", "10.0.0.101": "eth0"} if name == "h1" else {}
    return world


def apart() -> World:
    """The same with a network of its own for clients; everything listens where it is declared."""
    world = healthy()
    nodes = [replace(node, apart={"client": Address(f"10.1.0.{n}")}) for n, node in enumerate(world.cluster, 1)]
    world.cluster = replace(world.cluster, nodes=tuple(nodes))
    for node in world.cluster:
        own = [(one.port, text) for one in listeners(world.cluster, node) for text in one.addresses]
        world.answers[node.name]["picture"] |= {
            "addresses": {str(address): "eth0" for address in node.addresses},
            "listening": [{"port": port, "address": text} for port, text in own],
        }
    return world


def routed(**session: Any) -> World:
    """The same by BGP: each member has a session with one router. + session: of h1, what differs"""
    there = addressed(vip_mode="bgp", vip_interface=None, bgp_asn=65001, bgp_neighbors={"10.0.0.254": 65000})
    for name, answers in there.answers.items():
        own = ["10.0.0.100/32", "10.0.0.101/32"] if name == "h1" else []
        up = {"state": "Established", "asn": 65000, "announced": own, "bfd": "up", "reason": "", "behaviour": ""}
        answers["bgp"] = {"answers": True, "addresses": own, "sessions": {"10.0.0.254": up}}
        answers.pop("keepalived", None)
    there.answers["h1"]["bgp"]["sessions"]["10.0.0.254"] |= session
    return there


def pooled(**settings: Any) -> World:
    """The same with PgBouncer in front of each HAProxy. + settings: further ones"""
    world = healthy(**{"pgbouncer_on": "haproxy", "pgbouncer_session_size": 5, **settings})
    declared = configuration_for(world.cluster, [RESOURCES] * 3)
    world.everywhere("patroni", lambda seen: seen.update(config=copy.deepcopy(declared)))
    for node in world.cluster:
        answers = world.answers[node.name]
        answers["certificates"][PGBOUNCER.certificate] = certificate(node, PGBOUNCER)
        answers["pgbouncer"] = {one.name: pool(world.cluster, one) for one in processes(world.cluster, node)}
    return world


def watched(**settings: Any) -> World:
    """The same with exporters, which all answer. + settings: further ones"""
    world = healthy(**{"monitoring": True, **settings})
    declared = configuration_for(world.cluster, [RESOURCES] * 3)
    world.everywhere("patroni", lambda seen: seen.update(config=copy.deepcopy(declared)))
    for node in world.cluster:
        answers = world.answers[node.name]
        answers["certificates"][MONITORING.certificate] = certificate(node, MONITORING)
        answers["exporters"] = dict.fromkeys(exporter_places(world.cluster, node), True)
    return world


def pool(cluster: Cluster, process: Process) -> dict[str, Any]:
    """A process of PgBouncer with a few clients."""
    size = str(pool_size(cluster, process.pool))
    settings = {
        "default_pool_size": size,
        "max_db_connections": size,
        "max_client_conn": "1000",
        "query_wait_timeout": "120",
        "auth_type": "hba",
        "client_tls_sslmode": "require",
        "pool_mode": "session" if process.pool == "session" else "transaction",
        "server_tls_sslmode": "verify-full",
    }
    used = {"servers": 2, "paused": False, "disabled": False}
    databases = {"app": used, "pgbouncer_lookup": {**used, "servers": 1}}
    counted = {"clients": 7, "waiting": 0, "servers": 3, "maxwait": 0}
    return {"error": "", "paused": "none", "databases": databases, **counted, "settings": settings}


def backed_up(**settings: Any) -> World:
    """The same with a repository host ``h4`` and a backup of an hour ago."""
    world = healthy()
    world.cluster = _with_repository(**settings)
    node = world.cluster.node("h4")
    world.answers["h4"] = _repository_answers(world.cluster, node)
    for member in world.cluster.members:
        world.answers[member.name]["certificates"] |= _backup_certificates(member)
        world.answers[member.name]["postgres"]["archiver"].update(mode="on", archived=400, waiting=0)
    declared = configuration_for(world.cluster, [RESOURCES] * 3)
    world.everywhere("patroni", lambda seen: seen.update(config=copy.deepcopy(declared)))
    return world


def _backup_certificates(node: Node) -> dict[str, Any]:
    return {place.certificate: certificate(node, place) for place in (PGBACKREST, PGBACKREST_SERVER)}


def _with_repository(**settings: Any) -> Cluster:
    names = {"h1": ROLES, "h2": ROLES, "h3": ROLES, "h4": ("backup",)}
    hosts = [
        DeclaredHost(name, roles, {"cluster_address": f"10.0.0.{n}", **settings}, {})
        for n, (name, roles) in enumerate(names.items(), 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def _repository_answers(cluster: Cluster, node: Node) -> dict[str, Any]:
    now = int(AT.timestamp())
    full, diff = "20261115-010512F", "20261115-010512F_20261121-010733D"
    attempt = {"running": False, "failed": False, "ended_at": now - 3600, "error": ""}
    seen = {
        "answers": True,
        "error": "",
        "status": 0,
        "message": "ok",
        "identifiers": ["7710641775443985334"],
        "backups": [backup(full, "full", now - 6 * 86400, "07A0"), backup(diff, "diff", now - 3600, "07C4")],
        "archive": {"id": "17-1", "min": "0000000700000000000007A0", "max": "0000000700000000000007D1"},
        "running": None,
        "attempts": {kind: dict(attempt) for kind in ("full", "diff", "incr")},
        "holes": [],
    }
    picture = {"free_mib": 300_000, "total_mib": 500_000, "mount": "/"}
    clock = {"offset_seconds": 0.1, "uncertainty_seconds": 0.05}
    return {
        "picture": {
            "clock": clock,
            "rooms": {"/var/lib/pgbackrest": picture},
            "restoring": False,
            "rebuilding": False,
            "unmounted": [],
        },
        "component": {
            "paths": {CONFIG.path: _file()},
            "units": {"etcd": _unit(), "etcd-snapshot.timer": _unit(), "postgres-logs.timer": _unit()},
        },
        "packages": {"release": {"id": "debian", "codename": "trixie", "version": "13"}, "packages": {}},
        "certificates": _backup_certificates(node),
        "pgbackrest": seen,
        "pgbackrest_drill": drill(now - 2 * 86400),
        "etcd_snapshots": snapshots(),
    }


def snapshots() -> dict[str, Any]:
    """A host that took a snapshot of etcd ten minutes ago."""
    now = 1795262400
    return {
        "newest": {"path": "/x/20261121T115000Z-4711.db", "at": now - 600, "revision": 4711},
        "count": 3,
        "now": now,
    }


def drill(passed_at: int) -> dict[str, Any]:
    """A repository host on which the last drill has passed."""
    proof = {
        "verdict": "passed",
        "label": "20261115-010512F",
        "line": "it passed",
        "reasons": [],
        "notes": [],
        "began_at": passed_at - 900,
        "ended_at": passed_at,
        "backup_at": passed_at - 9000,
        "seconds": {"restore": 800.0},
        "databases": {},
        "replayed": "0/7C40000",
        "replayed_at": None,
    }
    idle = {"running": False, "step": "", "done": 0, "total": 0}
    return {"installed": True, "since": passed_at - 30 * 86400, **idle, "last": proof, "passed": dict(proof)}


def backup(label: str, kind: str, stopped_at: int, segment: str) -> dict[str, Any]:
    """A backup as the repository has it. + segment: the last four digits of its WAL"""
    wal = f"00000007000000000000{segment}"
    size = {"size": 41_000 * MIB, "stored": 700 * MIB}
    times = {"started_at": stopped_at - 800, "stopped_at": stopped_at}
    return {"label": label, "type": kind, **times, **size, "wal_start": wal, "wal_stop": wal, "damaged": False}


ROLES = ("postgres", "etcd", "haproxy")


@cache
def _healthy() -> World:
    cluster = fake_cluster(roles=ROLES)
    authority = _authority("cluster")
    answers = {node.name: _answers(cluster, node, authority) for node in cluster}
    return World(cluster, answers, trust=authority.trust_pem, etcd_trust=_authority("etcd").trust_pem)


@cache
def _authority(issuer: Issuer) -> Authority:
    with TemporaryDirectory() as directory, patch("cluster.pki.authority.datetime", wraps=datetime) as clock:
        clock.now.return_value = AT
        return Authority.load_or_create(Path(directory) / issuer, "main")


def certificate(node: Node, place: CertificatePlace, *, age_days: int = 1, authority: Authority | None = None) -> Any:
    """A certificate as it lies on a host. + age_days: since it was issued, of 365"""
    own, cluster = _authority(place.issuer), _with_repository()
    signer = authority or own
    leaf = signer.issue(leaf_request(cluster, node, place), now=AT - timedelta(days=age_days))
    digest = public_key_digest(leaf.certificate_pem)
    owner = f"{place.user}:600"
    return {"pem": leaf.certificate_pem, "key_digest": digest, "key_owner": owner, "authority": own.trust_pem}


def _picture(cluster: Cluster) -> dict[str, Any]:
    room = {"free_mib": 150_000, "total_mib": 200_000, "mount": "/"}
    rooms = {path: dict(room) for path in (cluster.data_directory, "/var/lib/etcd/main")}
    clock = {"offset_seconds": 0.1, "uncertainty_seconds": 0.05}
    return _mounted(clock, rooms)


def _answers(cluster: Cluster, node: Node, authority: Authority) -> dict[str, Any]:
    servers = {one.name: {"status": "UP", "check": "L7OK"} for one in cluster.members}
    down = {"status": "DOWN", "check": "L7STS"}
    first = cluster.members[0].name
    return {
        "picture": _picture(cluster),
        "clock": {"may_set": True, "services": {"systemd-timesyncd": "active"}, "marked": False},
        "component": {
            "paths": {CONFIG.path: _file()},
            "units": {"etcd": _unit(), "etcd-snapshot.timer": _unit(), "postgres-logs.timer": _unit()},
        },
        "packages": {
            "release": {"id": "debian", "codename": "trixie", "version": "13"},
            "packages": {"patroni": {"status": "installed", "version": "4.0.7-3", "held": True}},
        },
        "certificates": {place.certificate: certificate(node, place) for place in certificate_places(cluster, node)},
        "patroni": _patroni(cluster),
        "postgres": _postgres(cluster, node),
        "resources": dict(RESOURCES),
        "etcd": _etcd(cluster),
        "etcd_snapshots": snapshots(),
        "etcd_status": {url: _status(n) for n, url in enumerate(cluster.etcd_endpoints)},
        "haproxy": {
            "primary": {name: {**server, **({} if name == first else down)} for name, server in servers.items()},
            "replicas": {name: {**server, **(down if name == first else {})} for name, server in servers.items()},
        },
    }


def _file() -> dict[str, str]:
    digest = hashlib.sha256(CONFIG.content.encode()).hexdigest()
    return {"kind": "file", "mode": CONFIG.mode, "user": "root", "group": "root", "sha256": digest}


def _unit() -> dict[str, Any]:
    times = {"started_at": 200, "files_changed_at": 100, "files_digest": "a", "loaded_digest": "a"}
    state = {"present": True, "active": "active", "sub": "running", "enabled": "enabled", "pid": 1}
    return {**state, "needs_daemon_reload": False, **times}


def _etcd(cluster: Cluster) -> dict[str, Any]:
    members = [
        {"id": f"{n}a", "name": node.name, "peer_urls": [f"https://{node.address}:2380"], "learner": False}
        | {"started": True}
        for n, node in enumerate(cluster.etcd, 1)
    ]
    return {"unhealthy": {}, "members": members, "alarms": [], "keys": {}, "errors": {}}


def _status(number: int) -> dict[str, Any]:
    told = {"id": f"{number}a", "version": "3.5.16", "leads": number == 1, "learner": False}
    return {**told, "database_mib": 2, "raft_index": 4711, "errors": []}


def _patroni(cluster: Cluster) -> dict[str, Any]:
    members = {node.name: _member(leads=n == 0) for n, node in enumerate(cluster.members)}
    config = configuration_for(cluster, [RESOURCES] * len(members))  # type: ignore[list-item]
    told = {"answers": True, "error": "", "version": "4.0.7", "leader": cluster.members[0].name, "settled": True}
    return {**told, "members": members, "config": config, "paused": False, "scheduled_switchover": None}


def _member(*, leads: bool) -> dict[str, Any]:
    state = {"role": "leader" if leads else "replica", "state": "running" if leads else "streaming", "running": True}
    waits = {"pending_restart": False, "pending_reason": {}, "scheduled_restart": False, "tags": {}}
    return {
        **state,
        "synchronous": False,
        "streaming": not leads,
        "timeline": 7,
        "lag_mib": None if leads else 0,
        **waits,
    }


def _postgres(cluster: Cluster, node: Node) -> dict[str, Any]:
    leads, others = node is cluster.members[0], [one.name for one in cluster.members if one is not node]
    slots = [
        {"name": name, "type": "physical", "active": leads, "status": "reserved", "retained": MIB} for name in others
    ]
    senders = [{"name": name, "state": "streaming", "sync": "async", "behind": 0} for name in others] if leads else []
    archiver = {"mode": "off", "archived": 0, "failed": 0, "last_archived_at": None, "last_failed": None}
    state = {"answers": True, "error": "", "version": 170012, "in_recovery": not leads, "timeline": 7}
    wal = {"written": WRITTEN, "replayed": None if leads else WRITTEN, "replay": None if leads else "not paused"}
    return {
        **state,
        **wal,
        "receiving": not leads,
        "apply_delay_ms": 0,
        "altered": {},
        "file_errors": [],
        "replication": senders,
        "slots": slots,
        "settings": {"max_connections": {"setting": "200", "shown": "200", "pending": False}},
        "archiver": {**archiver, "last_failed_at": None},
        "prepared": {"count": 0, "oldest_seconds": 0},
        "connections": 12,
        "transactions": [],
        "control": {"identifier": "7710641775443985334"},
    }


def at_other_time(overview: Overview, **later: int) -> Overview:
    """The same look at another time. + later: as ``timedelta`` takes it"""
    return replace(overview, at=overview.at + timedelta(**later))


def _mounted(clock: dict[str, float], rooms: dict[str, Any]) -> dict[str, Any]:
    """A host with everything mounted, and nothing under way."""
    return {"clock": clock, "rooms": rooms, "restoring": False, "rebuilding": False, "unmounted": []}
