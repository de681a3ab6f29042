"""The last steps to a CA of etcd's own, on hosts that are pictures and take what is written to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import StringCommand
from pyinfra.context import ctx_host

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import ETCD, PATRONI_ETCD, CertificatePlace, leaf_request
from cluster.pki.issuers import leaf_sources
from cluster.pki.verdicts import Authority, public_key_digest
from cluster.verdicts.etcd_trust import Authorities, authorities, etcd_holders, etcd_places, keeps_former
from operations import etcd_trust
from operations.acts.act import Act
from operations.live import etcd_trust as etcd_trust_live
from tests.operations.test_certificates import FORMER_PATRONI, PicturedHost

ROLES = {
    "e1": ("etcd",),
    "pg1": ("postgres", "etcd"),
    "pg2": ("postgres",),
    "backup1": ("backup",),
    "lb1": ("haproxy",),
}


def cluster() -> Cluster:
    hosts = [
        DeclaredHost(name, roles, {"cluster_address": f"10.0.0.{n}"}, {})
        for n, (name, roles) in enumerate(ROLES.items(), 1)
    ]
    return declared_clusters(hosts, {})[0]["main"]


class World:
    """What lies at the places of etcd's certificates, and what a run does to it."""

    def __init__(self, directory: Path) -> None:
        self.cluster = cluster()
        self.sources = leaf_sources(self.cluster, directory)
        self.between: Authorities = authorities(self.sources)
        self.seen: dict[tuple[str, str], SeenCertificate] = {}
        self.done: list[str] = []
        signer = Authority.load_or_create(directory, "main")
        for node in etcd_holders(self.cluster):
            for place in etcd_places(self.cluster, node):
                asked = FORMER_PATRONI if place == PATRONI_ETCD else place
                leaf = signer.issue(leaf_request(self.cluster, node, asked))
                self.seen[node.name, place.certificate] = {
                    "pem": leaf.certificate_pem,
                    "key_digest": public_key_digest(leaf.certificate_pem),
                    "key_owner": f"{place.user}:600",
                    "authority": self.between.both,
                }

    def restarts(self, *_: Any) -> Iterator[str]:
        yield "restarts"

    def run(self, directory: Path, *, killed_after: int | None = None) -> None:
        """Run to the end, or until so many steps are done."""
        with ctx_host.use(PicturedHost("e1", {})):
            for count, step in enumerate(etcd_trust.own._inner(cluster=self.cluster, secrets_directory=directory), 1):
                self.take(step)
                self.refuse_strangers()
                if count == killed_after:
                    return

    def take(self, step: Any) -> None:
        if not isinstance(step, Act):
            self.done.append(str(step))
            return
        path = step.command.get_raw_value().rpartition(" ")[2]
        self.done.append(f"{step.node.name} {path}" if _content(step.command) else f"{step.node.name} shown")
        for place in (ETCD, PATRONI_ETCD):
            if path == place.certificate:
                text = _content(step.command)
                self.seen[step.node.name, path] |= {"pem": text[text.index("-----BEGIN CERTIFICATE") :]}
            if path == place.authority:
                self.seen[step.node.name, place.certificate] |= {"authority": _content(step.command)}

    def refuse_strangers(self) -> None:
        """At every moment all are believed by all of etcd's hosts, whose files may be loaded any time."""
        trusts = {self.between.trust(self.seen[node.name, ETCD.certificate]) for node in self.cluster.etcd}
        for one in self.seen.values():
            assert trusts <= ({"both", "own"} if self.between.is_own(one) else {"both"})


def _content(command: StringCommand) -> str:
    return "".join(map(str, command.connector_arguments.get("_stdin", ())))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World(tmp_path)
    monkeypatch.setattr(etcd_trust, "held", lambda _: dict(made.seen))
    monkeypatch.setattr(etcd_trust, "dry_run", lambda: False)
    monkeypatch.setattr(etcd_trust, "acts_for", lambda _: True)
    monkeypatch.setattr(etcd_trust, "in_this_run", tuple)
    monkeypatch.setattr(etcd_trust, "refuse_unloaded", lambda _: None)
    monkeypatch.setattr(etcd_trust, "restarts", made.restarts)
    etcd_trust_live._between.add("main")
    yield made
    etcd_trust_live._between.clear()


def test_certificates_first_and_when_all_have_theirs_the_trust_and_restarts_last(world: World, tmp_path: Path) -> None:
    world.run(tmp_path)
    assert world.done == [
        *("pg1 shown", "pg1 /etc/patroni/pki/patroni.crt", "pg2 shown", "pg2 /etc/patroni/pki/patroni.crt"),
        *("e1 /etc/etcd/pki/etcd.crt", "pg1 /etc/etcd/pki/etcd.crt"),
        *("pg1 /etc/patroni/pki/ca.crt", "pg2 /etc/patroni/pki/ca.crt"),
        *("e1 /etc/etcd/pki/ca.crt", "pg1 /etc/etcd/pki/ca.crt"),
        "restarts",
    ]
    assert all(world.between.is_settled(one) and one["authority"] == world.between.own for one in world.seen.values())


def test_killed_after_any_step_the_next_run_goes_on(world: World, tmp_path: Path) -> None:
    for count in range(1, 10):
        begun = World(tmp_path)
        world.seen, world.done = begun.seen, []
        world.run(tmp_path, killed_after=count)
        world.run(tmp_path)
        assert all(world.between.is_settled(one) for one in world.seen.values()), count


def test_nothing_is_asked_where_no_host_was_seen_between(world: World, tmp_path: Path) -> None:
    etcd_trust_live._between.clear()
    world.run(tmp_path)
    assert world.done == []


def test_while_a_host_is_left_out_nothing_is_taken_from_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(etcd_trust, "in_this_run", lambda nodes: tuple(node for node in nodes if node.name != "pg2"))
    world.run(tmp_path)
    assert world.done == []


def test_a_host_that_does_not_trust_the_new_ca_yet_is_a_refusal(world: World, tmp_path: Path) -> None:
    world.seen["pg2", PATRONI_ETCD.certificate] |= {"authority": world.between.former}
    with pytest.raises(UnsafeError, match=r"^pg2 does not trust etcd's own CA yet\nHINT: "):
        world.run(tmp_path)
    assert world.done == []


def test_nobody_but_etcd_s_hosts_and_members_has_a_certificate_that_etcd_believes() -> None:
    listed = {node.name: [place.component for place in etcd_places(cluster(), node)] for node in cluster()}
    members = {"pg1": ["etcd", "patroni-etcd"], "pg2": ["patroni-etcd"]}
    assert listed == {"e1": ["etcd"], **members, "backup1": [], "lb1": []}


# --- what a place keeps of the former CA ---


def state(world: World, node: Node, place: CertificatePlace, trust: str, leaf: str) -> SeenCertificate:
    texts = {"absent": None, "former": world.between.former, "both": world.between.both, "own": world.between.own}
    source = {"former": world.sources["cluster"], "own": world.sources["etcd"]}.get(leaf)
    pem = None if source is None else source.leaf(node, ETCD).certificate_pem
    return {"pem": pem, "key_digest": "", "key_owner": "", "authority": texts[trust]}


@pytest.mark.parametrize(
    "mine, others, keeps",
    [
        (("absent", ""), [], False),  # a fresh cluster
        (("absent", ""), [("absent", "")], False),
        (("former", "former"), [], True),  # the only place there is
        (("former", "former"), [("former", "former")], True),
        (("both", "former"), [("both", "former")], True),
        (("absent", ""), [("former", "former")], True),
        (("absent", ""), [("both", "former"), ("both", "own")], True),
        (("absent", ""), [("both", "own")], False),
        (("absent", ""), [("own", "own"), ("both", "own")], False),
        (("both", "own"), [("both", "former")], False),
        (("both", ""), [("both", "former")], True),
        (("own", ""), [("own", "own")], False),
        (("former", "former"), [("own", "own")], False),  # a host that comes back after the change
        (("foreign", "former"), [("former", "former")], True),
    ],
)
def test_a_place_keeps_the_former_ca_as_long_as_others_need_it(
    world: World, mine: tuple[str, str], others: list[tuple[str, str]], keeps: bool
) -> None:
    node = world.cluster.node("pg1")
    made = [
        state(world, node, ETCD, trust if trust != "foreign" else "absent", leaf) for trust, leaf in (mine, *others)
    ]
    if mine[0] == "foreign":
        made[0] |= {"authority": "garbage"}
    assert world.between.trust(made[0]) == mine[0]
    assert keeps_former(world.between, made[0], made[1:]) is keeps
