"""An address or a port that changes under a running cluster is refused, for it would look like a new member."""

from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.settings.settings import Settings
from cluster.verdicts.etcd_members import joining, moved_members
from tests.cluster.preflight_hosts import KEYS, a_cluster, findings, rows, running

ROLES = frozenset({"postgres", "etcd"})


def _cluster(*addresses: str) -> Cluster:
    settings = Settings()
    nodes = (Node(f"pg{number}", Address(text), ROLES, settings) for number, text in enumerate(addresses, 1))
    return Cluster("main", settings, tuple(nodes))


def _member(name: str, url: str, *, started: bool = True) -> dict[str, object]:
    return {"id": name, "name": name if started else "", "peer_urls": [url], "learner": False, "started": started}


def test_an_etcd_member_under_another_address_is_named_and_not_taken_for_a_new_one() -> None:
    cluster = _cluster("10.0.0.1", "10.0.0.9")
    members = [_member("pg1", "https://10.0.0.1:2380"), _member("pg2", "https://10.0.0.2:2380")]
    assert moved_members(cluster, members) == [
        "pg2 is an etcd member at https://10.0.0.2:2380, declared is https://10.0.0.9:2380"
    ]


def test_a_member_where_it_was_and_a_host_that_is_none_yet_are_not_moved() -> None:
    cluster = _cluster("10.0.0.1", "10.0.0.2")
    members = [_member("pg1", "https://10.0.0.1:2380")]
    assert moved_members(cluster, members) == []
    assert [node.name for node in joining(cluster, members)] == ["pg2"]


def test_a_port_that_the_running_cluster_does_not_listen_on_is_refused() -> None:
    found = findings(a_cluster(postgres_port=5433), keys=KEYS, pg1=running(1))
    assert ("pg1", "postgres_port", "the cluster's PostgreSQL listens on 5432, declared is 5433") in rows(found)


def test_the_port_that_the_running_cluster_listens_on_is_fine() -> None:
    assert findings(keys=KEYS, pg1=running(1)) == []
