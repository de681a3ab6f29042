"""How a run refuses: the inventory as pyinfra has it, work done once for all hosts, and only hosts within the limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gevent
import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

import operations.live.preflight
from cluster.errors import ConfigError
from cluster.preflight.control_machine import HeldSecrets
from cluster.preflight.secrets import foreign_findings
from operations.live.preflight import cluster_of, declared_clusters_of, refuse_unfit_hosts
from tests.cluster.packages_hosts import seen
from tests.cluster.preflight_hosts import IDENTIFIER, OTHER, a_cluster, data, picture, running

MEMBERS = ("@fake/pg1", "@fake/pg2", "@fake/pg3")
Questions = Mapping[str, tuple[type, Mapping[str, Any]]]


class Hosts:
    """What the hosts answer. + pictures: of those that differ from a fresh host; None is not reached"""

    def __init__(self, pictures: Mapping[str, Any], keys: Mapping[str, str] | None) -> None:
        self.pictures, self.keys = pictures, keys
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def read(self, questions: Questions) -> dict[str, Any]:
        if questions:
            self.asked.append((next(iter(questions.values()))[0].__name__, tuple(map(short, questions))))
        gevent.sleep(0.01)  # as a real answer, it lets the other hosts' deploy code go on
        return {name: self.answer(short(name), fact.__name__) for name, (fact, _) in questions.items()}

    def read_together(
        self, questions: Mapping[str, Mapping[str, tuple[type, Mapping[str, Any]]]], _: int
    ) -> dict[str, dict[str, Any]]:
        together: dict[str, list[str]] = {}
        for name, asked in questions.items():
            for fact, _arguments in asked.values():
                together.setdefault(fact.__name__, []).append(short(name))
        self.asked += [(fact, tuple(names)) for fact, names in together.items()]
        return {
            name: {word: self.answer(short(name), fact.__name__) for word, (fact, _) in asked.items()}
            for name, asked in questions.items()
        }

    def answer(self, name: str, fact: str) -> Any:
        if fact == "HostPicture":
            return self.pictures.get(name, picture(int(name[-1])))
        others = {"HostPackages": seen(), "PeerPorts": [], "PeerSources": {}}
        return {**others, "EtcdCluster": {"keys": self.keys, "members": None}}[fact]


def short(name: str) -> str:
    return name.removeprefix("@fake/")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start a run on three colocated hosts; everything that the control machine knows is given here."""
    contexts = []

    def begin(
        pictures: Mapping[str, Any] | None = None,
        keys: Mapping[str, str] | None = None,
        limit: tuple[str, ...] | None = None,
        override: Mapping[str, Any] | None = None,
        **data: Any,
    ) -> tuple[Inventory, Hosts]:
        hosts = [(name, {"cluster_address": f"10.0.0.{name[-1]}", **data}) for name in MEMBERS]
        groups = {group: (list(MEMBERS), {}) for group in ("postgres", "etcd", "haproxy")}
        inventory = Inventory(([*hosts, "@fake/jump"], {"patroni_ttl": 40}), dict(override or {}), **groups)
        limited = None if limit is None else [inventory.get_host(f"@fake/{name}") for name in limit]
        state = State(inventory, Config(), initial_limit=limited)
        for context, value in ((ctx_state, state), (ctx_inventory, inventory)):
            used = context.use(value)
            used.__enter__()
            contexts.append(used)
        answers = Hosts(pictures or {}, keys)
        monkeypatch.setattr(operations.live.preflight, "_read", answers.read)
        monkeypatch.setattr(operations.live.preflight, "read_together", answers.read_together)
        return inventory, answers

    for name in ("PATRONI_SUPERUSER_PASSWORD", "HAPROXY_STATS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    yield begin
    for used in reversed(contexts):
        used.__exit__(None, None, None)


HELD = HeldSecrets({}, {}, complete=True, place=".secrets/main")


def on_every_host(inventory: Inventory, only: tuple[str, ...] = (), held: HeldSecrets = HELD) -> list[str]:
    """Run the deploy code of the preflight as pyinfra does, and return what it raised."""

    def deploy(name: str) -> str:
        with ctx_host.use(inventory.get_host(name)):
            try:
                cluster = cluster_of(inventory.get_host(name))
                if cluster is not None:
                    refuse_unfit_hosts(cluster, held)
            except ConfigError as error:
                return str(error)
        return ""

    jobs = [gevent.spawn(deploy, name) for name in inventory.hosts if not only or short(name) in only]
    return [job.get() for job in jobs]


def test_every_host_has_the_same_cluster_and_others_have_none(run: Any) -> None:
    inventory, _ = run()
    clusters = [cluster_of(target) for target in inventory]
    assert clusters[:3] == [declared_clusters_of(inventory)["main"]] * 3
    assert clusters[0] is clusters[1] is clusters[2]
    assert clusters[3] is None


def test_data_is_merged_as_pyinfra_does_it(run: Any) -> None:
    inventory, _ = run(override={"patroni_loop_wait": 7}, patroni_loop_wait=8, patroni_retry_timeout=9)
    settings = declared_clusters_of(inventory)["main"].settings
    assert (settings.patroni_ttl, settings.patroni_loop_wait, settings.patroni_retry_timeout) == (40, 7, 9)
    for target in inventory:
        for name in ("patroni_ttl", "patroni_loop_wait", "patroni_retry_timeout"):
            assert cluster_of(target) is None or target.data.get(name) == getattr(settings, name)


def test_each_finding_names_the_file_that_the_value_comes_from(run: Any) -> None:
    inventory, _ = run(override={"patroni_loop_wait": 0}, postgres_version=14)
    inventory.group_data["etcd"] = {"etcd_heartbeat_ms": 1}
    inventory.data["haproxy_prot"] = 1
    with pytest.raises(ConfigError) as refused:
        declared_clusters_of(inventory)
    lines = str(refused.value).splitlines()
    assert lines[0] == "4 findings, nothing was changed"
    assert [line.split()[:2] for line in lines[1:] if line[2:3] not in ("", " ")] == [
        ["--data", "patroni_loop_wait"],
        ["group_data/all.py", "haproxy_prot"],
        ["group_data/etcd.py", "etcd_heartbeat_ms"],
        ["inventory.py", "postgres_version"],
    ]


def test_fresh_hosts_are_read_once_for_all(run: Any) -> None:
    inventory, hosts = run()
    assert on_every_host(inventory) == ["", "", "", ""]
    all_three = ("pg1", "pg2", "pg3")
    assert sorted(hosts.asked) == [
        (fact, all_three) for fact in ("HostPackages", "HostPicture", "PeerPorts", "PeerSources")
    ]


def test_a_refusal_is_the_same_for_every_host_and_leaves_out_the_others(run: Any) -> None:
    inventory, _ = run({"pg2": None})
    one, two, three, jump = on_every_host(inventory)
    assert one == two == three
    assert one.startswith("1 finding, nothing was changed\n\n  pg2  connection  cannot be reached\n")
    assert jump == ""


def test_etcd_is_asked_where_it_serves_and_its_scope_is_compared(run: Any) -> None:
    pictures = {f"pg{n}": running(n) for n in (1, 2, 3)} | {"pg3": running(3, data=data("files", "17", OTHER))}
    inventory, hosts = run(pictures, {"/service/main/initialize": IDENTIFIER})
    refused = on_every_host(inventory)[0]
    assert ("EtcdCluster", ("pg1",)) in hosts.asked
    assert " ".join(refused.split()).startswith(
        "1 finding, nothing was changed pg3 data directory /var/lib/postgresql/17/main holds a PostgreSQL 17 "
        f"cluster with system identifier {OTHER}, the cluster main in etcd has {IDENTIFIER}"
    )


def test_when_the_first_etcd_does_not_answer_the_others_are_asked_and_silence_is_no_verdict(run: Any) -> None:
    inventory, hosts = run({f"pg{n}": running(n) for n in (1, 2, 3)}, None)
    assert on_every_host(inventory)[0] == ""
    assert [asked for asked in hosts.asked if asked[0] == "EtcdCluster"] == [
        ("EtcdCluster", ("pg1",)),
        ("EtcdCluster", ("pg2", "pg3")),
    ]


def test_under_a_limit_only_those_hosts_are_judged_and_try_their_peers(run: Any) -> None:
    inventory, hosts = run({"pg1": None, "pg3": picture(3, addresses={})}, limit=("pg2",))
    assert on_every_host(inventory, ("pg2",)) == [""]
    assert ("PeerPorts", ("pg2",)) in hosts.asked


def test_hosts_without_an_address_are_asked_for_theirs(run: Any) -> None:
    inventory, hosts = run(cluster_address=None, cluster_network="10.0.0.0/24")
    clusters = declared_clusters_of(inventory)
    assert [str(node.address) for node in clusters["main"]] == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
    assert hosts.asked == [("HostPicture", ("pg1", "pg2", "pg3"))]


def test_passwords_that_are_given_are_judged(run: Any) -> None:
    inventory, _ = run()
    given = {"HAPROXY_STATS_PASSWORD": "hunter2"}
    held = HeldSecrets(given, dict.fromkeys(given, "environment"), complete=False, place=".secrets/main")
    refused = on_every_host(inventory, held=held)[0]
    assert "environment  HAPROXY_STATS_PASSWORD  has 7 characters, 16 are the least" in refused
    assert "hunter2" not in refused


def test_a_machine_without_the_secrets_of_a_living_cluster_is_refused() -> None:
    cluster, held = a_cluster(), HeldSecrets({}, {}, complete=False, place=".secrets/main")
    assert list(foreign_findings(cluster, held, {"pg1": picture(1), "pg2": None})) == []
    assert list(foreign_findings(cluster, HELD, {"pg1": running(1)})) == []
    (found,) = foreign_findings(cluster, held, {"pg1": running(1), "pg2": None})
    assert found.problem == "pg1 already runs the cluster main, whose secrets or CA are not on this machine"
    assert (
        found.hint == "Copy .secrets/main from the machine that built the cluster, with its modes (0700, files 0600)."
    )
