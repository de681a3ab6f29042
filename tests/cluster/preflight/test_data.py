"""Data, PostgreSQL and Patroni that are not this cluster's: refused in exact words; the cluster's own never are."""

import pytest

from cluster.findings import Finding
from tests.cluster.preflight_hosts import IDENTIFIER, KEYS, OTHER, a_cluster, data, findings, listens, picture, running

DIRECTORY = "/var/lib/postgresql/17/main"
DEBIAN = "postgresql@17-main.service"
PATRONI = "patroni.service"


def only(keys=None, **seen):
    """What is found on pg1, as problem and hint."""
    return [(one.what, one.problem, one.hint) for one in findings(keys=keys, pg1=picture(1, **seen))]


@pytest.mark.parametrize("state", ["absent", "empty", "begun"])
@pytest.mark.parametrize("keys", [None, {}, KEYS])
def test_no_data_is_no_obstacle(state, keys):
    assert only(keys, data=data(state)) == []


def test_data_of_another_cluster_than_the_one_in_etcd():
    assert only(KEYS, data=data("files", "17", OTHER), scope="main") == [
        (
            "data directory",
            f"{DIRECTORY} holds a PostgreSQL 17 cluster with system identifier {OTHER}, "
            f"the cluster main in etcd has {IDENTIFIER}",
            "It is another cluster's data. Move it away, and Patroni makes a new copy: "
            f"`mv {DIRECTORY} {DIRECTORY}.old`.",
        )
    ]


def test_data_of_a_cluster_that_etcd_does_not_know():
    assert only({}, data=data("files", "17", IDENTIFIER), scope="main") == [
        (
            "data directory",
            f"{DIRECTORY} holds a PostgreSQL 17 cluster with system identifier {IDENTIFIER}, "
            "and etcd knows no cluster main",
            "If it is this cluster's, restore etcd, or begin with it: `--data adopt=true`. Else move it away: "
            f"`mv {DIRECTORY} {DIRECTORY}.old`.",
        )
    ]


def test_data_where_no_etcd_is_yet():
    assert only(None, data=data("files", "17", IDENTIFIER)) == [
        (
            "data directory",
            f"{DIRECTORY} holds a PostgreSQL 17 cluster with system identifier {IDENTIFIER}, "
            "and Patroni here does not manage it",
            "Nothing is overwritten. Declare another postgres_data_directory, or move it away: "
            f"`mv {DIRECTORY} {DIRECTORY}.old`. If it is this cluster's own: `--data adopt=true`.",
        )
    ]


def test_nothing_is_said_of_the_clusters_own_data():
    ours = data("files", "17", IDENTIFIER)
    assert only(KEYS, data=ours, scope="main") == []
    assert only(KEYS, data=ours) == []  # Patroni is not configured yet, the identifier is the right one
    assert only(None, data=ours, scope="main") == []  # etcd is down, which says nothing about the data
    assert only({"/service/main/initialize": ""}, data=ours, scope="main") == []  # the cluster is just beginning
    assert only(KEYS, data=data("files", "17", None), scope="main") == []  # Patroni's own copy is half made


def test_remains_without_pg_control():
    ((what, problem, _),) = only(None, data=data("files", "17", None))
    assert what == "data directory"
    assert problem == f"{DIRECTORY} holds a PostgreSQL 17 cluster without pg_control, which cannot start"


@pytest.mark.parametrize(
    "seen, problem, hint",
    [
        (
            data("files", detail="lost+found"),
            f"{DIRECTORY} is not empty and holds no PostgreSQL data, but lost+found",
            "It is a mount point: declare a directory below it as postgres_data_directory.",
        ),
        (
            data("files", detail="a.txt b.txt"),
            f"{DIRECTORY} is not empty and holds no PostgreSQL data, but a.txt b.txt",
            "Look what it is and move it away, or declare another postgres_data_directory.",
        ),
        (
            data("unreadable", detail="Permission denied"),
            f"{DIRECTORY} cannot be read: Permission denied",
            "Unread is not empty: nothing is done until it can be read.",
        ),
        (
            data("no directory"),
            f"{DIRECTORY} is not a directory",
            "Move it away, or declare another postgres_data_directory.",
        ),
    ],
)
def test_what_is_no_data_and_no_empty_directory(seen, problem, hint):
    assert only(None, data=seen) == [("data directory", problem, hint)]


def test_data_of_another_major_version():
    cluster = a_cluster(postgres_version=16, postgres_data_directory="/data/pg")
    found = findings(cluster, KEYS, pg1=running(1, postgres=[], data={**data("files", "17", IDENTIFIER)}))
    assert found == [
        Finding(
            "pg1",
            "postgres_version",
            "/data/pg holds PostgreSQL 17, declared is 16",
            "Set postgres_version = 17; a newer major version takes an upgrade, not another number.",
        )
    ]


def test_a_running_postgres_of_debian_is_in_the_way():
    found = only(
        listening=[listens(5432, DEBIAN, "127.0.0.1")],
        postgres=[{"unit": DEBIAN, "directory": DIRECTORY}],
    )
    assert found == [
        (
            "PostgreSQL",
            f"a PostgreSQL that is not Patroni's runs here: data in {DIRECTORY}, unit {DEBIAN}",
            "If it is not needed: `pg_dropcluster --stop 17 main`. Otherwise take another host.",
        )
    ]


def test_a_running_postgres_that_is_no_service_is_in_the_way():
    found = only(listening=[listens(5432, "")], postgres=[{"unit": "", "directory": "/home/x/pg"}])
    assert found == [
        (
            "PostgreSQL",
            "a PostgreSQL that is not Patroni's runs here: data in /home/x/pg, no systemd unit",
            "Stop and disable it if it is not needed. Otherwise take another host.",
        )
    ]


def test_a_postgres_with_its_own_port_and_data_is_nobodys_business():
    other = "postgresql@16-app.service"
    assert only(listening=[listens(5433, other)], postgres=[{"unit": other, "directory": "/srv/16"}]) == []


def test_a_cluster_that_runs_with_other_data_than_declared():
    """As after postgres_version was raised: the new directory is empty, and a new cluster must not begin in it."""
    old = "/var/lib/postgresql/16/main"
    found = findings(keys=KEYS, pg1=running(1, data=data("absent"), postgres=[{"unit": PATRONI, "directory": old}]))
    assert found == [
        Finding(
            "pg1",
            "PostgreSQL",
            f"the cluster's PostgreSQL runs with the data in {old}, declared is {DIRECTORY}",
            "Set postgres_version and postgres_data_directory as they were: neither changes in a running cluster.",
        )
    ]


def test_a_data_directory_behind_a_symbolic_link_is_the_same_directory():
    moved = {**data("files", "17", IDENTIFIER), "path": "/data/pg"}
    assert findings(keys=KEYS, pg1=running(1, data=moved, postgres=[{"unit": PATRONI, "directory": "/data/pg"}])) == []


def test_a_member_of_another_cluster():
    assert only(scope="other") == [
        (
            "cluster_name",
            "Patroni on this host is configured for the cluster other, not main",
            "A host is in one cluster: remove it from this inventory, or first from other.",
        )
    ]
