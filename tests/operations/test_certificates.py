"""What ``certificates.issued`` does for what lies on a host, with real certificates and a host that is a picture."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.certificates import ETCD, HAPROXY, SOURCE, certificate_places, leaf_request
from cluster.declaration import DeclaredHost, declared_clusters
from cluster.errors import UnsafeError
from cluster.model import Cluster
from cluster.pki import Authority, public_key_digest, renewal_reason
from cluster.pki_pem import certificates_in
from cluster.render_standby import TRUST
from facts.host import HostComponent
from operations.certificates import issued, lent
from tests.cluster.test_standby import both


class PicturedHost:
    """A host whose only fact is a picture."""

    def __init__(self, name: str, picture: dict[str, Any]) -> None:
        self.name, self.picture = name, picture
        self.noop_description: str | None = None
        self.logged: list[str] = []

    def get_fact(self, *_: Any, **__: Any) -> dict[str, Any]:
        return self.picture

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, text: str) -> None:
        self.logged.append(text)


def cluster() -> Cluster:
    roles = {"pg1": ("postgres", "etcd", "haproxy"), "backup1": ("backup",)}
    hosts = [DeclaredHost(name, roles[name], {"cluster_address": f"10.0.0.{i}"}, {}) for i, name in enumerate(roles, 1)]
    return declared_clusters(hosts, {})[0]["main"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.load_or_create(tmp_path, "main")


def valid(authority: Authority, now: datetime | None = None) -> dict[str, Any]:
    """What a finished run leaves on pg1. + now: when it was"""
    node, picture = cluster().node("pg1"), {}
    for place in certificate_places(cluster(), node):
        leaf = authority.issue(leaf_request(cluster(), node, place), now=now)
        picture[place.certificate] = {
            "pem": leaf.certificate_pem + (leaf.key_pem if place.bundle else ""),
            "key_digest": public_key_digest(leaf.certificate_pem),
            "key_owner": f"{place.user}:600",
            "authority": authority.trust_pem,
        }
    return picture


def absent() -> dict[str, Any]:
    nothing = {"pem": None, "key_digest": "", "key_owner": "", "authority": None}
    return {place.certificate: nothing for place in certificate_places(cluster(), cluster().node("pg1"))}


def run(host: PicturedHost, directory: Path) -> list[Any]:
    with ctx_host.use(host):
        return list(issued._inner(cluster=cluster(), secrets_directory=directory))


def written(commands: list[Any]) -> list[str]:
    """The paths that the commands make or replace, in order."""
    return [command.get_raw_value().rpartition(" ")[2] for command in commands]


def test_nothing_to_do_where_all_are_valid(tmp_path: Path, authority: Authority) -> None:
    host = PicturedHost("pg1", valid(authority))
    assert run(host, tmp_path) == []
    assert host.noop_description == "all certificates are valid and fit their keys"


def test_a_fresh_host_gets_directories_then_keys_then_certificates_then_the_ca(tmp_path: Path) -> None:
    paths = written(run(PicturedHost("pg1", absent()), tmp_path))
    assert sorted(paths[:5]) == [
        *("/etc/etcd/pki", "/etc/haproxy/pki", "/etc/patroni/pki", "/etc/pgbackrest/pki", "/etc/postgresql/pki"),
    ]
    assert paths[5:] == [
        "/etc/etcd/pki/etcd.key",
        "/etc/etcd/pki/etcd.crt",
        "/etc/patroni/pki/patroni.key",
        "/etc/patroni/pki/patroni.crt",
        "/etc/postgresql/pki/postgres.key",
        "/etc/postgresql/pki/postgres.crt",
        "/etc/haproxy/pki/haproxy.pem",
        "/etc/pgbackrest/pki/pgbackrest.key",
        "/etc/pgbackrest/pki/pgbackrest.crt",
        "/etc/etcd/pki/ca.crt",
        "/etc/patroni/pki/ca.crt",
        "/etc/postgresql/pki/ca.crt",
        "/etc/haproxy/pki/ca.crt",
        "/etc/pgbackrest/pki/ca.crt",
    ]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"key_digest": "0"}, "new certificate for etcd: it does not fit its private key"),
        ({"key_owner": "root:644"}, "new certificate for etcd: its key is root:644, not etcd:600"),
        ({"pem": "garbage"}, "new certificate for etcd: unreadable"),
    ],
)
def test_one_that_cannot_be_used_is_replaced_and_no_other(
    change: dict[str, str], reason: str, tmp_path: Path, authority: Authority
) -> None:
    picture = valid(authority)
    picture[ETCD.certificate] |= change
    host = PicturedHost("pg1", picture)
    assert written(run(host, tmp_path)) == ["/etc/etcd/pki", ETCD.key, ETCD.certificate]
    assert host.logged == [reason]


def test_a_bundle_is_one_file(tmp_path: Path, authority: Authority) -> None:
    picture = valid(authority)
    picture[HAPROXY.certificate] |= {"pem": None}
    commands = run(PicturedHost("pg1", picture), tmp_path)
    assert written(commands) == ["/etc/haproxy/pki", "/etc/haproxy/pki/haproxy.pem"]
    (content,) = commands[1].connector_arguments["_stdin"]
    assert content.count("BEGIN CERTIFICATE") == content.count("BEGIN PRIVATE KEY") == 1


def test_one_in_its_last_third_is_renewed(tmp_path: Path, authority: Authority) -> None:
    host = PicturedHost("pg1", valid(authority, datetime.now(UTC) - timedelta(days=260)))
    commands = written(run(host, tmp_path))
    assert len(commands) == 5 + 9
    assert all("less than a third of its life left" in line for line in host.logged)


def test_another_ca_on_the_host_is_refused(tmp_path: Path, authority: Authority) -> None:
    picture = valid(authority)
    picture[ETCD.certificate] |= {"authority": "another"}
    with pytest.raises(UnsafeError) as refused:
        run(PicturedHost("pg1", picture), tmp_path)
    assert str(refused.value) == (
        "pg1 trusts another CA than the declared one (/etc/etcd/pki/ca.crt)\n"
        "HINT: use the .secrets directory of the machine that built the cluster; a living cluster keeps its CA."
    )


def test_an_absent_ca_is_written(tmp_path: Path, authority: Authority) -> None:
    picture = valid(authority)
    picture[ETCD.certificate] |= {"authority": None}
    assert written(run(PicturedHost("pg1", picture), tmp_path)) == ["/etc/etcd/pki", ETCD.authority]


def test_no_key_is_in_a_command_line_or_printed(tmp_path: Path) -> None:
    commands = run(PicturedHost("pg1", absent()), tmp_path)
    text = "".join(command.get_raw_value() for command in commands) + repr(
        [command.connector_arguments for command in commands]
    )
    assert "PRIVATE KEY" not in text
    assert base64.b64encode(b"PRIVATE KEY").decode() not in text


class StandbyHost(PicturedHost):
    """A member of a standby cluster: its files besides its certificates."""

    def __init__(self, name: str, files: dict[str, Any], client: dict[str, Any]) -> None:
        super().__init__(name, client)
        self.files = files

    def get_fact(self, fact: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        return self.files if fact is HostComponent else self.picture


def lend(host: StandbyHost, own: Path, source: Path) -> list[Any]:
    with ctx_host.use(host):
        return list(lent._inner(cluster=both()[1], secrets_directory=own, source_secrets=source))


def test_a_standby_trusts_both_and_comes_to_the_repository_under_its_own_name(tmp_path: Path) -> None:
    own, source = (Authority.load_or_create(tmp_path / name, name) for name in ("dr", "shop"))
    nothing = {SOURCE.certificate: {"pem": None, "key_digest": "", "key_owner": "", "authority": None}}
    fresh = StandbyHost("d1", {"paths": {TRUST: None}, "units": {}}, nothing)
    commands = lend(fresh, tmp_path / "dr", tmp_path / "shop")
    assert written(commands) == [TRUST, SOURCE.directory, SOURCE.key, SOURCE.certificate, SOURCE.authority]
    contents = [str(*command.connector_arguments.get("_stdin", ("",))) for command in commands]
    files = dict(zip(written(commands), contents, strict=True))
    assert certificates_in(files[TRUST]) == certificates_in(own.trust_pem + source.trust_pem)
    assert len(certificates_in(files[TRUST])) == 2
    shop, dr = both()
    request = leaf_request(shop, dr.node("d1"), SOURCE)
    assert request.common_name == "d1" and request.client
    assert renewal_reason(files[SOURCE.certificate], request, source, datetime.now(UTC)) is None


def test_lent_once_nothing_is_done(tmp_path: Path) -> None:
    own, source = (Authority.load_or_create(tmp_path / name, name) for name in ("dr", "shop"))
    shop, dr = both()
    leaf = source.issue(leaf_request(shop, dr.node("d1"), SOURCE))
    bundle = own.trust_pem.rstrip("\n") + "\n" + source.trust_pem
    seen = {"kind": "file", "mode": "644", "user": "postgres", "group": "postgres"}
    files = {"paths": {TRUST: {**seen, "sha256": sha256(bundle.encode()).hexdigest()}}, "units": {}}
    key = {"key_digest": public_key_digest(leaf.certificate_pem), "key_owner": "postgres:600"}
    client = {SOURCE.certificate: {"pem": leaf.certificate_pem, **key, "authority": source.trust_pem}}
    assert lend(StandbyHost("d1", files, client), tmp_path / "dr", tmp_path / "shop") == []
