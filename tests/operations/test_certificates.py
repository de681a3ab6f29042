"""What ``certificates.issued`` does for what lies on a host, with real certificates and a host that is a picture."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.components.all import certificate_places
from cluster.components.standby_cluster import TRUST
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import (
    ETCD,
    HAPROXY,
    MEMBERSHIP,
    PATRONI,
    PATRONI_ETCD,
    POSTGRES,
    SOURCE,
    CertificatePlace,
    Issuer,
    leaf_request,
)
from cluster.pki.issuers import OWN_AUTHORITIES
from cluster.pki.pem import certificates_in
from cluster.pki.verdicts import Authority, describe, public_key_digest, renewal_reason
from facts.host import HostComponent
from operations import certificates
from operations.certificates import issued, trust_source
from operations.live import etcd_trust
from tests.cluster.declared.test_standby_clusters import both
from tests.operations.written import contents_of, paths_made

LOST = Authority.of_plan(Path("/nonexistent"), "main etcd")  # a CA of etcd's whose files nobody has any more


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


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[tuple[str, str], SeenCertificate]]:
    """What lies at the places of etcd's certificates of all hosts; empty unless a test puts something there."""
    there: dict[tuple[str, str], SeenCertificate] = {}
    monkeypatch.setattr(etcd_trust, "held", lambda _: there)
    monkeypatch.setattr(certificates, "dry_run", lambda: False)
    yield there
    etcd_trust._between.clear()


def authorities(directory: Path) -> dict[Issuer, Authority]:
    """The cluster's CA, and those that are always ours."""
    own = {one: Authority.load_or_create(directory, f"main {one}", stem) for one, stem in OWN_AUTHORITIES.items()}
    return {"cluster": Authority.load_or_create(directory, "main"), **own}


def valid(directory: Path, now: datetime | None = None) -> dict[str, Any]:
    """What a finished run leaves on pg1. + now: when it was"""
    signers = authorities(directory)
    places = certificate_places(cluster(), cluster().node("pg1"))
    found = {place.certificate: shown(signers[place.issuer], place, now) for place in places}
    # PostgreSQL's has the members' CA in it, too.
    for place in (POSTGRES, *MEMBERSHIP):
        found[place.certificate]["authority"] = signers["cluster"].trust_pem + signers["members"].trust_pem
    return found


def shown(signer: Authority, place: CertificatePlace, now: datetime | None = None) -> dict[str, Any]:
    """A certificate on pg1, and the CA file beside it."""
    leaf = signer.issue(leaf_request(cluster(), cluster().node("pg1"), place), now=now)
    return {
        "pem": leaf.certificate_pem + (leaf.key_pem if place.bundle else ""),
        "key_digest": public_key_digest(leaf.certificate_pem),
        "key_owner": f"{place.user}:600",
        "authority": signer.trust_pem,
    }


def absent() -> dict[str, Any]:
    nothing = {"pem": None, "key_digest": "", "key_owner": "", "authority": None}
    return {place.certificate: nothing for place in certificate_places(cluster(), cluster().node("pg1"))}


def run(host: PicturedHost, directory: Path) -> list[Any]:
    with ctx_host.use(host):
        return list(issued._inner(cluster=cluster(), secrets_directory=directory))


def written(commands: list[Any]) -> list[str]:
    """The directories and certificates that the commands make or replace, in order; a key comes with its own."""
    return [path for path in paths_made(commands) if not path.endswith(".key")]


def test_nothing_to_do_where_all_are_valid(tmp_path: Path) -> None:
    host = PicturedHost("pg1", valid(tmp_path))
    assert run(host, tmp_path) == []
    assert host.noop_description == "all certificates are valid and fit their keys"


def test_a_fresh_host_gets_directories_then_keys_with_certificates_then_the_ca(tmp_path: Path) -> None:
    *commands, reload = run(PicturedHost("pg1", absent()), tmp_path)
    assert "kill -HUP" in reload.get_raw_value(), "a PostgreSQL that runs believes its members from now on"
    paths = written(commands)
    assert sorted(paths[:7]) == [
        *("/etc/etcd/pki", "/etc/haproxy/pki", "/etc/patroni/pki", "/etc/patroni/rest"),
        *("/etc/pgbackrest/pki", "/etc/pgbackrest/server", "/etc/postgresql/pki"),
    ]
    assert paths[7:] == [
        "/etc/pgbackrest/pki/pgbackrest.crt",
        "/etc/pgbackrest/server/server.crt",
        "/etc/patroni/rest/patroni.crt",
        "/etc/postgresql/pki/postgres.crt",
        "/etc/postgresql/pki/replicator.crt",
        "/etc/postgresql/pki/rewind.crt",
        "/etc/haproxy/pki/haproxy.pem",
        "/etc/etcd/pki/etcd.crt",
        "/etc/patroni/pki/patroni.crt",
        "/etc/pgbackrest/pki/ca.crt",
        "/etc/pgbackrest/server/ca.crt",
        "/etc/patroni/rest/ca.crt",
        "/etc/postgresql/pki/ca.crt",
        "/etc/haproxy/pki/ca.crt",
        "/etc/etcd/pki/ca.crt",
        "/etc/patroni/pki/ca.crt",
    ]


@pytest.mark.parametrize(
    "change, reason",
    [
        ({"key_digest": "0"}, "new certificate for etcd: it does not fit its private key"),
        ({"key_owner": "root:644"}, "new certificate for etcd: its key is root:644, not etcd:600"),
        ({"pem": "garbage"}, "new certificate for etcd: unreadable"),
    ],
)
def test_one_that_cannot_be_used_is_replaced_and_no_other(change: dict[str, str], reason: str, tmp_path: Path) -> None:
    picture = valid(tmp_path)
    picture[ETCD.certificate] |= change
    host = PicturedHost("pg1", picture)
    assert written(run(host, tmp_path)) == ["/etc/etcd/pki", ETCD.certificate]
    assert host.logged == [reason]


def test_a_bundle_is_one_file(tmp_path: Path) -> None:
    picture = valid(tmp_path)
    picture[HAPROXY.certificate] |= {"pem": None}
    commands = run(PicturedHost("pg1", picture), tmp_path)
    assert written(commands) == ["/etc/haproxy/pki", "/etc/haproxy/pki/haproxy.pem"]
    content = contents_of(commands)["/etc/haproxy/pki/haproxy.pem"]
    assert content.count("BEGIN CERTIFICATE") == content.count("BEGIN PRIVATE KEY") == 1


def test_one_in_its_last_third_is_renewed(tmp_path: Path) -> None:
    host = PicturedHost("pg1", valid(tmp_path, datetime.now(UTC) - timedelta(days=260)))
    commands = written(run(host, tmp_path))
    assert len(commands) == 7 + 9
    assert all("less than a third of its life left" in line for line in host.logged)


@pytest.mark.parametrize("stranger", ["another", LOST.trust_pem])
def test_another_ca_on_the_host_is_refused(stranger: str, tmp_path: Path) -> None:
    picture = valid(tmp_path)
    picture[ETCD.certificate] |= {"authority": stranger}
    with pytest.raises(UnsafeError) as refused:
        run(PicturedHost("pg1", picture), tmp_path)
    assert str(refused.value) == (
        "pg1 trusts another CA than the declared one (/etc/etcd/pki/ca.crt)\n"
        "HINT: use the .secrets directory of the machine that built the cluster; a living cluster keeps its CA."
    )


def test_another_ca_of_etcd_s_is_refused_before_one_is_made(tmp_path: Path) -> None:
    picture = valid(tmp_path)
    for file in tmp_path.glob("etcd-ca.*"):
        file.unlink()
    with pytest.raises(UnsafeError, match=r"^pg1 trusts another CA than the declared one \(/etc/etcd/pki/ca.crt\)"):
        run(PicturedHost("pg1", picture), tmp_path)
    assert not list(tmp_path.glob("etcd-ca*"))


def test_an_absent_ca_is_written(tmp_path: Path) -> None:
    picture = valid(tmp_path)
    picture[ETCD.certificate] |= {"authority": None}
    assert written(run(PicturedHost("pg1", picture), tmp_path)) == ["/etc/etcd/pki", ETCD.authority]


def test_no_key_is_in_a_command_line_or_printed(tmp_path: Path) -> None:
    commands = run(PicturedHost("pg1", absent()), tmp_path)
    text = "".join(command.get_raw_value() for command in commands) + repr(
        [command.connector_arguments for command in commands]
    )
    assert "PRIVATE KEY" not in text
    assert base64.b64encode(b"PRIVATE KEY").decode() not in text


FORMER_PATRONI = etcd_trust.FORMER_PATRONI


def former(directory: Path) -> dict[str, Any]:
    """What a finished run of an earlier version leaves on pg1: one CA for everything, and no place for REST alone."""
    signer = authorities(directory)["cluster"]
    return valid(directory) | {
        ETCD.certificate: shown(signer, ETCD),
        PATRONI_ETCD.certificate: shown(signer, FORMER_PATRONI),
        PATRONI.certificate: absent()[PATRONI.certificate],
    }


def everywhere(there: dict[tuple[str, str], SeenCertificate], name: str, picture: dict[str, Any]) -> None:
    """Let a host be seen by the others, too."""
    there.update({(name, place.certificate): picture[place.certificate] for place in (ETCD, PATRONI_ETCD)})


def contents(commands: list[Any]) -> dict[str, str]:
    """What the commands write, by path; nothing for a directory."""
    return {path: contents_of(commands).get(path, "") for path in written(commands)}


def trusting_both(directory: Path) -> str:
    signers = authorities(directory)
    return signers["etcd"].trust_pem + signers["cluster"].trust_pem


def test_a_host_of_an_earlier_version_first_trusts_both_and_keeps_its_certificates(tmp_path, elsewhere) -> None:
    picture = former(tmp_path)
    everywhere(elsewhere, "pg1", picture)
    files = contents(run(PicturedHost("pg1", picture), tmp_path))
    assert set(files) == {
        *("/etc/etcd/pki", ETCD.authority, "/etc/patroni/pki", PATRONI_ETCD.authority),
        *("/etc/patroni/rest", PATRONI.certificate, PATRONI.authority),
    }
    assert files[ETCD.authority] == files[PATRONI_ETCD.authority] == trusting_both(tmp_path)
    assert files[PATRONI.authority] == authorities(tmp_path)["cluster"].trust_pem
    assert etcd_trust.is_between(cluster())


def test_then_nothing_is_done_before_all_have_loaded_that(tmp_path, elsewhere) -> None:
    picture = former(tmp_path) | {PATRONI.certificate: valid(tmp_path)[PATRONI.certificate]}
    for place in (ETCD, PATRONI_ETCD):
        picture[place.certificate] |= {"authority": trusting_both(tmp_path)}
    everywhere(elsewhere, "pg1", picture)
    host = PicturedHost("pg1", picture)
    assert run(host, tmp_path) == []
    assert etcd_trust.is_between(cluster())


def test_a_host_that_joins_meanwhile_gets_what_the_others_believe(tmp_path, elsewhere) -> None:
    everywhere(elsewhere, "pg2", former(tmp_path))
    files = contents(run(PicturedHost("pg1", absent()), tmp_path))
    assert files[ETCD.authority] == files[PATRONI_ETCD.authority] == trusting_both(tmp_path)
    for place in (ETCD, PATRONI_ETCD):
        found = describe(files[place.certificate])
        assert (found.issuer_cn, found.server, found.client) == ("main CA", True, True)


@pytest.mark.parametrize("trusts_both", [False, True])
def test_a_host_that_joins_afterwards_gets_one_of_etcd_s_own_ca(trusts_both: bool, tmp_path, elsewhere) -> None:
    there = valid(tmp_path)
    if trusts_both:
        there[ETCD.certificate] |= {"authority": trusting_both(tmp_path)}
    everywhere(elsewhere, "pg2", there)
    files = contents(run(PicturedHost("pg1", absent()), tmp_path))
    assert files[ETCD.authority] == authorities(tmp_path)["etcd"].trust_pem
    assert {describe(files[place.certificate]).issuer_cn for place in (ETCD, PATRONI_ETCD)} == {"main etcd CA"}


def test_the_certificate_of_patroni_as_a_client_of_etcd_is_no_server_s(tmp_path) -> None:
    found = describe(valid(tmp_path)[PATRONI_ETCD.certificate]["pem"])
    assert (found.server, found.client) == (False, True)


def test_a_former_one_near_its_end_is_renewed_by_the_former_ca(tmp_path, elsewhere) -> None:
    picture, signer = former(tmp_path), authorities(tmp_path)["cluster"]
    picture[ETCD.certificate] = shown(signer, ETCD, datetime.now(UTC) - timedelta(days=400))
    everywhere(elsewhere, "pg1", picture)
    files = contents(run(PicturedHost("pg1", picture), tmp_path))
    assert describe(files[ETCD.certificate]).issuer_cn == "main CA"
    assert PATRONI_ETCD.certificate not in files


def test_a_plan_makes_no_ca_of_etcd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "dry_run", lambda: True)
    run(PicturedHost("pg1", absent()), tmp_path)
    assert not list(tmp_path.glob("etcd-ca*"))


class StandbyHost(PicturedHost):
    """A member of a standby cluster: its files besides its certificates."""

    def __init__(self, name: str, files: dict[str, Any], client: dict[str, Any]) -> None:
        super().__init__(name, client)
        self.files = files

    def get_fact(self, fact: Any = None, *_: Any, **__: Any) -> dict[str, Any]:
        return self.files if fact is HostComponent else self.picture


def lend(host: StandbyHost, own: Path, source: Path) -> list[Any]:
    with ctx_host.use(host):
        return list(trust_source._inner(cluster=both()[1], secrets_directory=own, source_secrets=source))


def test_a_standby_trusts_both_and_comes_to_the_repository_under_its_own_name(tmp_path: Path) -> None:
    own, source = (Authority.load_or_create(tmp_path / name, name) for name in ("dr", "shop"))
    nothing = {SOURCE.certificate: {"pem": None, "key_digest": "", "key_owner": "", "authority": None}}
    fresh = StandbyHost("d1", {"paths": {TRUST: None}, "units": {}}, nothing)
    commands = lend(fresh, tmp_path / "dr", tmp_path / "shop")
    assert written(commands) == [TRUST, SOURCE.directory, SOURCE.certificate, SOURCE.authority]
    files = contents(commands)
    assert certificates_in(files[TRUST]) == certificates_in(own.trust_pem + source.trust_pem)
    assert len(certificates_in(files[TRUST])) == 2
    shop, dr = both()
    request = leaf_request(shop, dr.node("d1"), SOURCE)
    assert request.common_name == "d1" and request.client
    backups = Authority.load_or_create(tmp_path / "shop", "shop pgbackrest", OWN_AUTHORITIES["pgbackrest"])
    assert renewal_reason(files[SOURCE.certificate], request, backups, datetime.now(UTC)) is None


def test_lent_once_nothing_is_done(tmp_path: Path) -> None:
    own, source = (Authority.load_or_create(tmp_path / name, name) for name in ("dr", "shop"))
    shop, dr = both()
    backups = Authority.load_or_create(tmp_path / "shop", "shop pgbackrest", OWN_AUTHORITIES["pgbackrest"])
    leaf = backups.issue(leaf_request(shop, dr.node("d1"), SOURCE))
    bundle = own.trust_pem.rstrip("\n") + "\n" + source.trust_pem
    seen = {"kind": "file", "mode": "644", "user": "postgres", "group": "postgres"}
    files = {"paths": {TRUST: {**seen, "sha256": sha256(bundle.encode()).hexdigest()}}, "units": {}}
    key = {"key_digest": public_key_digest(leaf.certificate_pem), "key_owner": "postgres:600"}
    client = {SOURCE.certificate: {"pem": leaf.certificate_pem, **key, "authority": backups.trust_pem}}
    assert lend(StandbyHost("d1", files, client), tmp_path / "dr", tmp_path / "shop") == []
