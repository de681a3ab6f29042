"""The build of a cluster: its steps over all hosts in pyinfra's own order, and what each run does before it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.secrets import Secrets
from deploys.components import certificates, first_look, patroni, pgbackrest, proof
from deploys.parts import build, secrets
from tests.world.hosts import fake_cluster, planned
from tests.world.known import Act, Question

DEPLOYS = Path(__file__).parents[2] / "deploys"


class Nobody:
    """Hosts that must not be asked anything: what a build does is decided by its operations, when their turn comes."""

    def asked(self, host: str, question: Question) -> list[str]:
        """See Hosts."""
        raise AssertionError(f"{host} was asked for {question.fact.__name__}")

    def told(self, host: str, act: Act) -> list[str]:
        """See Hosts."""
        raise AssertionError(f"{host} was told: {act.text[:80]}")


Steps = Callable[..., list[tuple[str, set[str]]]]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Steps:
    """The operations of a deploy in pyinfra's order, each with the hosts that call it."""
    own = Secrets.plan(tmp_path, {}, {})
    for module in (build, first_look, patroni, pgbackrest, proof, secrets):
        monkeypatch.setattr(module, "cluster_secrets", lambda _: own)
    for place in (certificates, proof, secrets):
        monkeypatch.setattr(place, "secrets_directory", lambda _: tmp_path)

    def of(cluster: Cluster, deploy: Callable[..., None], **arguments: Any) -> list[tuple[str, set[str]]]:
        return planned(monkeypatch, Nobody(), cluster, lambda: deploy(cluster, **arguments))

    return of


GROUND = [
    "Hosts | Ask each host once for everything",
    "Secrets | Keep the generated secrets",
    "Packages | Install and hold",
    "Firewall | Open the ports that will be needed",
    "Clock | Keep the clock where no service does",
    "Certificates | Issue certificates and trust the CAs",
    "Certificates | Trust the source cluster's CA",
    "etcd | Configure and start etcd",
    "pgBackRest | Configure and start pgBackRest",
    "pgBackRest | Configure access to the source's archive",
    "etcd | Wait for quorum, add members, restart one at a time",
]
HOLDER, KEEPALIVED = (
    "Addresses | Run the holder of virtual addresses",
    "Virtual addresses | Configure and start keepalived",
)
MEMBERS = [
    "PostgreSQL | Allow new members in pg_hba before they connect",
    "PostgreSQL | Bound PostgreSQL's log files",
    "PostgreSQL | Configure and start Patroni",
    "PostgreSQL | Wait for a leader and streaming standbys",
    "PostgreSQL | Apply the dynamic configuration",
    "PostgreSQL | Create the admin role and databases",
    "PostgreSQL | Enable statement statistics",
]
ACCESS = [
    "etcd's CA | Accept only certificates of etcd's own CA",
    "Backups | Create the stanza and check archiving",
    "HAProxy | Configure and start HAProxy",
    "Addresses | Announce addresses to routers",
    "Addresses | Run the holder of virtual addresses",
    "Virtual addresses | Configure and start keepalived",
    "What is not declared any more | Remove what is not declared any more",
    "What is not declared any more | Remove the roles of what is not declared any more",
    "Firewall | Accept what is needed, and nothing else",
    "Proof | Verify every endpoint",
]


@pytest.mark.parametrize("adopts", [False, True])
def test_no_step_begins_before_the_one_above_is_done_on_all(steps: Steps, adopts: bool) -> None:
    """Every host calls every step, also where it has no part in it: else pyinfra would put them side by side."""
    for cluster in (fake_cluster(roles=("postgres", "etcd", "haproxy")), apart()):
        found = steps(cluster, build.deploy_all, adopts=adopts)
        adoption = ["Adoption | Start the member with the newest data as leader"] if adopts else []
        assert [name for name, _ in found] == [*GROUND, *adoption, *MEMBERS, *ACCESS]
        assert all(callers == {node.name for node in cluster} for _, callers in found)


def apart() -> Cluster:
    """Each role on hosts of its own."""
    roles = {"h1": "postgres", "h2": "postgres", "h3": "etcd", "h4": "haproxy", "h5": "backup"}
    hosts = [DeclaredHost(name, (role,), {"cluster_address": f"10.0.0.{name[1:]}"}, {}) for name, role in roles.items()]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


@pytest.mark.parametrize(("rotates", "renews"), [((), False), (("PATRONI_ADMIN_PASSWORD",), True), (("X",), False)])
def test_the_admin_role_gets_another_password_only_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, rotates: tuple[str, ...], renews: bool
) -> None:
    seen: list[bool] = []
    for name in ("deploy_first_look", "deploy_base", "deploy_etcd_trust", "deploy_access"):
        monkeypatch.setattr(build, name, lambda *_, **__: None)
    monkeypatch.setattr(build, "deploy_patroni", lambda cluster, renews: seen.append(renews))
    build.deploy_all(fake_cluster(), rotates=rotates)
    assert seen == [renews]


def calls_of(path: Path) -> list[str]:
    """Names of what a deploy file calls for a cluster, in its order."""
    calls = [one for one in ast.walk(ast.parse(path.read_text())) if isinstance(one, ast.Call)]
    about = [one for one in calls if any(isinstance(arg, ast.Name) and arg.id == "cluster" for arg in _given(one))]
    return [ast.unparse(one.func).rpartition(".")[2] for one in sorted(about, key=lambda one: one.lineno)]


def _given(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(word.value for word in call.keywords)]


def test_who_builds_the_whole_cluster_and_what_comes_before_it() -> None:
    callers = {path.stem: calls_of(path) for path in DEPLOYS.glob("*.py") if "deploy_all(" in path.read_text()}
    assert callers == {
        "cluster": ["deploy_all"],
        # From the note on, deploys/cluster.py goes on with it, wherever the run is cut off.
        "add_node": ["announce", "clear_markers", "deploy_all"],
        "replace_node": [
            "meant_node",
            "refuse_irreplaceable",
            "remove_lost_member",
            "clear_markers",
            "deploy_all",
            "clear_markers",
        ],
        "move_node": [
            *("meant_node", "refuse_immovable", "deploy_opening"),
            *("begin", "holding_of", "stop_services", "leave_etcd", "clear_etcd", "deploy_all"),
        ],
    }


def test_members_are_ready_for_their_addresses_before_postgresql_starts(steps: Steps) -> None:
    """PostgreSQL listens on them from its start; in other modes members let go of theirs when others can take them."""
    cluster = fake_cluster(roles=("postgres", "etcd", "haproxy"), vip_mode="leader", vip_write=["10.0.0.100"])
    found = [name for name, _ in steps(cluster, build.deploy_all)]
    assert found.index(HOLDER) < found.index("PostgreSQL | Configure and start Patroni")
    assert found.index(HOLDER) < found.index(KEEPALIVED)


def test_keepalived_gives_an_address_up_before_members_announce_it(steps: Steps) -> None:
    bgp = {"bgp_asn": 65001, "bgp_neighbors": {"10.0.0.254": 65000}}
    cluster = fake_cluster(roles=("postgres", "etcd", "haproxy"), vip_mode="bgp", vip_write=["10.9.0.1"], **bgp)
    found = [name for name, _ in steps(cluster, build.deploy_all)]
    speaker = "Addresses | Announce addresses to routers"  # ready before, so that routers are without for a moment only
    assert found.index(speaker) < found.index(KEEPALIVED) < found.index(HOLDER)
    assert found.count(KEEPALIVED) == found.count(HOLDER) == 1


def test_steps_that_only_some_clusters_need_are_in_their_places(steps: Steps) -> None:
    """What nothing of is declared has no line in the output of a run."""
    pooled = {"pgbouncer_on": "haproxy", "vip_mode": "leader", "vip_write": ["10.0.0.100"]}
    found = [name for name, _ in steps(fake_cluster(roles=("postgres", "etcd", "haproxy"), **pooled), build.deploy_all)]
    order = [
        "HAProxy | Configure and start HAProxy",
        "Connection pools | Configure and start PgBouncer",
        KEEPALIVED,
        "Virtual addresses | Stop keepalived where it has no address",
        "Virtual addresses | Give addresses to the members",
        "What is not declared any more | Remove what is not declared any more",
    ]
    assert [name for name in found if name in order] == order


def test_nothing_stands_between_those_who_let_go_and_those_who_take(steps: Steps) -> None:
    """Meanwhile no host has the address."""
    given = {"pgbouncer_on": "haproxy", "vip_mode": "haproxy", "vip_write": ["10.0.0.100"], "vip_interface": "eth0"}
    found = [name for name, _ in steps(fake_cluster(roles=("postgres", "etcd", "haproxy"), **given), build.deploy_all)]
    assert found.index(KEEPALIVED) == found.index(HOLDER) + 1
