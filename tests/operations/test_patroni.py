"""Who may begin a cluster, and how the cluster's state is named when it does not settle."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import yaml
from pyinfra.context import ctx_host

from cluster.components.patroni import CONFIG, JOINING, config_of, patroni_component
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.secrets.secrets import NAMES, Secret
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from facts.patroni import PatroniCluster
from facts.postgres.tablespaces import PostgresTablespaces, TablespacePlaces
from operations import patroni, patroni_configuration
from operations.acts.commands import load_unit, write_files
from operations.acts.tablespaces import make_places
from tests.operations.written import contents_of
from tests.world.answers import line
from tests.world.component import file
from tests.world.etcd import QUESTIONS, etcd
from tests.world.hosts import changed, fake_cluster, run_operation
from tests.world.known import Act
from tests.world.patroni_world import PatroniWorld
from tests.world.world import Lines, answer

SECRETS = {name: Secret(f"Value-of-{name}") for name in NAMES}
BEGUN = {"/service/main/initialize": "7710602045269856473"}
BEGINNING = {"/service/main/initialize": ""}


class PicturedHost:
    """A host on which nothing lies, and Patroni is down."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.noop_description: str | None = None

    def get_fact(self, _: Any, paths: list[str], units: dict[str, Any]) -> dict[str, Any]:
        down = {"active": "inactive", "needs_daemon_reload": False, "started_at": 0, "files_changed_at": 0}
        digests = {"files_digest": "", "loaded_digest": ""}
        return {"paths": dict.fromkeys(paths), "units": dict.fromkeys(units, down | digests)}

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, text: str) -> None:
        """Not looked at here."""


def cluster() -> Cluster:
    hosts = [DeclaredHost(f"db{n}", ("etcd", "postgres"), {"cluster_address": f"10.0.0.{n}"}, {}) for n in (1, 2, 3)]
    return declared_clusters([*hosts, DeclaredHost("lb1", ("haproxy",), {"cluster_address": "10.0.0.9"}, {})], {})[0][
        "main"
    ]


def configuration_written(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    keys: dict[str, str] | None,
    *,
    planning: bool = False,
    made: list[tuple[str, bool]] | None = None,
) -> dict[str, Any]:
    """Run ``patroni.member`` on one host, and return what it writes into config.yml. + keys: what etcd says"""
    resources = {"memory_mib": 16384, "cores": 8, "disk_mib": 200_000, "patroni": "4.0.7-3"}

    def read(nodes: tuple[Node, ...], *_: Any, **asked: Any) -> dict[str, Any]:
        return {node.name: resources if "directory" in asked else {"keys": keys} for node in nodes}

    monkeypatch.setattr(patroni, "read", read)
    monkeypatch.setattr(patroni_configuration, "read_all", read)
    monkeypatch.setattr(patroni, "coordinator", lambda nodes: nodes[0])
    monkeypatch.setattr(patroni, "dry_run", lambda: planning)
    told: list[tuple[str, bool]] = [] if made is None else made
    monkeypatch.setattr(patroni, "make_places", lambda _, node, *, fresh: told.append((node.name, fresh)) or iter(()))
    with ctx_host.use(PicturedHost(name)):
        commands = list(patroni.member._inner(cluster=cluster(), secrets=SECRETS))
    written: dict[str, Any] = yaml.safe_load(contents_of(commands)[CONFIG])
    return written


def test_a_host_without_the_role_is_left_alone() -> None:
    host = PicturedHost("lb1")
    with ctx_host.use(host):
        assert list(patroni.member._inner(cluster=cluster(), secrets=SECRETS)) == []
    assert host.noop_description == "no PostgreSQL on this host"


def test_the_first_member_begins_while_etcd_knows_of_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bootstrap" in configuration_written(monkeypatch, "db1", {})


@pytest.mark.parametrize("name", ["db2", "db3"])
def test_no_other_member_ever_begins(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert "bootstrap" not in configuration_written(monkeypatch, name, {})


def test_nobody_begins_once_the_cluster_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bootstrap" not in configuration_written(monkeypatch, "db1", {**BEGUN, "/service/main/config": "{}"})


@pytest.mark.parametrize("keys", [BEGUN, BEGINNING])
def test_the_first_member_keeps_what_it_begins_with_until_then(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str]
) -> None:
    assert "bootstrap" in configuration_written(monkeypatch, "db1", keys)


def test_no_answer_of_etcd_is_not_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsafeError) as refused:
        configuration_written(monkeypatch, "db1", None)
    assert str(refused.value).partition("\n")[0] == "etcd does not say whether the cluster main exists"


def test_a_plan_on_fresh_hosts_needs_no_etcd(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "bootstrap" in configuration_written(monkeypatch, "db1", None, planning=True)


@pytest.mark.parametrize("name", ["db1", "db3"])
def test_a_member_that_joins_is_not_relied_on_before_it_streams(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    written = configuration_written(monkeypatch, name, {**BEGUN, "/service/main/config": "{}"})
    assert written["tags"] == {"clonefrom": True, "nofailover": True, "noloadbalance": True, "nosync": True}


def test_only_who_joins_without_data_gets_directories_for_tablespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host that no run has configured before whatever lies there is somebody else's."""
    made: list[tuple[str, bool]] = []
    configuration_written(monkeypatch, "db3", {**BEGUN, "/service/main/config": "{}"}, made=made)
    assert made == [("db3", True)]
    configuration_written(monkeypatch, "db2", {}, made=made)
    configuration_written(monkeypatch, "db1", BEGUN, made=made)
    assert made == [("db3", True)]


def test_the_members_that_form_a_cluster_together_are_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert configuration_written(monkeypatch, "db2", {})["tags"] == {"clonefrom": True}


class Marked(PatroniWorld):
    """
    Of h3 the tags are those of a member that joins.

    + joins: and so are those in its own file; + keeps: Patroni never takes the new ones; + asked_unmarked: it was asked
    """

    acts: ClassVar = {**PatroniWorld.acts, "write": write_files, "reload": load_unit}
    joins, keeps, asked_unmarked = True, False, False

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word not in ("write", "reload"):
            return super().obeyed(word, host, act)
        self.scripts.append((host, act.stdin or word))
        return None

    @answer(PatroniCluster)
    def _patroni(self, host: str, unmarked: Any = None, **asked: Any) -> Lines:
        self.marks["h3"] = {"tags": {"clonefrom": True, **JOINING}, "pending_restart": False}
        self.asked_unmarked = self.asked_unmarked or bool(unmarked)
        return super()._patroni(host, **asked)

    def _settled(self) -> bool:
        return not (self.asked_unmarked and self.keeps)

    @answer(HostComponent)
    def _component(self, host: str, **_: Any) -> Lines:
        node = fake_cluster().node(host)
        written = config_of(patroni_component(fake_cluster(), node, SECRETS, joins=self.joins))
        return file(CONFIG, written.content, "600|postgres|postgres")


def test_a_member_that_streams_is_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = formed(monkeypatch, joins=True)
    (written, (_, reloaded)) = world.scripts
    assert written[0] == "h3" and yaml.safe_load(written[1])["tags"] == {"clonefrom": True}
    assert reloaded == "reload"
    assert world.patches == [("h3", {"pyinfra-patroni": None})]


def test_a_mark_that_etcd_still_has_and_the_member_has_not_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    world = formed(monkeypatch, joins=False)
    assert (world.scripts, world.patches) == ([], [("h3", {"pyinfra-patroni": None})])
    assert world.asked_unmarked


def test_a_run_does_not_end_with_a_member_that_nobody_relies_on(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsafeError, match=r"^h3 streams, and is still marked as one that joins"):
        formed(monkeypatch, joins=True, keeps=True)


def formed(monkeypatch: pytest.MonkeyPatch, *, joins: bool, keeps: bool = False) -> Marked:
    """What ``patroni.formed`` does to the members. + joins, keeps: as ``Marked`` has them"""
    declared = fake_cluster()
    known = PatroniWorld.of(declared)
    world = Marked(known.names, known.config, known.leader)
    monkeypatch.setattr(patroni, "apply_component", lambda _: iter(()))
    world.joins, world.keeps = joins, keeps
    run_operation(monkeypatch, world, declared, patroni.formed, secrets=SECRETS)
    return world


def test_a_settled_cluster_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = fake_cluster()
    world = PatroniWorld.of(declared)
    monkeypatch.setattr(patroni, "apply_component", lambda _: iter(()))
    assert changed(run_operation(monkeypatch, world, declared, patroni.formed, secrets=SECRETS)) == []
    assert world.commands == []


class Forming(PatroniWorld):
    """The standbys stream once the leader, which is the first to be seen, has made slots for them."""

    def _settled(self) -> bool:
        return bool(self.patches)


def test_a_leader_that_has_just_begun_the_cluster_looks_at_once_for_those_that_wait_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = fake_cluster()
    known = PatroniWorld.of(declared)
    world = Forming(known.names, known.config, known.leader)
    monkeypatch.setattr(patroni, "apply_component", lambda *_: iter(()))
    run_operation(monkeypatch, world, declared, patroni.formed, secrets=SECRETS)
    assert world.patches == [(known.leader, {"pyinfra-patroni": None})]


class Lacking(PatroniWorld):
    """The cluster settles once h2 has the directory of a tablespace."""

    acts: ClassVar = {**PatroniWorld.acts, "make": make_places}

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word != "make":
            return super().obeyed(word, host, act)
        self.scripts.append((host, act.text))
        return None

    @answer(PostgresTablespaces)
    def _tablespaces(self, host: str, **_: Any) -> Lines:
        return ["/srv/a"]

    @answer(TablespacePlaces)
    def _places(self, host: str, **_: Any) -> Lines:
        return [line("/srv/a", "absent" if host == "h2" else "held")]

    def _settled(self) -> bool:
        return bool(self.scripts)


def test_members_of_a_cluster_that_begins_with_a_backup_get_its_tablespaces_directories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When they were started, no PostgreSQL could say which there are."""
    declared = fake_cluster()
    known = PatroniWorld.of(declared)
    world = Lacking(known.names, known.config, known.leader)
    for name in ("apply_component", "begun_again"):
        monkeypatch.setattr(patroni, name, lambda *_: iter(()))
    run_operation(monkeypatch, world, declared, patroni.formed, secrets=SECRETS)
    assert [host for host, _ in world.scripts] == ["h2"]


class Leaderless(PatroniWorld):
    """None of the members starts until the configuration was corrected."""

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        done = super().obeyed(word, host, act)
        if self.patches and not self.fatal:
            self.leader = "h1"
        return done

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        return etcd(fails=QUESTIONS)

    @answer(PostgresTablespaces)
    def _tablespaces(self, host: str, **_: Any) -> Lines:
        return []

    def _settled(self) -> bool:
        return self.leader is not None

    def _member(self, name: str) -> dict[str, Any]:
        fails = {} if self.leader else {"state": "start failed", "running": False, "streaming": False}
        return super()._member(name) | fails


def test_where_nobody_leads_the_configuration_is_corrected_before_a_leader_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = PatroniWorld.of(fake_cluster(postgres_parameters={"huge_pages": "on"}))
    world = Leaderless(known.names, known.config, None)
    monkeypatch.setattr(patroni, "apply_component", lambda *_: iter(()))
    declared = fake_cluster(postgres_parameters={"huge_pages": "try"})
    run_operation(monkeypatch, world, declared, patroni.formed, secrets=SECRETS)
    assert world.patches[0] == ("h1", {"postgresql": {"parameters": {"huge_pages": "try"}}})


def test_the_member_that_keeps_all_from_forming_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patroni, "FORMING_SECONDS", -1)
    known = PatroniWorld.of(fake_cluster())
    world = Leaderless(known.names, known.config, None)
    world.fatal = {"h2": 'could not access file "no_such_library": No such file or directory'}
    monkeypatch.setattr(patroni, "apply_component", lambda *_: iter(()))
    with pytest.raises(UnsafeError) as refused:
        run_operation(monkeypatch, world, fake_cluster(), patroni.formed, secrets=SECRETS)
    assert str(refused.value).startswith(
        "the cluster did not settle: h1 does not lead, and no other member does; h2's PostgreSQL ended with: "
        'could not access file "no_such_library": No such file or directory\nHINT: the last lines of h2 stand above; '
    )
