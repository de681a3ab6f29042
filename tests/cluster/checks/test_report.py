"""Every kind of finding: what brings it about, where it is seen, and its words. Nothing else may be found then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cluster.checks.replication import mode_words
from cluster.checks.report import all_findings, as_data, check_lines, failing
from cluster.finding_types.catalogue import FINDING_TYPES, SEVERITIES
from cluster.finding_types.pgbackrest import TYPES
from cluster.parameters.owned import DANGERS, OWNED
from cluster.pki.certificates import ETCD, PATRONI, PATRONI_ETCD, POSTGRES, SOURCE
from cluster.pki.verdicts import Authority
from tests.cluster.declared.test_standby_clusters import both as both_clusters
from tests.cluster.overview_world import (
    AT,
    MIB,
    ROLES,
    WRITTEN,
    World,
    addressed,
    apart,
    at_other_time,
    backed_up,
    certificate,
    healthy,
    pooled,
    routed,
    watched,
)
from tests.world.hosts import fake_cluster


def found(world: World) -> list[tuple[str, str, str]]:
    return [(one.kind, one.finding.where, one.finding.problem) for one in all_findings(world.overview())]


def test_a_healthy_cluster_has_nothing_to_complain_about() -> None:
    assert found(healthy()) == []


def test_pools_that_serve_or_that_a_run_has_paused_are_as_they_should_be() -> None:
    assert found(pooled()) == []
    assert found(pooled(pgbouncer_on="members")) == []
    world = healthy()
    paused_by_a_run(world)
    assert found(world) == []


def test_a_pool_whose_unit_is_down_is_one_finding() -> None:
    world = pooled()
    world.answers["h2"]["pgbouncer"]["write"] = {"error": "connection refused"}
    units = {"pgbouncer@write": {**world.answers["h2"]["component"]["units"]["etcd"], "active": "failed"}}
    world.answers["h2"]["component"]["units"] |= units
    assert found(world) == []  # unit-down comes of the component, which this world does not have


@dataclass(frozen=True)
class Case:
    """A kind of finding. + breaks: what is done to a healthy cluster; + also: kinds that come with it"""

    kind: str
    where: str
    problem: str
    breaks: Callable[[World], Any]
    also: tuple[str, ...] = ()


STRANGER = ("slot-undeclared",)


def postgres(name: str, **said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers[name]["postgres"].update(said)


def unit(**said: Any) -> Callable[[World], Any]:
    return lambda world: world.answers["h2"]["component"]["units"]["etcd"].update(said)


def patroni(**said: Any) -> Callable[[World], Any]:
    return lambda world: world.everywhere("patroni", lambda seen: seen.update(said))


def config(change: Callable[[dict[str, Any]], Any]) -> Callable[[World], Any]:
    return lambda world: world.everywhere("patroni", lambda seen: change(seen["config"]))


def etcd_member(**said: Any) -> Callable[[World], Any]:
    return lambda world: world.everywhere("etcd", lambda seen: seen["members"][2].update(said))


def room(free_mib: int) -> Callable[[World], Any]:
    return lambda world: [one.update(free_mib=free_mib) for one in world.answers["h1"]["picture"]["rooms"].values()]


def slot(name: str, **said: Any) -> Callable[[World], Any]:
    told = {"name": name, "type": "physical", "active": True, "status": "reserved", "retained": 0, **said}
    return lambda world: world.answers["h1"]["postgres"]["slots"].append(told)


def haproxy(name: str, status: str) -> Callable[[World], Any]:
    return lambda world: world.answers["h2"]["haproxy"]["primary"][name].update(status=status)


def both(*breaks: Callable[[World], Any]) -> Callable[[World], Any]:
    return lambda world: [one(world) for one in breaks]


def put(place: Any, **given: Any) -> Callable[[World], Any]:
    def act(world: World) -> None:
        seen = certificate(world.cluster.node("h1"), place, **given)
        world.answers["h1"]["certificates"][place.certificate] = seen

    return act


def lose_quorum(world: World) -> None:
    dead = {f"https://10.0.0.{n}:2379": "context deadline exceeded" for n in (1, 2, 3)}
    for endpoint in list(dead)[1:]:
        world.everywhere("etcd_status", lambda seen, endpoint=endpoint: seen.pop(endpoint))
    world.everywhere("etcd", lambda seen: seen.update(unhealthy=dead, members=None, alarms=None, keys=None))


def stranger_authority(tmp: Path) -> Authority:
    return Authority.load_or_create(tmp / "other", "main")


LOADED = {
    "installed": True,
    "fails": None,
    "loaded": "digest",
    "recorded": "digest",
    "rules": ["tcp dport 22 accept"],
    "on_trial": False,
}


def apart_but(breaks: Callable[[Any], Any]) -> Callable[[World], Any]:
    """A cluster with a network of its own for clients. + breaks: the picture of h2"""

    def change(world: World) -> None:
        there = apart()
        breaks(there.answers["h2"]["picture"])
        world.cluster, world.answers = there.cluster, there.answers

    return change


def filtered(**said: Any) -> Callable[[World], Any]:
    """A cluster with a firewall that is as declared on all hosts but h2."""

    def change(world: World) -> None:
        world.cluster = healthy(firewall_mode="nftables", firewall_client_networks=["10.0.0.0/8"]).cluster
        for name in ("h1", "h2", "h3"):
            world.answers[name]["firewall"] = LOADED | (said if name == "h2" else {})

    return change


def with_addresses(world: World) -> None:
    """Virtual addresses, all on h1, as they should be."""
    there = addressed()
    world.cluster, world.answers = there.cluster, there.answers


def pools(change: Callable[[dict[str, Any]], Any], **settings: Any) -> Callable[[World], Any]:
    """A cluster with pools. + change: of what the pool write on h2 says of itself"""

    def act(world: World) -> None:
        there = pooled(**settings)
        world.cluster, world.answers = there.cluster, there.answers
        change(there.answers["h2"]["pgbouncer"]["write"])

    return act


def paused_by_a_run(world: World) -> None:
    pools(lambda seen: seen.update(paused="all", clients=9))(world)
    world.answers["h1"]["run_lock"] = {"holder": {"run": "restart_pending"}, "renewed_seconds": 1}


def other_databases(seen: dict[str, Any]) -> None:
    one = {"servers": 2, "paused": False, "disabled": False}
    seen["databases"] |= {"shop": one, "idle": {**one, "servers": 0}}
    seen["servers"] = 5


def strange_holder(world: World) -> None:
    """The repository's host has the address for writers, too."""
    given = {"vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_read": ["10.0.0.101"], "vip_interface": "eth0"}
    with_repository = backed_up(**given)
    for name, said in with_repository.answers.items():
        said |= {word: world.answers[name][word] for word in ("vip", "keepalived") if name in world.answers}
    with_repository.answers["h4"]["vip"] = {"10.0.0.100": "eth0"}
    world.cluster, world.answers = with_repository.cluster, with_repository.answers


def announcing(**session: Any) -> Callable[[World], None]:
    """Every member announces what it has to one router. + session: of h1, what differs"""

    def world_of(world: World) -> None:
        there = routed(**session)
        world.cluster, world.answers = there.cluster, there.answers

    return world_of


def monitored(world: World) -> None:
    """Every exporter answers, except PostgreSQL's on h2."""
    there = watched()
    world.cluster, world.answers = there.cluster, there.answers
    there.answers["h2"]["exporters"]["postgres_exporter"] = False


def neighbour(mac: str) -> Callable[[World], Any]:
    return lambda world: world.answers["h2"]["picture"]["virtual"]["neighbours"].update({"10.0.0.100": mac})


TRANSACTION = {"pid": 42, "user": "app", "database": "shop", "application": "cron", "state": "idle in transaction"}

BOOLEAN = {"unit": None, "type": "bool", "default": "on"}


def accepted_danger(world: World) -> None:
    """fsync off on h2, declared and accepted."""
    declared = {"postgres_parameters": {"fsync": "off"}, "postgres_accepted_dangers": ["fsync"]}
    world.cluster = healthy(**declared).cluster
    world.everywhere("patroni", lambda seen: seen["config"]["postgresql"]["parameters"].update(fsync="off"))
    postgres("h2", configured={"fsync": {**BOOLEAN, "setting": "off", "shown": "off", "source": "a file"}})(world)


COLLATION = {
    "database": "app",
    "locale": "de_DE.UTF-8",
    "collate": "de_DE.UTF-8",
    "ctype": "de_DE.UTF-8",
    "recorded": "2.41",
    "actual": "2.41",
}

HEALTHY_DATABASE = {
    "standby": False,
    "freeze_max_age": 200_000_000,
    "multixact_freeze_max_age": 400_000_000,
    "ages": {"shop": {"transactions": 76, "multixacts": 0}},
    "checksum_failures": {},
    "databases": [],
}
HEALTHY_PATRONI = {"failsafe": False, "unseen_seconds": 2.5, "turns": []}
TURNS = [f"2026-11-21T{moment}:00.123456+00:00" for moment in ("09:30", "11:05", "11:15", "11:31", "11:59")]
USED = {"name": "public.orders_id_seq", "percent": 90.4}
SHOP: dict[str, Any] = {"database": "shop", "sequences": [], "invalid": []}


def health(name: str, question: str, **said: Any) -> Callable[[World], Any]:
    """What a host answers to a question of cluster/checks/health.py. + said: what differs from all being well"""
    well = {
        "postgres_health": HEALTHY_DATABASE,
        "patroni_health": HEALTHY_PATRONI,
        "etcd_health": {"slow": 0, "elections": 1},
        "host_health": {"inodes": {"/var/lib/etcd": 3, "/nfs": None}, "read_only": [], "killed": []},
    }
    return lambda world: world.answers[name].update({question: {**well[question], **said}})


CASES = [
    Case(
        *(
            "exporter-silent",
            "h2",
            "postgres_exporter does not answer at 10.0.0.2:9187, where the scraper looks for it",
        ),
        monitored,
    ),
    Case(
        *(
            "transaction-ids",
            "h1",
            "shop has used 250,000,001 of 2,147,483,648 transactions since it was frozen; "
            "autovacuum is to do it at 200,000,000",
        ),
        health("h1", "postgres_health", ages={"shop": {"transactions": 250_000_001, "multixacts": 499_999_999}}),
    ),
    Case(
        *("transaction-ids-end", "h1", "shop has used 1,700,000,000 of 2,147,483,648 multixacts since it was frozen"),
        health("h1", "postgres_health", ages={"shop": {"transactions": 7, "multixacts": 1_700_000_000}}),
    ),
    Case(
        *("checksum-failed", "h2", "2 pages of shop had a wrong checksum, the last one 50 min ago"),
        health("h2", "postgres_health", standby=True, checksum_failures={"shop": {"count": 2, "seconds": 3000.5}}),
    ),
    Case(
        *("sequence-near-end", "h1", "public.orders_id_seq in shop is used to 90 %"),
        health("h1", "postgres_health", databases=[{**SHOP, "sequences": [USED]}]),
    ),
    Case(
        *("index-invalid", "h1", "public.orders_customer in shop is invalid"),
        health(
            "h1",
            "postgres_health",
            databases=[{**SHOP, "invalid": ["public.orders_customer"]}],
        ),
    ),
    Case(
        *("failsafe-active", "h1", "Patroni leads in failsafe mode: it does not reach etcd"),
        health("h1", "patroni_health", failsafe=True, unseen_seconds=75.0),
    ),
    Case(
        *("etcd-unseen", "h3", "Patroni has not reached etcd for 1 min 15 s"),
        health("h3", "patroni_health", unseen_seconds=75.0),
    ),
    Case(
        *("leader-changes", "main", "4 changes of the leader within an hour, the last one at 11:59:00 UTC"),
        health("h2", "patroni_health", turns=TURNS),
    ),
    Case(
        *("etcd-disk-slow", "h3", "3 writes to the disk took more than a second each in the last hour"),
        health("h3", "etcd_health", slow=3),
    ),
    Case(
        *("etcd-elections", "h3", "5 leaders were elected in the last hour"), health("h3", "etcd_health", elections=5)
    ),
    Case(
        *("inodes-nearly-used", "h2", "90 % of the inodes at /var/lib/etcd are used"),
        health("h2", "host_health", inodes={"/var/lib/etcd": 90, "/nfs": None}),
    ),
    Case(
        *("read-only", "h2", "/var/lib/etcd is on a file system that is read-only"),
        health("h2", "host_health", read_only=["/var/lib/etcd"]),
    ),
    Case(
        *("out-of-memory", "h2", "a process of patroni.service was killed for lack of memory in the last day"),
        health("h2", "host_health", killed=["patroni.service"]),
    ),
    Case(
        *("haproxy-sessions", "h2", "80 of 100 clients are connected to the port statistics"),
        lambda world: world.answers["h2"].update(haproxy_sessions={"primary": (900, 1140), "statistics": (80, 100)}),
    ),
    Case(
        *("pgbouncer-silent", "h2", "the pool write does not answer on its console: no answer within 5 s"),
        pools(lambda seen: (seen.clear(), seen.update(error="no answer within 5 s"))),
    ),
    Case(
        *("pgbouncer-paused", "h2", "the pool write is paused, with 9 clients, and no run is under way"),
        pools(lambda seen: seen.update(paused="all", clients=9, maxwait=77, waiting=3)),
    ),
    Case(
        *("pgbouncer-paused", "h2"),
        "the pool write is paused for some of its databases, with 7 clients, and no run is under way",
        pools(lambda seen: seen.update(paused="some")),
    ),
    Case(
        *("pgbouncer-waiting", "h2", "a client of the pool write has waited for 6 s; 3 wait"),
        pools(lambda seen: seen.update(maxwait=6, waiting=3)),
    ),
    Case(
        *("pgbouncer-databases", "h2"),
        "2 databases (app, shop) use the pool write, 1 are declared; it has 5 connections, 19 are planned",
        pools(other_databases),
    ),
    Case(
        *("pgbouncer-settings", "h2", "the pool write runs with max_client_conn 100, 1000 is declared"),
        pools(lambda seen: seen["settings"].update(max_client_conn="100")),
    ),
    Case(
        *("standby-role", "main", "main is a standby cluster, fed by 10.9.9.9, and not declared as one"),
        lambda world: world.everywhere(
            "patroni", lambda seen: seen["config"].update(standby_cluster={"host": "10.9.9.9"})
        ),
    ),
    Case(
        *("host-silent", "h3", "cannot be reached or does not answer; it has the roles postgres, etcd, haproxy"),
        *(lambda world: world.kill("h3"), ("etcd-one-left",)),
    ),
    Case(
        *("answer-missing", "h2", "the question about haproxy got no answer: nothing within 20 s"),
        both(
            lambda world: world.answers["h2"].pop("haproxy"),
            lambda world: world.silences.update({"h2": {"haproxy": "nothing within 20 s"}}),
        ),
    ),
    Case("unit-down", "h2", "etcd is failed (failed)", unit(active="failed", sub="failed")),
    Case("unit-disabled", "h2", "etcd is disabled", unit(enabled="disabled")),
    Case(
        *("unit-stale", "h2", "etcd has not loaded its files as they are now"),
        unit(files_digest="b", started_at=50),
    ),
    Case(
        *("file-differs", "h1", "not as declared: /etc/default/etcd"),
        lambda world: world.answers["h1"]["component"]["paths"]["/etc/default/etcd"].update(sha256="another"),
    ),
    Case(
        *("mount-missing", "h1", "/srv/pg is not mounted, on which /srv/pg/data is stored"),
        lambda world: world.answers["h1"]["picture"].update(
            unmounted=[{"name": "postgres", "problem": "/srv/pg is not mounted, on which /srv/pg/data is stored"}]
        ),
    ),
    Case("disk-full", "h1", "/ is filled to 96 %, 8000 MiB are left for /var/lib/postgresql/17/main", room(8000)),
    Case(
        *("host-removed", "h3"),
        "was removed from main at 2026-11-21T20:00:00+00:00, and is still in the inventory",
        *(lambda world: world.take_out_h3(), ("etcd-one-left",)),
    ),
    Case(
        *("removal-unfinished", "h3"),
        "its removal from main was started at 2026-11-21T20:00:00+00:00, and it is still part of it",
        lambda world: world.note_removal_of_h3(),
    ),
    Case(
        *("disk-nearly-full", "h1", "/ is filled to 90 %, 20000 MiB are left for /var/lib/postgresql/17/main"),
        room(20_000),
    ),
    Case(
        *("clock", "h3", "5.0 s ahead of h1, 2 s are permitted"),
        lambda world: world.answers["h3"]["picture"]["clock"].update(offset_seconds=5.1),
    ),
    Case(
        *("clock-unkept", "h3", "ntpsec is installed and does not run"),
        lambda world: world.answers["h3"].update(
            clock={"may_set": True, "services": {"ntpsec": "failed"}, "marked": False}
        ),
    ),
    Case(
        *("judgement-old", "h2", "the host has not judged itself for 16 min 0 s: the last one ended with exit-code"),
        lambda world: world.answers["h2"].update(judgement={"now": 1960, "at": 1000, "result": "exit-code"}),
    ),
    Case(
        *("firewall-not-loaded", "h2", "there is no table inet pyinfra_patroni: every port is open"),
        filtered(loaded=None),
    ),
    Case(
        *("firewall-not-loaded", "h2", "the table inet pyinfra_patroni was changed after it was loaded"),
        filtered(loaded="another"),
    ),
    Case(
        *("firewall-not-loaded", "h2", "nft fails: Operation not permitted"),
        filtered(fails="Operation not permitted", loaded=None),
    ),
    Case("firewall-not-loaded", "h2", "nft is not installed", filtered(installed=False, loaded=None)),
    Case(
        *("firewall-not-loaded", "h2"),
        "rules are on trial: a run has loaded them and has not proven yet that the host can be reached",
        filtered(on_trial=True),
    ),
    Case(
        *("firewall-undeclared", "h3", "the table inet pyinfra_patroni is loaded"),
        lambda world: world.answers["h3"].update(firewall=LOADED),
    ),
    Case(
        *("versions-differ", "main", "patroni differs between hosts: 4.1.1 on h1; 4.0.7 on h2, h3"),
        lambda world: world.answers["h1"]["packages"]["packages"]["patroni"].update(version="4.1.1-1"),
    ),
    Case(
        *("etcd-no-quorum", "main", "0 of 3 voting members are healthy, 2 are needed; without an answer: h2, h3"),
        *(lose_quorum, ("etcd-unhealthy", "etcd-unhealthy")),
    ),
    Case(
        *("etcd-unhealthy", "h2", "https://10.0.0.2:2379 is not healthy: context deadline exceeded"),
        lambda world: world.everywhere(
            "etcd", lambda seen: seen["unhealthy"].update({"https://10.0.0.2:2379": "context deadline exceeded"})
        ),
        ("etcd-one-left",),
    ),
    Case(
        *("etcd-one-left", "main", "2 of 3 voting members are healthy, 2 are needed; not healthy: h3"),
        *(lambda world: world.kill("h3"), ("host-silent",)),
    ),
    Case(
        *("etcd-alarm", "main", "memberID:10 alarm:NOSPACE"),
        lambda world: world.everywhere("etcd", lambda seen: seen.update(alarms=["memberID:10 alarm:NOSPACE"])),
    ),
    Case("etcd-learner", "h3", "is a learner", etcd_member(learner=True)),
    Case("etcd-never-started", "h3", "was added as member 3a and has never started", etcd_member(started=False)),
    Case(
        *("etcd-not-joined", "h3", "etcd has no member at https://10.0.0.3:2380"),
        lambda world: world.everywhere("etcd", lambda seen: seen["members"].pop()),
    ),
    Case(
        *(
            "etcd-undeclared",
            "main",
            "etcd has a member old at https://10.0.0.9:2380, which the inventory does not have",
        ),
        etcd_member(name="old", peer_urls=["https://10.0.0.9:2380"]),
        ("etcd-not-joined",),
    ),
    Case(
        *("member-moved", "h3", "h3 is a member of etcd at 10.0.0.9, declared is 10.0.0.3"),
        etcd_member(peer_urls=["https://10.0.0.9:2380"]),
    ),
    Case(
        *("etcd-database", "h2", "the database has 1700 of 2048 MiB"),
        lambda world: world.everywhere(
            "etcd_status", lambda seen: seen["https://10.0.0.2:2379"].update(database_mib=1700)
        ),
    ),
    Case(
        *("etcd-snapshot-old", "h2", "the newest snapshot of etcd is 3 h old"),
        lambda world: world.answers["h2"]["etcd_snapshots"]["newest"].update(at=1795262400 - 3 * 3600 - 60),
    ),
    Case(
        *("etcd-restore-unfinished", "h2", "etcd is being rebuilt, and Patroni may be kept down"),
        lambda world: world.answers["h2"]["picture"].update(rebuilding=True),
    ),
    Case("no-leader", "main", "no member holds the leader's lock", patroni(leader=None)),
    Case(
        *("two-primaries", "main", "h1 and h3 are not in recovery; Patroni's leader is h1"),
        postgres("h3", in_recovery=False, replay=None, replayed=None, slots=[]),
    ),
    Case(
        *("patroni-silent", "h3", "Patroni does not answer: [Errno 111] Connection refused"),
        lambda world: world.answers["h3"]["patroni"].update(answers=False, error="[Errno 111] Connection refused"),
    ),
    Case(
        *("member-missing", "h3", "Patroni's list of members does not have it"),
        lambda world: world.everywhere("patroni", lambda seen: seen["members"].pop("h3")),
    ),
    Case(
        *("member-undeclared", "main", "h9 is a member and not in the inventory"),
        lambda world: world.everywhere("patroni", lambda seen: seen["members"].update(h9=seen["members"]["h2"])),
    ),
    Case(
        *("member-down", "h3", "PostgreSQL is start failed"),
        lambda world: world.member("h3", running=False, streaming=False, state="start failed"),
    ),
    Case(
        *("postgres-silent", "h2", "runs and takes no connection: FATAL: sorry, too many clients already"),
        postgres("h2", answers=False, error="FATAL: sorry, too many clients already"),
    ),
    Case(
        *("not-streaming", "h3", "does not stream from h1: in archive recovery"),
        lambda world: world.member("h3", streaming=False, state="in archive recovery"),
    ),
    Case(
        *("standby-delayed", "h3", "replays 3600 s late on purpose, and does not stream until then"),
        both(
            lambda world: world.member("h3", streaming=False, state="in archive recovery", timeline=6),
            postgres("h3", apply_delay_ms=3_600_000),
        ),
    ),
    Case(
        *("locale-absent", "h2", "has no locale de_DE.UTF-8: clients cannot connect to app"),
        postgres("h2", collations=[COLLATION], locales=["C", "C.utf8", "de_AT.utf8"]),
    ),
    Case(
        *(
            "collation-outdated",
            "h1",
            "the indexes of app were made with version 2.36 of de_DE.UTF-8, and this host sorts with 2.41",
        ),
        postgres("h1", collations=[{**COLLATION, "recorded": "2.36"}], locales=["de_DE.utf8"]),
    ),
    Case(
        *("collation-differs", "h3", "sorts app with version 2.36 of their locale, the leader h1 with 2.41"),
        both(
            postgres("h1", collations=[COLLATION], locales=["de_DE.utf8"]),
            postgres("h3", collations=[{**COLLATION, "actual": "2.36"}], locales=["de_DE.utf8"]),
        ),
    ),
    Case(
        *("other-timeline", "h3", "on timeline 6, the leader h1 is on 7"),
        lambda world: world.member("h3", timeline=6, streaming=False, state="running"),
    ),
    Case(
        *("lag", "h2", "lags by 30 MiB, all received; 1 MiB are permitted"),
        both(
            postgres("h2", replayed=WRITTEN - 30 * MIB),
            lambda world: world.answers["h1"]["postgres"]["replication"][0].update(behind=30 * MIB),
        ),
    ),
    Case(
        *("replay-paused", "h2", "replay is paused, and lags by 30 MiB"),
        both(
            postgres("h2", replayed=WRITTEN - 30 * MIB, replay="paused"),
            lambda world: world.answers["h1"]["postgres"]["replication"][0].update(behind=30 * MIB),
        ),
    ),
    Case(
        *("other-data", "h2", "its data has the system identifier 1, the leader's has 7710641775443985334"),
        postgres("h2", control={"identifier": "1"}),
    ),
    Case(
        "paused", "main", "the cluster is paused: Patroni does not fail over and starts nothing", patroni(paused=True)
    ),
    Case(
        *("writes-wait", "main", "no standby of h1 is synchronous, and the mode is strict"),
        config(lambda seen: seen.update(synchronous_mode=True, synchronous_mode_strict=True)),
        ("configuration-differs", "configuration-differs"),
    ),
    Case(
        *("no-synchronous", "main", "no standby of h1 is synchronous"),
        config(lambda seen: seen.update(synchronous_mode="quorum")),
        ("configuration-differs",),
    ),
    Case(
        *("few-synchronous", "main", "h2 synchronous, 2 declared"),
        both(
            config(lambda seen: seen.update(synchronous_mode=True, synchronous_node_count=2)),
            lambda world: world.member("h2", role="sync_standby", synchronous=True),
        ),
        ("configuration-differs", "configuration-differs"),
    ),
    Case(
        *("switchover-scheduled", "main", "from h1 to any member at 2030-01-01T00:00:00+00:00"),
        patroni(scheduled_switchover={"at": "2030-01-01T00:00:00+00:00", "from": "h1"}),
    ),
    Case(
        *("restart-scheduled", "h2", "a restart of PostgreSQL is scheduled"),
        lambda world: world.member("h2", scheduled_restart=True),
    ),
    Case(
        *("restart-pending", "h2", "waits for a restart: max_connections 200 -> 210"),
        lambda world: world.member(
            "h2", pending_restart=True, pending_reason={"max_connections": {"old_value": "200", "new_value": "210"}}
        ),
    ),
    Case(
        *("configuration-differs", "main", "ttl is 45, declared is 30"),
        config(lambda seen: seen.update(ttl=45)),
    ),
    Case(
        *("parameter-undeclared", "main", "undeclared: geqo"),
        config(lambda seen: seen["postgresql"]["parameters"].update(geqo="off")),
    ),
    Case(
        *("file-unread", "h2", 'pg_hba.conf, line 9: invalid CIDR mask in address "10.0.0.0/99"'),
        postgres(
            "h2",
            file_errors=[
                {
                    "file": "pg_hba.conf",
                    "line": 9,
                    "name": None,
                    "error": 'invalid CIDR mask in address "10.0.0.0/99"',
                }
            ],
        ),
    ),
    Case(
        *(
            "parameter-overridden",
            "h2",
            f"ssl runs with 'off' from postgresql.auto.conf; ours is 'on': {OWNED['ssl*'].reason}",
        ),
        postgres(
            "h2", configured={"ssl": {**BOOLEAN, "setting": "off", "shown": "off", "source": "postgresql.auto.conf"}}
        ),
    ),
    Case(
        *("danger-accepted", "h2", f"fsync runs with 'off', as it is declared: {DANGERS['fsync'].loss}"),
        accepted_danger,
    ),
    Case("altered", "h2", "work_mem = 8MB is set in postgresql.auto.conf", postgres("h2", altered={"work_mem": "8MB"})),
    Case("slot-lost", "h1", "old is lost", slot("old", status="lost", active=False, retained=None), STRANGER),
    Case(
        *("slot-inactive", "h1", "cdc is inactive and keeps 3 MiB of WAL"),
        *(slot("cdc", type="logical", active=False, retained=3 * MIB), STRANGER),
    ),
    Case(
        *("slot-undeclared", "h1", "h9 is not declared: Patroni drops it at the next start, switchover or resume"),
        slot("h9"),
    ),
    Case("slot-keeps-much", "h1", "cdc keeps 30000 MiB of WAL", slot("cdc", retained=30_000 * MIB), STRANGER),
    Case(
        *("transaction-old", "h1", "a transaction of app in shop (cron, idle in transaction) is open for 2 h 5 min"),
        postgres("h1", transactions=[{**TRANSACTION, "seconds": 7500.5}]),
    ),
    Case(
        *("prepared-old", "h1", "2 transactions are prepared, the oldest for 30 h 0 min"),
        postgres("h1", prepared={"count": 2, "oldest_seconds": 108_000}),
    ),
    Case(
        *("archiver-failing", "h1", "0000000700000000000000AB could not be archived; 17 attempts have failed"),
        lambda world: world.answers["h1"]["postgres"]["archiver"].update(
            mode="on", failed=17, last_failed="0000000700000000000000AB", last_failed_at=2.0, last_archived_at=1.0
        ),
    ),
    Case("connections", "h1", "190 of 200 connections are taken", postgres("h1", connections=190)),
    Case(
        *("haproxy-down", "h2", "HAProxy does not run, so its clients connect to nothing"),
        lambda world: world.answers["h2"].update(haproxy=None),
    ),
    Case(
        *("haproxy-no-primary", "h2", "no server is up on port 5000: h1 DOWN L7OK, h2 DOWN L7STS, h3 DOWN L7STS"),
        haproxy("h1", "DOWN"),
    ),
    Case("haproxy-two-primaries", "h2", "takes h1 and h3 for the primary", haproxy("h3", "UP")),
    Case(
        *("haproxy-other-primary", "h2", "sends clients to h3, but h1 is the leader"),
        both(haproxy("h1", "DOWN"), haproxy("h3", "UP")),
    ),
    Case(
        *("haproxy-replica-lags", "h3", "lags by 37 MiB and gets no readers from HAProxy on h2; 16 MiB are permitted"),
        both(
            lambda world: setattr(world, "cluster", fake_cluster(roles=ROLES, haproxy_replica_max_lag_mib=16)),
            lambda world: world.answers["h2"]["haproxy"]["replicas"]["h3"].update(status="DOWN", check="L7STS"),
            lambda world: world.answers["h2"]["haproxy"]["replicas"]["h2"].update(status="DOWN", check="L7STS"),
            postgres("h3", replayed=WRITTEN - 37 * MIB),
            lambda world: world.answers["h1"]["postgres"]["replication"][1].update(behind=37 * MIB),
        ),
        ("lag",),
    ),
    Case(
        *("address-absent", "h2", "10.1.0.2 (client_address) is on no interface of the host"),
        apart_but(lambda picture: picture["addresses"].pop("10.1.0.2")),
    ),
    Case(
        *("address-unheard", "h2", "nothing listens at port 5432 (postgres_port) of 10.1.0.2 (client_address)"),
        apart_but(lambda picture: picture["listening"].remove({"port": 5432, "address": "10.1.0.2"})),
    ),
    Case(
        *("vip-unheld", "main", "no host has 10.0.0.100 (vip_write): HAProxy does not answer on h1 and h2"),
        both(
            with_addresses,
            lambda world: world.answers["h1"]["vip"].pop("10.0.0.100"),
            lambda world: [world.answers[name]["keepalived"].update(answers=False) for name in ("h1", "h2")],
        ),
    ),
    Case(
        *("vip-twice", "main", "10.0.0.101 (vip_read) is on h1 and h3"),
        both(with_addresses, lambda world: world.answers["h3"]["vip"].update({"10.0.0.101": "eth0"})),
    ),
    Case(
        *("vip-elsewhere", "h4"),
        "has 10.0.0.100 (vip_write), and is none of the hosts that may: h1, h2, h3",
        both(with_addresses, strange_holder),
    ),
    Case(
        *("vip-stranger", "main"),
        "h2 hears 02:aa:bb:cc:dd:ee answer at 10.0.0.100 (vip_write), which is no host of the cluster",
        both(with_addresses, neighbour("02:AA:BB:CC:DD:EE".lower())),
    ),
    Case(
        *("bgp-session", "h1"),
        "the session with 10.0.0.254 (AS 65000) is Active: it takes no BGP connection from this host",
        announcing(state="Active", announced=[], behaviour="refuses"),
        ("bgp-alone",),
    ),
    Case(
        *("bgp-alone", "h1", "no session with 10.0.0.254"),
        announcing(state="Active", announced=[]),
        ("bgp-session",),
    ),
    Case(
        *("bgp-bfd", "h1", "BFD with 10.0.0.254 is down: this host's end shows only by silence"), announcing(bfd="down")
    ),
    Case(
        *("bgp-unannounced", "h1", "has 10.0.0.101, and did not announce it to 10.0.0.254"),
        announcing(announced=["10.0.0.100/32"]),
    ),
    Case(
        *("certificate-absent", "h1", "/etc/etcd/pki/etcd.crt is not there"),
        lambda world: world.answers["h1"]["certificates"][ETCD.certificate].update(pem=None),
    ),
    Case(
        "certificate-expired",
        "h1",
        f"postgres: expired on {AT - timedelta(days=20):%Y-%m-%d}",
        put(POSTGRES, age_days=385),
    ),
    Case(
        *("certificate-old", "h1", "etcd: less than a third of its life left: 65 of 365 days"),
        put(ETCD, age_days=300),
    ),
    Case(
        *("certificate-misfit", "h1", "/etc/etcd/pki/etcd.crt does not fit /etc/etcd/pki/etcd.key"),
        lambda world: world.answers["h1"]["certificates"][ETCD.certificate].update(key_digest="0" * 64),
    ),
    Case(
        *("certificate-other-ca", "h1", "/etc/patroni/rest/ca.crt is not the cluster's CA"),
        lambda world: world.answers["h1"]["certificates"][PATRONI.certificate].update(authority="another"),
    ),
    Case(
        *("etcd-ca-shared", "h1", "/etc/etcd/pki/ca.crt trusts the cluster's CA"),
        lambda world: world.answers["h1"]["certificates"][ETCD.certificate].update(authority=world.trust),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_each_kind_is_found_with_its_words_and_nothing_else(case: Case) -> None:
    world = healthy()
    case.breaks(world)
    seen = found(world)
    assert (case.kind, case.where, case.problem) in seen
    assert sorted(kind for kind, _, _ in seen) == sorted((case.kind, *case.also))


def test_every_kind_has_a_case() -> None:
    # Below, and in test_check_pgbackrest.py.
    elsewhere = {"authority-old", "etcd-copy-old", "standby-not-streaming", *TYPES}
    assert set(FINDING_TYPES) - {case.kind for case in CASES} == elsewhere


@pytest.mark.parametrize("receiving", [True, False])
def test_a_standby_cluster_has_no_primary_and_should_stream(receiving: bool) -> None:
    world = healthy()
    settings = world.cluster.settings.model_copy(update={"patroni_standby_of": "shop"})
    world.cluster = replace(world.cluster, settings=settings, source=both_clusters()[0])
    world.everywhere("patroni", lambda seen: seen["config"].update(standby_cluster={"host": "10.0.0.1,10.0.0.2"}))
    world.answers["h1"]["postgres"].update(in_recovery=True, receiving=receiving)
    for name in ("h1", "h2", "h3"):
        world.answers[name]["haproxy"]["primary"]["h1"].update(status="DOWN")
        world.answers[name]["certificates"][SOURCE.certificate] = certificate(
            world.cluster.node(name), SOURCE, age_days=385
        )
    assert ("certificate-expired", "h1", f"client: expired on {AT - timedelta(days=20):%Y-%m-%d}") in found(world)
    seen = [one for one in found(world) if one[0].startswith(("standby", "haproxy", "no-"))]
    missing = ("standby-not-streaming", "h1", "the standby leader does not stream from shop")
    assert seen == ([] if receiving else [missing])


def test_the_authority_s_own_end_is_seen_from_afar() -> None:
    late = at_other_time(healthy().overview(), days=3600)
    problems = [one.finding.problem for one in all_findings(late) if one.kind == "authority-old"]
    assert [problem.rpartition(" ")[0] for problem in sorted(problems, reverse=True)] == [
        "the CA's certificate ends on",
        "etcd's own CA's certificate ends on",
    ]


def test_a_certificate_of_another_authority_is_found(tmp_path: Path) -> None:
    world = healthy()
    put(ETCD, authority=stranger_authority(tmp_path))(world)
    assert found(world) == [("certificate-other-ca", "h1", "/etc/etcd/pki/etcd.crt is signed by another CA")]


def test_another_ca_than_etcd_s_own_is_found() -> None:
    world = healthy()
    world.answers["h1"]["certificates"][ETCD.certificate].update(authority="another")
    assert found(world) == [("certificate-other-ca", "h1", "/etc/etcd/pki/ca.crt is not etcd's own CA")]


def test_that_etcd_still_lets_in_the_cluster_s_ca_is_found_on_a_machine_without_etcd_s() -> None:
    world = healthy()
    for place in (ETCD, PATRONI_ETCD):
        world.answers["h2"]["certificates"][place.certificate].update(authority=world.trust)
    world.etcd_trust = None
    assert [(kind, where) for kind, where, _ in found(world)] == [("etcd-ca-shared", "h2")] * 2


def test_before_3_3_postgresql_names_what_waits_for_a_restart() -> None:
    world = healthy()
    world.member("h2", pending_restart=True)
    settings = {name: {"setting": "1", "shown": "1", "pending": True} for name in ("max_wal_senders", "huge_pages")}
    world.answers["h2"]["postgres"]["settings"].update(settings)
    assert found(world) == [("restart-pending", "h2", "waits for a restart: max_wal_senders 1 -> 10, huge_pages")]


def test_a_key_that_others_may_read_is_found() -> None:
    world = healthy()
    world.answers["h1"]["certificates"][ETCD.certificate].update(key_owner="etcd:640")
    assert found(world) == [("certificate-misfit", "h1", "/etc/etcd/pki/etcd.key is etcd:640, not etcd:600")]


# --- What is no finding ---


def test_what_follows_from_a_stopped_unit_is_no_finding_of_its_own() -> None:
    world = healthy()
    unit(active="inactive", sub="dead")(world)
    world.everywhere("etcd", lambda seen: seen["unhealthy"].update({"https://10.0.0.2:2379": "deadline"}))
    assert {kind for kind, _, _ in found(world)} == {"unit-down", "etcd-one-left"}


def test_a_slot_of_a_dead_member_is_no_finding_of_its_own() -> None:
    world = healthy()
    world.kill("h3")
    world.answers["h1"]["postgres"]["slots"][1].update(active=False)
    assert {kind for kind, _, _ in found(world)} == {"host-silent", "etcd-one-left"}


def test_a_dead_primary_whose_lock_has_not_run_out_is_named_once() -> None:
    world = healthy()
    members = {"h1": world.answers["h2"]["patroni"]["members"]["h1"]}
    world.kill("h1")
    world.everywhere("patroni", lambda seen: seen["members"].update(members))
    kinds = {kind for kind, _, _ in found(world)}
    assert kinds == {"host-silent", "etcd-one-left", "haproxy-no-primary"}


def test_what_only_the_dead_can_tell_is_not_held_against_the_configuration() -> None:
    """The derived settings come from the smallest member, and nobody knows whether the dead one is it."""
    world = healthy()
    world.kill("h3")
    for name in ("h1", "h2"):
        world.answers[name]["resources"]["memory_mib"] = 64_000
    assert {kind for kind, _, _ in found(world)} == {"host-silent", "etcd-one-left"}


def test_a_declared_delay_is_no_lag() -> None:
    world = healthy()
    postgres("h2", replayed=WRITTEN - 30 * MIB, apply_delay_ms=3_600_000)(world)
    world.answers["h1"]["postgres"]["replication"][0].update(behind=30 * MIB)
    assert found(world) == []


def test_a_slot_that_nobody_reads_from_is_no_fault_while_its_standby_is_late_on_purpose() -> None:
    """It comes back to it when it has replayed what it has; without the slot it would be copied anew."""
    world = healthy()
    slot = next(one for one in world.answers["h1"]["postgres"]["slots"] if one["name"] == "h3")
    slot.update(active=False)
    world.member("h3", streaming=False, state="in archive recovery")
    postgres("h3", apply_delay_ms=3_600_000)(world)
    assert [kind for kind, _, _ in found(world)] == ["standby-delayed"]


@pytest.mark.parametrize("name", ["C", "C.UTF-8", "POSIX"])
def test_what_every_c_library_sorts_alike_has_no_version(name: str) -> None:
    world = healthy()
    plain = {**COLLATION, "locale": name, "collate": name, "ctype": name, "recorded": None, "actual": None}
    for host in ("h1", "h2", "h3"):
        postgres(host, collations=[plain], locales=["C", "C.utf8", "POSIX"])(world)
    assert found(world) == []


def test_two_moments_of_measurement_are_no_lag() -> None:
    """Under load the primary has written on before the standby is asked; its own last news of it is taken then."""
    world = healthy()
    postgres("h1", written=WRITTEN + 30 * MIB)(world)
    assert found(world) == []


def test_without_the_authority_on_this_machine_nothing_is_said_about_it() -> None:
    world = healthy()
    world.trust = world.etcd_trust = None
    assert found(world) == []


def test_a_cluster_of_the_dead_is_named_host_by_host() -> None:
    world = healthy()
    for name in ("h1", "h2", "h3"):
        world.kill(name)
    assert [(kind, where) for kind, where, _ in found(world)] == [("host-silent", name) for name in ("h1", "h2", "h3")]


# --- What is printed ---


def test_a_remark_does_not_fail_a_check() -> None:
    world = healthy()
    config(lambda seen: seen["postgresql"]["parameters"].update(geqo="off"))(world)
    overview = world.overview()
    assert failing(all_findings(overview)) == []
    assert check_lines(overview, all_findings(overview), 100)[0] == "main: nothing to complain about"


def test_alarms_come_first() -> None:
    world = healthy()
    world.kill("h3")
    patroni(paused=True)(world)
    listed = all_findings(world.overview())
    assert [one.severity for one in listed] == sorted((one.severity for one in listed), key=SEVERITIES.index)
    lines = check_lines(world.overview(), listed, 100)
    assert lines[0] == "main: 3 findings (1 alarm, 2 warnings)"
    assert lines.index("  alarm") < lines.index("  warnings")


def test_virtual_addresses_on_one_host_each_are_nothing_to_complain_about() -> None:
    assert found(addressed()) == []
    # Nor is what a host of the cluster answers, nor what a silent host may have.
    world = addressed()
    neighbour("02:00:00:00:00:01")(world)
    assert found(world) == []
    world.answers["h1"].pop("vip")
    assert found(world) == []
    world = addressed()
    world.kill("h3")
    neighbour("02:00:00:00:00:03")(world)
    assert {kind for kind, _, _ in found(world)} == {"host-silent", "etcd-one-left"}


def test_no_replica_is_no_fault_where_readers_then_have_no_address() -> None:
    for fallback, kinds in (("none", []), ("primary", ["vip-unheld"])):
        world = addressed(vip_mode="leader", vip_interface=None, vip_read_fallback=fallback)
        world.answers["h1"]["vip"].pop("10.0.0.101")
        assert [kind for kind, _, _ in found(world) if kind.startswith("vip")] == kinds


def test_the_way_out_is_a_command() -> None:
    world = healthy()
    world.member("h3", timeline=6, streaming=False, state="running")
    (one,) = all_findings(world.overview())
    assert "`pyinfra inventory.py deploys/reinit_node.py --data node=h3`" in one.finding.hint


def test_every_kind_is_of_a_known_severity_and_says_how() -> None:
    assert {kind.severity for kind in FINDING_TYPES.values()} == set(SEVERITIES)
    assert all(
        (kind.cure.endswith(".") and "`" in kind.cure) or name in WITHOUT_COMMAND
        for name, kind in FINDING_TYPES.items()
    )


WITHOUT_COMMAND = {
    *(
        "etcd-one-left",
        "postgres-silent",
        "two-primaries",
        "slot-keeps-much",
        "authority-old",
        "clock",
        "versions-differ",
    ),
    *("parameter-undeclared", "archiver-failing", "connections", "prepared-old", "haproxy-two-primaries"),
    *("haproxy-other-primary", "certificate-other-ca"),
    *("repository-foreign", "wal-missing-before", "backup-damaged", "wal-waiting"),
}


def test_machines_get_the_same() -> None:
    world = healthy()
    patroni(paused=True)(world)
    overview = world.overview()
    data = as_data(overview, all_findings(overview))
    assert [one["kind"] for one in data["findings"]] == ["paused"]
    assert data["at"] == AT.isoformat()
    assert data["observed"]["members"]["h2"] == {
        "reached": True,
        "role": "replica",
        "state": "streaming",
        "timeline": 7,
        "lag_mib": 0,
        "pending_restart": False,
    }


def test_a_replica_in_a_cascade_is_judged_by_whom_it_streams_from() -> None:
    world = healthy()
    world.member("h3", tags={"replicatefrom": "h2"})
    slot_of_h3 = next(one for one in world.answers["h1"]["postgres"]["slots"] if one["name"] == "h3")
    slot_of_h3.update(active=False)
    assert found(world) == []
    world.member("h3", streaming=False, state="in archive recovery")
    assert found(world) == [("not-streaming", "h3", "does not stream from h2: in archive recovery")]


@pytest.mark.parametrize(
    ("mode", "standbys", "words"),
    [
        ({}, [], ""),
        ({"synchronous_mode": True}, ["h2"], "synchronous: a commit waits for h2"),
        ({"synchronous_mode": "quorum"}, ["h3", "h2"], "quorum: a commit waits for 1 of h2, h3"),
        (
            {"synchronous_mode": "quorum", "synchronous_mode_strict": True, "synchronous_node_count": 2},
            [],
            "quorum, strict: a commit waits for NO STANDBY: NONE IS ELIGIBLE",
        ),
    ],
)
def test_whom_a_commit_waits_for(mode: dict[str, Any], standbys: list[str], words: str) -> None:
    world = healthy()
    world.everywhere("patroni", lambda seen: seen["config"].update(mode))
    for name in standbys:
        world.member(name, synchronous=True)
    assert mode_words(world.overview()) == words


# --- Copies of etcd's snapshots ---


def with_copy(days: float | None, *, kept: int = 48) -> World:
    """A repository host, and etcd's hosts with so many snapshots. + days: since its copy was brought; None: none was"""
    world = backed_up()
    now = world.answers["h4"]["etcd_snapshots"]["now"]
    newest = {"path": "/x/20261121T115000Z-4711.db", "at": int(now - (days or 0) * 86400), "revision": 4711}
    for name in ("h1", "h2", "h3"):
        world.answers[name]["etcd_snapshots"].update(count=kept)
    world.answers["h4"]["etcd_snapshots"].update(newest=newest if days is not None else None)
    return world


@pytest.mark.parametrize("days, age", [(8.0, "8 days old"), (None, "not there")])
def test_a_repository_host_without_a_recent_copy_is_a_remark(days: float | None, age: str) -> None:
    overview = with_copy(days).overview()
    listed = all_findings(overview)
    assert [(one.kind, one.finding.where, one.finding.problem) for one in listed] == [
        ("etcd-copy-old", "h4", f"the newest copy of a snapshot of etcd is {age}")
    ]
    assert failing(listed) == []


def test_one_of_this_week_and_a_cluster_that_was_just_built_are_no_finding() -> None:
    assert found(with_copy(6.0)) == [] == found(with_copy(None, kept=2))


def test_a_member_that_does_not_start_is_quoted_with_what_mends_it() -> None:
    world = healthy()
    world.member("h3", running=False, streaming=False, state="start failed")
    text = "2026-11-26 06:17:03.861 UTC [7] FATAL:  could not map anonymous shared memory: Cannot allocate memory"
    world.answers["h3"]["cause"] = {"running": False, "said": [{"age": 3.0, "text": text}]}
    (one,) = [found for found in all_findings(world.overview()) if found.kind == "member-down"]
    assert one.finding.problem == (
        "PostgreSQL is start failed; its PostgreSQL ended with: could not map anonymous shared memory: "
        "Cannot allocate memory"
    )
    assert "then `pyinfra inventory.py deploys/configure.py`. See " in one.finding.hint


def test_etcd_that_does_not_start_names_the_run_for_damaged_data() -> None:
    world = healthy()
    unit(active="activating", sub="start")(world)
    (one,) = [found for found in all_findings(world.overview()) if found.kind == "unit-down"]
    assert "`pyinfra inventory.py deploys/etcd_reinit.py --data node=h2`" in one.finding.hint


def test_a_service_that_is_down_or_waits_for_a_restart_is_told_of_once() -> None:
    assert found(apart()) == []
    world = apart()
    for name, port in (("h1", 5432), ("h2", 5432), ("h3", 5000)):
        picture = world.answers[name]["picture"]
        kept = {"10.0.0.2", "127.0.0.1"} if name == "h2" else set()
        picture["listening"] = [one for one in picture["listening"] if one["port"] != port or one["address"] in kept]
    world.answers["h1"]["picture"]["listening"].append({"port": 5432, "address": "10.0.0.1"})
    world.member("h1", pending_restart=True, pending_reason={"listen_addresses": {}})
    assert {(kind, where) for kind, where, _ in found(world)} == {("restart-pending", "h1"), ("address-unheard", "h2")}
