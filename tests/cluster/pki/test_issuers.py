"""Which CA issues which certificate: etcd's is always one of ours, whatever the rest of the cluster uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.inventory.clusters import declared_clusters
from cluster.pki.certificates import ETCD, MEMBERSHIP, PGBACKREST, PGBACKREST_SERVER, POSTGRES, SOURCE, membership
from cluster.pki.issuers import is_known_trust, leaf_sources, trust_pem
from cluster.pki.pem import certificates_in, signed_by
from cluster.pki.verdicts import Authority, describe
from tests.cluster.preflight_hosts import host


def one_host(**settings: object) -> Cluster:
    clusters, findings = declared_clusters([host("pg1", cluster_address="10.0.0.1", **settings)], {})
    assert findings == []
    return clusters["main"]


def user_s_own(tmp_path: Path) -> dict[str, object]:
    Authority.load_or_create(tmp_path / "mine", "Example")
    return {
        "certificates_ca_certificate": str(tmp_path / "mine" / "ca.crt"),
        "certificates_ca_key": str(tmp_path / "mine" / "ca.key"),
    }


def supplied(tmp_path: Path) -> dict[str, object]:
    return {"certificates_directory": str(tmp_path / "mine")}


@pytest.mark.parametrize("settings", [lambda _: {}, user_s_own, supplied])
def test_etcd_s_certificates_are_issued_by_a_ca_of_ours_that_vouches_for_nobody_else(settings, tmp_path):
    Authority.load_or_create(tmp_path / "mine", "Example")
    cluster = one_host(**settings(tmp_path))
    sources = leaf_sources(cluster, tmp_path / "main")
    assert describe(sources["etcd"].trust_pem).subject_cn == "main etcd CA"
    assert sources["etcd"].trust_pem != sources["cluster"].trust_pem
    leaf = sources["etcd"].leaf(cluster.node("pg1"), ETCD)
    assert describe(leaf.certificate_pem).issuer_cn == "main etcd CA"
    assert sources["etcd"].trust_pem == leaf_sources(cluster, tmp_path / "main")["etcd"].trust_pem


def test_its_files_lie_beside_the_cluster_s_and_its_key_is_private(tmp_path):
    leaf_sources(one_host(), tmp_path / "main")
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in (tmp_path / "main").iterdir()}
    names = ("ca", "etcd-ca", "members-ca", "pgbackrest-ca")
    assert modes == {f"{name}.{kind}": mode for name in names for kind, mode in (("crt", "644"), ("key", "600"))}


def test_clusters_with_separate_secrets_have_separate_etcd_cas(tmp_path):
    first, second = (leaf_sources(one_host(), tmp_path / name)["etcd"].trust_pem for name in ("main", "other"))
    assert first != second


def test_a_lost_key_of_etcd_s_ca_is_refused_as_the_cluster_s_is(tmp_path):
    leaf_sources(one_host(), tmp_path / "main")
    (tmp_path / "main" / "etcd-ca.key").unlink()
    with pytest.raises(ConfigError) as refused:
        leaf_sources(one_host(), tmp_path / "main")
    assert str(refused.value).startswith(f"{tmp_path}/main/etcd-ca.crt is there but etcd-ca.key is missing\nHINT: ")


@pytest.mark.parametrize("settings", [lambda _: {}, user_s_own, supplied])
def test_nobody_but_us_vouches_for_pgbackrest_s_and_the_members_either(settings, tmp_path):
    Authority.load_or_create(tmp_path / "mine", "Example")
    cluster = one_host(**settings(tmp_path))
    sources = leaf_sources(cluster, tmp_path / "main")
    node, issuers = cluster.node("pg1"), {}
    for place in (PGBACKREST, PGBACKREST_SERVER, SOURCE, *MEMBERSHIP):
        issuers[place.component] = describe(sources[place.issuer].leaf(node, place).certificate_pem).issuer_cn
    backups = dict.fromkeys(("pgbackrest", "server", "client"), "main pgbackrest CA")
    assert issuers == backups | dict.fromkeys(("replicator", "rewind"), "main members CA")


def test_a_membership_is_for_its_role_and_no_server(tmp_path):
    cluster = one_host()
    leaf = leaf_sources(cluster, tmp_path / "main")["members"].leaf(cluster.node("pg1"), MEMBERSHIP[0])
    seen = describe(leaf.certificate_pem)
    assert (seen.subject_cn, seen.server, seen.client) == ("replicator", False, True)


def test_postgresql_trusts_its_members_beside_whom_the_user_s_lines_ask_for(tmp_path):
    sources = leaf_sources(one_host(), tmp_path / "main")
    assert trust_pem(POSTGRES, sources) == sources["cluster"].trust_pem + sources["members"].trust_pem
    assert trust_pem(MEMBERSHIP[0], sources) == trust_pem(POSTGRES, sources), "they lie beside one CA file"
    assert trust_pem(PGBACKREST, sources) == sources["pgbackrest"].trust_pem


def test_a_standby_s_members_come_as_the_source_s_own_do(tmp_path):
    source = one_host()
    standby = replace(one_host(), source=source)
    sources = leaf_sources(standby, tmp_path / "dr", tmp_path / "main")
    (place, _) = membership(standby)
    leaf = sources[place.issuer].leaf(standby.node("pg1"), place)
    theirs = leaf_sources(source, tmp_path / "main")["members"]
    assert signed_by(certificates_in(leaf.certificate_pem)[0], certificates_in(theirs.trust_pem)[0])
    assert certificates_in(trust_pem(POSTGRES, sources))[-1] == certificates_in(theirs.trust_pem)[0]


def test_what_trusted_the_cluster_s_ca_before_is_known_and_another_s_is_not(tmp_path):
    sources = leaf_sources(one_host(), tmp_path / "main")
    strange = leaf_sources(one_host(), tmp_path / "other")
    for place in (POSTGRES, PGBACKREST):
        assert is_known_trust(place, sources["cluster"].trust_pem, sources)
        assert is_known_trust(place, trust_pem(place, sources), sources)
        assert not is_known_trust(place, trust_pem(place, strange), sources)
        assert not is_known_trust(place, "unreadable", sources)
    assert is_known_trust(POSTGRES, trust_pem(POSTGRES, sources) + strange["members"].trust_pem, sources)
