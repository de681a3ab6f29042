"""A cluster that begins with a backup, another one's or its own: in which order, what is refused, and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.pki.verdicts import Authority
from cluster.plans.restore.target import Target
from cluster.secrets.secrets import NAMES, Secret
from facts.etcd import EtcdCluster
from facts.pgbackrest import PgbackrestInfo
from operations.acts.component import written
from operations.runs.restore import new_cluster
from operations.runs.restore.new_cluster import report, restore_from_source
from tests.world.etcd import QUESTIONS, etcd
from tests.world.hosts import run_operation
from tests.world.known import Act
from tests.world.repository import info
from tests.world.restore_world import INFO, RestoreWorld
from tests.world.world import Lines, answer

LATEST = Target("latest")
SECRETS = {name: Secret(f"value of {name}") for name in NAMES}
EMPTY = {"name": "copy", "db": [], "status": {"code": 1, "message": "missing stanza path"}, "archive": [], "backup": []}
RESTORED = ["note c1", "access c1", "program c1", "spaces c1", "roles c1", "restore c1"]


@dataclass
class NewWorld(RestoreWorld):
    """
    The hosts of a cluster that has a backup, ``shop``, and those of one that is about to begin, ``copy``.

    + begins: the cluster of which hosts are told to do something
    + begun_clusters: those that etcd knows; + mute: hosts whose etcd does not answer
    + stanzas: what each cluster's repository says
    + written: of the access to the source's repository, by path; + secret: what roles the data get
    """

    acts: ClassVar = {**RestoreWorld.acts, "access": written}

    begins: str = "copy"
    begun_clusters: set[str] = field(default_factory=lambda: {"shop"})
    mute: set[str] = field(default_factory=set)
    stanzas: dict[str, Any] = field(default_factory=lambda: {"shop": {**INFO, "name": "shop"}, "copy": EMPTY})
    written: dict[str, str] = field(default_factory=dict)
    roles: str = ""

    def told(self, host: str, act: Act) -> Lines:
        """See World."""
        assert host[0] == self.begins[0], f"the source was touched on {host}: {act.text[:100]}"
        return super().told(host, act)

    def noted(self, word: str, host: str, act: Act) -> None:
        """The access is of several files."""
        if word != "access" or f"access {host}" not in self.done:
            super().noted(word, host, act)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "access":
            self.written |= act.files
        if word == "roles":
            (self.roles,) = act.files.values()
        return super().obeyed(word, host, act)

    @answer(PgbackrestInfo)
    def _info(self, host: str, stanza: str = "", **_: Any) -> Lines:
        return info(self.stanzas[stanza])

    @answer(EtcdCluster)
    def _etcd(self, host: str, **_: Any) -> Lines:
        name = "shop" if host.startswith("s") else "copy"
        keys = {f"/service/{name}/config": "{}"} if name in self.begun_clusters else {}
        return etcd(keys=keys, fails=QUESTIONS if host in self.mute else ())


def clusters() -> dict[str, Cluster]:
    roles = {"1": ("postgres", "etcd"), "2": ("postgres",), "4": ("backup",)}
    hosts = [
        DeclaredHost(f"{name[0]}{n}", given, {"cluster_address": f"10.{net}.0.{n}", "cluster_name": name}, {})
        for net, name in enumerate(("shop", "copy"))
        for n, given in roles.items()
    ]
    found, findings = declared_clusters(hosts, {})
    assert findings == []
    return found


@pytest.fixture
def secrets_of_source(tmp_path: Path) -> Path:
    for stem in ("ca", "pgbackrest-ca", "etcd-ca", "members-ca"):
        Authority.load_or_create(tmp_path / "shop", "shop", stem)
    return tmp_path / "shop"


def begin(
    monkeypatch: pytest.MonkeyPatch, world: NewWorld, secrets: Path, name: str = "copy", target: Target = LATEST
) -> list[str]:
    known = clusters()
    cluster, source = known[name], known["shop"]
    others = [node.name for one in known.values() for node in one if one is not cluster]
    said = {"source": source, "target": target, "secrets": SECRETS, "source_secrets": secrets}
    run_operation(monkeypatch, world, cluster, restore_from_source, others=others, **said)
    return world.done


def refusal(monkeypatch: pytest.MonkeyPatch, world: NewWorld, secrets: Path, **said: Any) -> str:
    with pytest.raises(UnsafeError) as refused:
        begin(monkeypatch, world, secrets, **said)
    assert world.done == []
    return str(refused.value)


def test_the_first_member_is_restored_before_any_patroni_runs(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    world = NewWorld()
    assert begin(monkeypatch, world, secrets_of_source) == RESTORED
    assert "/etc/pgbackrest/source/client.key" in world.written
    assert all(f'alter role "{role}"' in world.roles or f"alter role {role}" in world.roles for role in
               ("postgres", "replicator", "rewind"))  # fmt: skip
    assert "SCRAM-SHA-256$" in world.roles and "value of" not in world.roles


def test_what_a_run_before_has_restored_is_not_restored_again(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    world = NewWorld()
    begin(monkeypatch, world, secrets_of_source)
    world.done.clear()
    assert begin(monkeypatch, world, secrets_of_source) == []
    world.begun_clusters.add("copy")  # it led, and the run was cut off before the end
    assert begin(monkeypatch, world, secrets_of_source) == []
    known = clusters()
    others = [node.name for node in known["shop"]]
    run_operation(monkeypatch, world, known["copy"], report, others=others)
    assert world.done == ["over c1"] and world.orders == {}
    world.done.clear()
    run_operation(monkeypatch, world, known["copy"], report, others=others)
    assert world.done == []


def test_a_cluster_that_exists_does_not_begin_again(monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path) -> None:
    world = NewWorld(begun_clusters={"shop", "copy"})
    assert refusal(monkeypatch, world, secrets_of_source) == (
        "the cluster copy exists\nHINT: without --data source it is taken back in place."
    )


def test_not_knowing_whether_it_exists_is_not_an_answer(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    said = refusal(monkeypatch, NewWorld(mute={"c1"}), secrets_of_source)
    assert said.startswith("etcd does not say whether copy exists\nHINT: ")


def test_a_source_that_is_gone_for_good_speaks_by_its_backups(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    assert begin(monkeypatch, NewWorld(mute={"s1"}), secrets_of_source) == RESTORED


def test_backups_of_another_life_are_not_gone_on_with(monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path) -> None:
    world = NewWorld()
    world.stanzas["copy"] = {**INFO, "name": "copy"}
    said = refusal(monkeypatch, world, secrets_of_source)
    assert "copy" in said and "\nHINT: " in said


def test_a_source_without_a_backup_is_none(monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path) -> None:
    world = NewWorld()
    world.stanzas["shop"] = {**INFO, "name": "shop", "backup": []}
    assert refusal(monkeypatch, world, secrets_of_source) == (
        "copy does not begin with a backup now: there is no backup of shop\n"
        "HINT: run deploys/backup.py for it first; nothing was changed."
    )


def test_a_cluster_whose_hosts_were_all_lost_begins_with_its_own_backup(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    """It needs no access to another one's repository, and its own archive is no other life of it."""
    world = NewWorld(begun_clusters=set(), begins="shop")
    done = begin(monkeypatch, world, secrets_of_source, name="shop")
    assert done == [act.replace("c1", "s1") for act in RESTORED if not act.startswith("access")]
    assert world.written == {}


def test_a_unit_that_fails_ends_the_run_with_its_words(
    monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path
) -> None:
    world = NewWorld(fails="no space left on device")
    with pytest.raises(UnsafeError, match="the restore of c1 failed: no space left on device"):
        begin(monkeypatch, world, secrets_of_source)


def test_the_plan_touches_nothing(monkeypatch: pytest.MonkeyPatch, secrets_of_source: Path) -> None:
    monkeypatch.setattr(new_cluster, "dry_run", lambda: True)
    monkeypatch.setattr(new_cluster, "decide_later", lambda what: iter(()))
    assert begin(monkeypatch, NewWorld(), secrets_of_source) == []
