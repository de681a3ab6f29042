"""The first look of a build: one remote command to each host answers the steps that then have nothing to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.components.all import components_on
from cluster.components.component import Component
from cluster.components.etcd import bootstrap_file, declared_peers
from cluster.components.files import File
from cluster.declared.model import Cluster, Node
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.secrets import NAMES, Secret
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from facts.host_answers import HostAnswers
from facts.patroni import PatroniCluster
from operations import etcd, first_look, haproxy, pgbackrest
from operations.live.first_look import first_commands, first_questions
from tests.host_answers import told
from tests.world.hosts import fake_cluster, run_operations
from tests.world.known import Act, Question

SECRETS = {name: Secret(f"{name}-of-the-cluster") for name in NAMES}


def declared(cluster: Cluster, node: Node) -> dict[str, Any]:
    """A host whose files and units are as declared."""
    components = [one.files(cluster, node, SECRETS) for one in components_on(cluster, node)]
    formed = bootstrap_file(cluster, declared_peers(cluster), state="existing")
    paths = {item.path: _lying(item) for item in (*(item for one in components for item in one.items), formed)}
    return {"paths": paths, "units": {unit.name: RUNNING for one in components for unit in one.units}}


RUNNING = {
    "present": True,
    "active": "active",
    "sub": "running",
    "enabled": "enabled",
    "pid": 1,
    "needs_daemon_reload": False,
    "started_at": 2,
    "files_digest": "a",
    "files_changed_at": 1,
    "loaded_digest": "a",
}


def _lying(item: Any) -> dict[str, Any]:
    kind = {"kind": "file"} if isinstance(item, File) else {"kind": "directory"}
    digest = {"sha256": item.digest} if isinstance(item, File) else {}
    return {**kind, "mode": item.mode.lstrip("0"), "user": item.user, "group": item.group, **digest}


class Declared:
    """Hosts that are as declared. + commands: how many each was given; + alone: those beside the first look"""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.commands: Counter[str] = Counter()
        self.alone: list[str] = []

    def asked(self, host: str, question: Question) -> list[str]:
        """See Hosts."""
        self.commands[host] += 1
        if question.fact is not HostAnswers:
            self.alone.append(question.fact.__name__)
            return ["x"]
        words = first_commands(self.cluster, first_questions(self.cluster, self.cluster.node(host), SECRETS))
        return told({word: (0, "x" if word.startswith("HostComponent") else "", "") for word in words})

    def told(self, host: str, act: Act) -> list[str]:
        """See Hosts."""
        self.commands[host] += 1
        self.alone.append(act.text)
        return []


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Declared:
    cluster = fake_cluster(roles=("postgres", "etcd", "haproxy"))
    pictures = {node.name: declared(cluster, node) for node in cluster}

    def parsed(self: HostComponent, output: list[str]) -> Mapping[str, Any]:
        name = ctx_host.get().name.removeprefix("@fake/")  # type: ignore[no-untyped-call]
        paths: Any = pictures[name]["paths"]
        data = {"kind": "directory", "mode": "700", "user": "etcd", "group": "etcd"}
        return {"paths": Lying(paths, data), "units": pictures[name]["units"]}

    monkeypatch.setattr(HostComponent, "parsed", parsed)
    return Declared(cluster)


class Lying(dict[str, Any]):
    """Paths as declared; of all others the data are there."""

    def __init__(self, paths: Mapping[str, Any], data: Any) -> None:
        super().__init__(paths)
        self.data = data

    def __missing__(self, path: str) -> Any:
        return self.data


def first_coordinates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of a run there are no hosts of one among which somebody could coordinate."""
    monkeypatch.setattr("operations.live.first_look.coordinator", lambda nodes: nodes[0])


def steps(cluster: Cluster) -> list[tuple[Any, dict[str, Any]]]:
    """Those that look at nothing but files and units."""
    return [
        (first_look.asked, {"secrets": SECRETS}),
        (etcd.member, {}),
        (pgbackrest.configured, {"cipher_pass": SECRETS["PGBACKREST_CIPHER_PASS"]}),
        (haproxy.service, {"stats_password": SECRETS["HAPROXY_STATS_PASSWORD"]}),
    ]


def test_hosts_that_are_as_declared_are_given_one_command(hosts: Declared, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_operations(monkeypatch, hosts, hosts.cluster, steps(hosts.cluster))
    assert hosts.alone == []
    assert dict(hosts.commands) == {"h1": 1, "h2": 1, "h3": 1}
    assert not any(changed for one in done for changed in one.values())


def test_without_a_first_look_each_step_asks_itself(hosts: Declared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which shows that the commands are counted."""
    run_operations(monkeypatch, hosts, hosts.cluster, steps(hosts.cluster)[1:])
    assert dict(hosts.commands) == {"h1": 2, "h2": 2, "h3": 2}  # of etcd and HAProxy: there are no backups


def test_only_the_first_hosts_are_asked_for_what_all_of_them_know(monkeypatch: pytest.MonkeyPatch) -> None:
    first_coordinates(monkeypatch)
    cluster = fake_cluster(roles=("postgres", "etcd", "haproxy"))
    kinds = {node.name: {kind for kind, _ in first_questions(cluster, node, SECRETS).values()} for node in cluster}
    assert {PatroniCluster, EtcdCluster} <= kinds["h1"]
    assert not {PatroniCluster, EtcdCluster} & (kinds["h2"] | kinds["h3"])


def with_repository() -> Cluster:
    """Three members and a host for backups."""
    roles = {**dict.fromkeys(("h1", "h2", "h3"), ("postgres", "etcd", "haproxy")), "h4": ("backup",)}
    hosts = [DeclaredHost(name, has, {"cluster_address": f"10.0.0.{name[1]}"}, {}) for name, has in roles.items()]
    return declared_clusters(hosts, {})[0]["main"]


def test_every_path_and_unit_of_a_component_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    first_coordinates(monkeypatch)
    cluster = with_repository()
    for node in cluster:
        (asked,) = [given for kind, given in first_questions(cluster, node, SECRETS).values() if kind is HostComponent]
        for one in components_on(cluster, node):
            component: Component = one.files(cluster, node, SECRETS)
            assert HostComponent.serves(asked, component.question, {"paths": {}, "units": {}}), one.name


def test_a_standby_is_not_asked_what_its_leader_is(monkeypatch: pytest.MonkeyPatch) -> None:
    first_coordinates(monkeypatch)
    cluster = fake_cluster()
    commands = first_commands(cluster, first_questions(cluster, cluster.node("h1"), SECRETS))
    glances = {word.rstrip("0123456789") for word, text in commands.items() if "standby.signal ] || exit 1" in text}
    assert glances == {"PostgresObjects", "PostgresStatistics"}


@pytest.mark.parametrize(
    ("asked", "wanted", "settled", "serves"),
    [
        ({"expected": ["a", "b"]}, {"expected": ["a", "b"], "wait_seconds": 20}, True, True),
        ({"expected": ["a", "b"]}, {"wait_seconds": 20}, True, True),
        ({"expected": ["a", "b"]}, {"expected": ["a", "b"], "live": True}, True, True),
        ({"expected": ["a", "b"]}, {"expected": ["a", "b"]}, False, False),
        ({"expected": ["a"]}, {"expected": ["a", "b"]}, True, False),
        ({"expected": ["a"]}, {"expected": ["a"], "beyond_timeline": 3}, True, False),
    ],
)
def test_a_settled_cluster_serves_who_would_wait_for_it(asked: Any, wanted: Any, settled: bool, serves: bool) -> None:
    seen: Any = {"settled": settled}
    assert bool(PatroniCluster.serves(asked, wanted, seen)) is serves


def test_an_etcd_that_is_not_well_serves_nobody_else() -> None:
    well: Any = {"unhealthy": {}, "errors": {}}
    asked = {"endpoints": ("https://a:1",), "prefix": "/p/", "if_open": True}
    wanted = {"endpoints": ["https://a:1"], "prefix": "/p/", "wait_seconds": 60}
    assert EtcdCluster.serves(asked, wanted, well)
    assert not EtcdCluster.serves(asked, wanted, {**well, "unhealthy": {"https://a:1": "dead"}})
    assert not EtcdCluster.serves(asked, {**wanted, "prefix": "/other/"}, well)
