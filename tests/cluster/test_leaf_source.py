"""Which CA issues which certificate: etcd's is always one of ours, whatever the rest of the cluster uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.certificates import ETCD
from cluster.declaration import declared_clusters
from cluster.errors import ConfigError
from cluster.leaf_source import leaf_sources
from cluster.model import Cluster
from cluster.pki import Authority, describe
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
    assert modes == {"ca.crt": "644", "ca.key": "600", "etcd-ca.crt": "644", "etcd-ca.key": "600"}


def test_clusters_with_separate_secrets_have_separate_etcd_cas(tmp_path):
    first, second = (leaf_sources(one_host(), tmp_path / name)["etcd"].trust_pem for name in ("main", "other"))
    assert first != second


def test_a_lost_key_of_etcd_s_ca_is_refused_as_the_cluster_s_is(tmp_path):
    leaf_sources(one_host(), tmp_path / "main")
    (tmp_path / "main" / "etcd-ca.key").unlink()
    with pytest.raises(ConfigError) as refused:
        leaf_sources(one_host(), tmp_path / "main")
    assert str(refused.value).startswith(f"{tmp_path}/main/etcd-ca.crt is there but etcd-ca.key is missing\nHINT: ")
