"""Patroni's configuration: the member's own file, and what all members share."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cluster.components.patroni import JOINING, as_yaml, joining_tags, member_configuration, patroni_component
from cluster.components.patroni_dynamic import dynamic_configuration, fixed_parameters, parameters
from cluster.declared.model import Cluster
from cluster.declared.tuning import Resources
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.measures import version_of
from cluster.plans.configure import config_patch
from cluster.secrets.secrets import NAMES, Secret

SECRETS = {name: Secret(f"value of {name}") for name in NAMES}
HOST = Resources(16384, 8, 200_000)


def cluster(*addresses: str, **settings: Any) -> Cluster:
    hosts = [
        DeclaredHost(f"db{n}", ("etcd", "postgres"), {"cluster_address": address, **settings}, {})
        for n, address in enumerate(addresses or ("10.0.0.1", "10.0.0.2", "10.0.0.3"), 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return next(iter(clusters.values()))


def member(declared: Cluster, bootstrap: Any = None) -> dict[str, Any]:
    return member_configuration(declared, declared.members[0], SECRETS, bootstrap)


def shared(declared: Cluster, *resources: Resources, version: tuple[int, ...] = (4, 0, 7)) -> dict[str, Any]:
    return dynamic_configuration(declared, resources or (HOST,), version)


def test_the_file_is_yaml_and_holds_the_plain_secrets() -> None:
    component = patroni_component(cluster(), cluster().members[0], SECRETS)
    config = component.files[0]
    assert (config.path, config.user, config.mode) == ("/etc/patroni/config.yml", "postgres", "600")
    read = yaml.safe_load(config.content)
    assert read["postgresql"]["authentication"]["rewind"]["password"] == "value of PATRONI_REWIND_PASSWORD"
    assert read["restapi"]["authentication"]["password"] == "value of PATRONI_RESTAPI_PASSWORD"
    assert read == member(cluster()) | {"restapi": read["restapi"]}


def test_a_secret_of_any_characters_survives_yaml() -> None:
    strange = Secret("no: [yes] # {x} \\ %s 1e3 on")
    assert yaml.safe_load(as_yaml({"password": strange})) == {"password": str(strange)}


def test_without_the_bootstrap_section_no_cluster_can_begin() -> None:
    assert "bootstrap" not in member(cluster())
    begun = member(cluster(), {"ttl": 30})
    assert begun["bootstrap"]["dcs"] == {"ttl": 30}
    assert "data-checksums" in begun["bootstrap"]["initdb"]
    assert {"encoding": "UTF8"} in begun["bootstrap"]["initdb"]


def test_the_bootstrap_section_changes_nothing_else() -> None:
    begun = member(cluster(), {"ttl": 30})
    del begun["bootstrap"]
    assert begun == member(cluster())


@pytest.mark.parametrize("role", ["superuser", "replication", "rewind"])
def test_every_connection_between_members_verifies_the_name(role: str) -> None:
    login = member(cluster())["postgresql"]["authentication"][role]
    assert (login["sslmode"], login["sslrootcert"]) == ("verify-full", "/etc/postgresql/pki/ca.crt")


def test_listens_on_its_address_and_on_loopback_unless_declared() -> None:
    assert member(cluster())["postgresql"]["listen"] == "10.0.0.1,127.0.0.1:5432"
    assert member(cluster(postgres_listen=["*"]))["postgresql"]["listen"] == "*:5432"
    assert member(cluster("fd82::1"))["postgresql"]["listen"] == "fd82::1,::1:5432"
    assert member(cluster("fd82::1"))["postgresql"]["connect_address"] == "[fd82::1]:5432"


def test_what_belongs_into_etcd_is_not_in_the_file() -> None:
    """A parameter or pg_hba in a member's own file would win over the shared one on that member, unseen."""
    postgresql = member(cluster())["postgresql"]
    assert "pg_hba" not in postgresql
    assert set(postgresql["parameters"]) == {"unix_socket_directories"}


def test_the_checks_need_no_certificate_but_changes_do() -> None:
    assert member(cluster())["restapi"]["verify_client"] == "optional"


@pytest.mark.parametrize(
    "version, declared, expected",
    [
        ((4, 0, 7), None, True),
        ((4, 1, 0), None, True),
        ((4, 0, 6), None, False),
        ((3, 0, 2), None, False),
        ((3, 0, 2), True, True),
        ((4, 0, 7), False, False),
    ],
)
def test_failsafe_mode_where_patroni_does_it_soundly(
    version: tuple[int, ...], declared: bool | None, expected: bool
) -> None:
    assert shared(cluster(patroni_failsafe=declared), version=version)["failsafe_mode"] is expected


def test_units_are_those_of_patroni() -> None:
    found = shared(cluster(patroni_maximum_lag_mib=16, patroni_ttl=40))
    assert (found["maximum_lag_on_failover"], found["ttl"]) == (16 * 2**20, 40)


def test_the_smallest_member_decides() -> None:
    small = Resources(4096, 8, 200_000)
    assert shared(cluster(), HOST, small)["postgresql"]["parameters"]["shared_buffers"] == "1024MB"
    assert parameters(cluster(postgres_memory_mib=1024), [HOST, small])["shared_buffers"] == "256MB"


def test_the_users_parameters_win() -> None:
    declared = cluster(postgres_parameters={"work_mem": "64MB", "jit": False, "log_statement": None})
    found = parameters(declared, [HOST])
    assert (found["work_mem"], found["jit"], found["log_statement"]) == ("64MB", "off", None)


def test_what_safety_rests_on_is_always_there() -> None:
    assert set(fixed_parameters().items()) <= set(parameters(cluster(), [HOST]).items())
    assert fixed_parameters()["ssl"] == "on"
    assert fixed_parameters()["password_encryption"] == "scram-sha-256"


def test_a_reload_waits_for_patroni_and_tells_postgresql_too() -> None:
    (unit,) = patroni_component(cluster(), cluster().members[0], SECRETS).units
    assert unit.load is not None
    # The certificate that it shows may be what the reload fixes.
    assert "until " in unit.load and "8008" not in unit.load and "/etc/patroni/rest" not in unit.load
    assert "systemctl reload patroni" in unit.load and "systemctl restart" not in unit.load
    assert "/var/lib/postgresql/17/main/postmaster.pid" in unit.load


def test_the_stop_of_a_loaded_primary_may_take_its_time() -> None:
    """Killed by systemd, Patroni would leave a PostgreSQL that takes writes and has nobody to demote it."""
    files = {file.path: file.content for file in patroni_component(cluster(), cluster().members[0], SECRETS).files}
    assert "\nTimeoutSec=300\n" in files["/etc/systemd/system/patroni.service.d/pyinfra-patroni.conf"]


def test_a_new_certificate_is_a_reason_to_reload() -> None:
    (unit,) = patroni_component(cluster(), cluster().members[0], SECRETS).units
    assert {"/etc/patroni/rest/patroni.crt", "/etc/patroni/rest/ca.crt", "/etc/postgresql/pki/postgres.crt"} <= set(
        unit.loads
    )


@pytest.mark.parametrize(
    "text, version",
    [("4.0.7-3~deb13u1", (4, 0, 7)), ("3.0.2-1", (3, 0, 2)), ("4.1.0~rc1-1.pgdg120+1", (4, 1, 0)), ("", ())],
)
def test_versions_of_debian_packages(text: str, version: tuple[int, ...]) -> None:
    assert version_of(text) == version


def test_a_member_s_tags_and_the_one_that_all_have_unless_declared_otherwise() -> None:
    assert member(cluster())["tags"] == {"clonefrom": True}
    declared = cluster(patroni_tags={"clonefrom": False, "failover_priority": 3})
    assert member(declared)["tags"] == {"clonefrom": False, "failover_priority": 3}


def test_on_its_way_to_its_data_nothing_that_is_declared_makes_it_lead_or_serve() -> None:
    declared = cluster(patroni_tags={"noloadbalance": False, "failover_priority": 3})
    assert joining_tags(declared.members[0]) == {"clonefrom": True, **JOINING}


@pytest.mark.parametrize(
    ("settings", "mode", "strict", "count"),
    [
        ({}, None, None, None),
        ({"patroni_synchronous_mode": "on"}, True, False, 1),
        ({"patroni_synchronous_mode": "quorum", "patroni_synchronous_mode_strict": True}, "quorum", True, 1),
        ({"patroni_synchronous_mode": "on", "patroni_synchronous_node_count": 2}, True, False, 2),
    ],
)
def test_synchronous_modes(settings: dict[str, Any], mode: Any, strict: Any, count: Any) -> None:
    names = ("synchronous_mode", "synchronous_mode_strict", "synchronous_node_count")
    found = {name: shared(cluster(**settings))[name] for name in names}
    assert found == dict(zip(names, (mode, strict, count), strict=True))
    assert config_patch(found, {name: value for name, value in found.items() if value is not None}) == {}


def test_patroni_s_paths_for_etcd_stay_where_earlier_versions_had_them() -> None:
    # They are read when Patroni starts and never again: others would take a restart, which stops PostgreSQL.
    told = member_configuration(cluster(), cluster().members[0], SECRETS, None)
    assert {name: told["etcd3"][name] for name in ("cacert", "cert", "key")} == {
        "cacert": "/etc/patroni/pki/ca.crt",
        "cert": "/etc/patroni/pki/patroni.crt",
        "key": "/etc/patroni/pki/patroni.key",
    }
    assert {told["restapi"][name].rpartition("/")[0] for name in ("certfile", "keyfile", "cafile")} == {
        "/etc/patroni/rest"
    }
