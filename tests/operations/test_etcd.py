"""How etcd is first started on a host: with all others, or, where a cluster exists, only by who lets it join."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.components.etcd import BOOTSTRAP, ENVIRONMENT
from cluster.declared.model import Cluster
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from operations import etcd
from operations.acts import etcd_first_start

DATA = "/var/lib/etcd/main/member"


class PicturedHost:
    """A host on which nothing lies but what is named, and etcd is down."""

    def __init__(self, name: str, *present: str) -> None:
        self.name, self.present = name, present
        self.noop_description: str | None = None

    def get_fact(self, _: Any, paths: list[str], units: dict[str, Any]) -> dict[str, Any]:
        directory = {"kind": "directory", "mode": "700", "user": "etcd", "group": "etcd"}
        down = {"active": "inactive", "needs_daemon_reload": False, "started_at": 0, "files_changed_at": 0}
        digests = {"files_digest": "", "loaded_digest": ""}
        seen = {path: directory if path in self.present else None for path in paths}
        return {"paths": seen, "units": dict.fromkeys(units, down | digests)}

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, text: str) -> None:
        """Not looked at here."""


def cluster(count: int = 3) -> Cluster:
    hosts = [DeclaredHost(f"db{n}", ("etcd", "postgres"), {"cluster_address": f"10.0.0.{n}"}, {}) for n in range(1, 4)]
    others = {"backup1": "backup", "lb1": "haproxy"}
    hosts = hosts[:count] + [
        DeclaredHost(name, (role,), {"cluster_address": f"10.0.0.{n}"}, {})
        for n, (name, role) in enumerate(others.items(), 8)
    ]
    return declared_clusters(hosts, {})[0]["main"]


def answers(monkeypatch: pytest.MonkeyPatch, members: list[Any] | None, written: str = "") -> list[list[str]]:
    """What etcd on the other hosts says, and what their bootstrap files do. Returns the list of whom is asked."""
    asked: list[list[str]] = []

    def read(nodes: Any, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append([node.name for node in nodes])
        return {node.name: {"members": members} for node in nodes}

    monkeypatch.setattr(etcd_first_start, "read", read)
    monkeypatch.setattr(etcd_first_start, "read_all", lambda nodes, _: {node.name: written for node in nodes})
    return asked


def run(host: PicturedHost, declared: Cluster) -> list[str]:
    with ctx_host.use(host):
        commands = list(etcd.member._inner(cluster=declared))
    texts = [f"{command.get_raw_value()} {command.connector_arguments.get('_stdin')!s}" for command in commands]
    contents = ["".join(map(str, command.connector_arguments.get("_stdin") or [])) for command in commands]
    return [text + content for text, content in zip(texts, contents, strict=True)]


def test_a_host_without_the_role_is_left_alone() -> None:
    host = PicturedHost("lb1")
    assert run(host, cluster()) == []
    assert host.noop_description == "no etcd on this host"


def test_the_repository_host_has_room_for_copies_of_snapshots_and_nothing_that_asks_etcd() -> None:
    commands = run(PicturedHost("backup1"), cluster())
    assert [text.partition(" ")[0] for text in commands] == ["install", "install"]
    assert "/var/lib/pyinfra-patroni/etcd-snapshots" in commands[-1]


def test_what_took_snapshots_on_a_repository_host_of_an_earlier_version_goes() -> None:
    units = [f"/etc/systemd/system/etcd-snapshot.{kind}" for kind in ("service", "timer")]
    commands = run(PicturedHost("backup1", *units), cluster())
    assert "systemctl disable --now --quiet etcd-snapshot.timer" in commands[-1]
    assert f"rm -f {' '.join(units)} /run/pyinfra-patroni/etcd-snapshot.timer" in commands[-1]


def test_while_there_is_no_cluster_all_form_it_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, None)
    commands = run(PicturedHost("db2"), cluster())
    assert asked == [["db1", "db3"]]
    (bootstrap,) = [text for text in commands if f"{BOOTSTRAP}" in text and "INITIAL_CLUSTER_STATE" in text]
    assert "ETCD_INITIAL_CLUSTER_STATE=new" in bootstrap
    assert "systemctl start --no-block etcd" in commands[-1]


def test_where_others_have_formed_a_cluster_it_is_configured_and_not_started(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [{"name": "db1"}])
    commands = run(PicturedHost("db2"), cluster())
    assert [text for text in commands if ENVIRONMENT in text]
    assert not [text for text in commands if "start --no-block etcd" in text or "INITIAL_CLUSTER_STATE" in text]


def test_a_cluster_that_was_formed_once_and_is_silent_now_is_not_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, None, written="existing")
    commands = run(PicturedHost("db2"), cluster())
    assert not [text for text in commands if "start --no-block etcd" in text or "INITIAL_CLUSTER_STATE=new" in text]


def test_with_data_of_its_own_it_is_started_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, None)
    commands = run(PicturedHost("db2", DATA), cluster())
    assert asked == []
    assert [text for text in commands if "ETCD_INITIAL_CLUSTER_STATE=existing" in text]
    assert not [text for text in commands if "ETCD_INITIAL_CLUSTER_STATE=new" in text]
    assert "systemctl start --no-block etcd" in commands[-1]


def test_a_single_member_has_nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, None)
    commands = run(PicturedHost("db1"), cluster(1))
    assert asked == []
    assert [text for text in commands if "ETCD_INITIAL_CLUSTER_STATE=new" in text]


def test_everything_is_written_before_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, None)
    commands = run(PicturedHost("db1"), cluster())
    starts = ["systemctl start" in text for text in commands]
    assert starts == [*(False for _ in commands[1:]), True]
