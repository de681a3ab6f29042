"""What stands in pgbackrest.conf, and on which host; the golden files show it whole."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cluster.components.all import certificate_places
from cluster.components.patroni import member_configuration
from cluster.components.patroni_dynamic import dynamic_configuration
from cluster.components.pgbackrest import (
    LOCKS,
    SERVER,
    SERVER_CONFIGURATION,
    SERVER_DROP_IN,
    SERVER_SECRETS,
    Store,
    configuration,
    store_of,
)
from cluster.components.pgbackrest_files import pgbackrest_component
from cluster.components.pgbackrest_server import server_configuration, server_secrets
from cluster.components.pgbackrest_source import source_configuration
from cluster.declared.model import Cluster
from cluster.declared.tuning import Resources
from cluster.errors import ConfigError
from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.packages.findings import pgbackrest_findings
from cluster.packages.plan import wanted_packages
from cluster.pki.certificates import ETCD, PATRONI, PGBACKREST, PGBACKREST_SERVER, POSTGRES, SOURCE, leaf_request
from cluster.preflight.control_machine import control_findings
from cluster.preflight.hosts import picture_question
from cluster.secrets.secrets import NAMES, Secret

GROUPS = {"pg1": ("postgres", "etcd"), "pg2": ("postgres",), "b": ("backup",)}


def cluster_of(groups: dict[str, tuple[str, ...]] = GROUPS, **settings: Any) -> Cluster:
    hosts = [
        DeclaredHost(name, roles, {"cluster_address": f"10.0.0.{n}", **settings}, {})
        for n, (name, roles) in enumerate(groups.items(), 1)
    ]
    clusters, findings = declared_clusters(hosts, {})
    assert findings == []
    return clusters["main"]


def lines(cluster: Cluster, name: str, store: Store | None = None) -> list[str]:
    return configuration(cluster, cluster.node(name), "phrase", store).content.splitlines()


def server_lines(cluster: Cluster, name: str) -> list[str]:
    return server_configuration(cluster, cluster.node(name)).content.splitlines()


def drop_in(cluster: Cluster, name: str) -> dict[str, list[str]]:
    """The server's unit on a host: each word with its values, the words of one line apart."""
    files = pgbackrest_component(cluster, cluster.node(name), Secret("phrase")).files
    (text,) = (file.content for file in files if file.path == SERVER_DROP_IN)
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        word, _, value = line.partition("=")
        found.setdefault(word, []).extend(value.split())
    return found


def test_only_the_repository_host_has_the_pass_phrase() -> None:
    cluster = cluster_of()
    assert "repo1-cipher-pass=phrase" in lines(cluster, "b")
    assert "phrase" not in "".join(lines(cluster, "pg1"))
    assert configuration(cluster, cluster.node("b"), "phrase", None).mode == "600"


def test_each_side_lets_in_those_it_works_with() -> None:
    cluster = cluster_of()
    assert [one for one in server_lines(cluster, "b") if "auth" in one] == [
        "tls-server-auth=pg1=main",
        "tls-server-auth=pg2=main",
    ]
    assert [one for one in server_lines(cluster, "pg1") if "auth" in one] == ["tls-server-auth=b=main"]


def test_the_only_host_there_is_has_no_server_for_itself() -> None:
    """pgBackRest's does not start without anybody to let in."""
    alone = cluster_of({"pg1": ("postgres", "etcd", "backup")})
    component = pgbackrest_component(alone, alone.node("pg1"), Secret("x"))
    assert SERVER not in {unit.name for unit in component.units}
    assert SERVER_CONFIGURATION not in {file.path for file in component.files}


def test_a_member_knows_itself_and_the_repository_host() -> None:
    found = lines(cluster_of(), "pg2")
    assert "repo1-host=10.0.0.3" in found
    assert [one for one in found if one.startswith("pg")] == [
        "pg1-path=/var/lib/postgresql/17/main",
        "pg1-port=5432",
        "pg1-socket-path=/var/run/postgresql",
    ]


def test_a_member_that_is_the_repository_host_comes_first_to_itself() -> None:
    cluster = cluster_of({"pg1": ("postgres", "etcd"), "pg2": ("postgres", "backup")})
    found = lines(cluster, "pg2")
    assert "repo1-path=/var/lib/pgbackrest" in found and "pg2-host=10.0.0.1" in found
    assert not [one for one in found if one.startswith(("pg1-host", "repo1-host"))]
    assert [one for one in server_lines(cluster, "pg2") if "auth" in one] == ["tls-server-auth=pg1=main"]


def with_store(credentials: Path, *places: str, **settings: Any) -> Cluster:
    """A cluster with an S3-compatible store. + places: its repositories"""
    given = {"bucket": "b", "endpoint": "s3.example.net:9000", "region": "eu", "credentials": str(credentials)}
    declared = {f"pgbackrest_s3_{name}": value for name, value in given.items()}
    return cluster_of(pgbackrest_repositories=list(places or ("s3",)), **declared, **settings)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file of keys, as an operator keeps it."""
    path = tmp_path / "keys"
    path.write_text("AKIA\ns3cret\n")
    path.chmod(0o600)
    return path


def test_the_store_s_keys_are_on_the_repository_host_alone(keys: Path) -> None:
    cluster = with_store(keys)
    store = store_of(cluster)
    found = lines(cluster, "b", store)
    assert "repo1-type=s3" in found and "repo1-s3-key=AKIA" in found and "repo1-s3-key-secret=s3cret" in found
    assert "repo1-s3-endpoint=s3.example.net" in found and "repo1-storage-port=9000" in found
    assert "s3" not in "".join(lines(cluster, "pg1"))
    assert "s3cret" not in repr(store)
    assert "backup_directory" not in picture_question(cluster, cluster.node("b"))
    assert "archive-get-queue-max=128MiB" in found, "the next segments are fetched ahead"


def test_two_repositories_are_whole_each_behind_one_host(keys: Path) -> None:
    cluster = with_store(keys, "directory", "s3")
    found = lines(cluster, "b", store_of(cluster))
    assert {"repo1-path=/var/lib/pgbackrest", "repo2-path=/pgbackrest", "repo2-type=s3"} <= set(found)
    for prefix in ("repo1", "repo2"):
        assert {f"{prefix}-cipher-pass=phrase", f"{prefix}-bundle=y", f"{prefix}-retention-full=4"} <= set(found)
    member = lines(cluster, "pg1")
    assert {"repo1-host=10.0.0.3", "repo2-host=10.0.0.3"} <= set(member)
    assert "backup_directory" in picture_question(cluster, cluster.node("b"))


def test_the_host_that_reaches_the_store_has_the_system_s_cas(keys: Path) -> None:
    """Debian's minimum has none; nobody's certificate would be accepted."""
    cluster = with_store(keys)
    assert "ca-certificates" in wanted_packages(cluster, cluster.node("b"))
    member = wanted_packages(cluster, cluster.node("pg1"))
    assert len(set(member)) == len(member)


def test_the_order_is_that_of_the_numbers(keys: Path) -> None:
    cluster = with_store(keys, "s3", "directory")
    found = lines(cluster, "b", store_of(cluster))
    assert {"repo1-type=s3", "repo2-path=/var/lib/pgbackrest"} <= set(found)


def test_the_near_one_first_fetches_nothing_ahead(keys: Path) -> None:
    cluster = with_store(keys, "directory", "s3")
    assert "[global:archive-get]" not in lines(cluster, "pg1")


def test_a_store_keeps_what_the_directory_does_or_its_own(keys: Path) -> None:
    own = {"retention_full": 90, "retention_full_type": "time", "retention_diff": 3}
    cluster = with_store(keys, "directory", "s3", **{f"pgbackrest_s3_{name}": value for name, value in own.items()})
    found = [one for one in lines(cluster, "b", store_of(cluster)) if "retention" in one]
    assert found == [
        *("repo1-retention-full=4", "repo1-retention-full-type=count"),
        *("repo2-retention-full=90", "repo2-retention-full-type=time", "repo2-retention-diff=3"),
    ]


def test_a_file_of_keys_that_is_not_there_is_refused(tmp_path: Path) -> None:
    cluster = with_store(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"is not there\nHINT: a file for its owner alone"):
        store_of(cluster)
    (tmp_path / "none").write_text("one\n")
    (tmp_path / "none").chmod(0o600)
    with pytest.raises(ConfigError, match="has 1 words"):
        store_of(cluster)


def test_keys_that_others_can_read_are_found_before_any_host_is_touched(keys: Path) -> None:
    keys.chmod(0o644)
    (finding,) = control_findings(with_store(keys), {}, {}, datetime.now(UTC))
    assert (finding.where, finding.what) == ("group_data/all.py", "pgbackrest_s3_credentials")
    assert finding.problem == f"{keys} is open to other users: mode is 0644, not 0600"
    keys.unlink()
    (finding,) = control_findings(with_store(keys), {}, {}, datetime.now(UTC))
    assert finding.problem == f"{keys} is not there"
    assert finding.hint.startswith("A file for its owner alone (chmod 600)")


def test_retention_and_processes_are_settings() -> None:
    settings = {"pgbackrest_retention_full": 30, "pgbackrest_retention_full_type": "time"}
    found = lines(cluster_of(**settings, pgbackrest_retention_diff=7, pgbackrest_process_max=3), "b")
    assert {"repo1-retention-full=30", "repo1-retention-full-type=time", "repo1-retention-diff=7"} <= set(found)
    assert "process-max=3" in found
    assert not [one for one in lines(cluster_of(), "b") if "process-max" in one]


def test_before_2_53_an_address_is_looked_for_among_the_names() -> None:
    cluster = cluster_of()
    request = leaf_request(cluster, cluster.node("b"), PGBACKREST_SERVER)
    assert request.dns_names == ("b", "localhost", "10.0.0.3")
    assert request.server and not request.client


def test_archiving_is_on_from_the_first_start_and_only_with_a_repository() -> None:
    resources = [Resources(16000, 8, 200_000)]
    with_one = dynamic_configuration(cluster_of(), resources, (4, 0, 7))["postgresql"]
    assert with_one["parameters"]["archive_mode"] == "on"
    assert with_one["recovery_conf"] == {"restore_command": '/usr/local/bin/pgbackrest-bounded get "%f" "%p"'}
    without = dynamic_configuration(cluster_of({"pg1": ("postgres", "etcd")}), resources, (4, 0, 7))["postgresql"]
    assert "archive_mode" not in without["parameters"] and "recovery_conf" not in without


def test_a_replica_begins_with_a_backup_and_has_a_second_way() -> None:
    secrets = dict.fromkeys(NAMES, "x")
    cluster = cluster_of()
    found = member_configuration(cluster, cluster.node("pg1"), secrets, None)["postgresql"]
    assert found["create_replica_methods"] == ["pgbackrest", "basebackup"]
    assert found["pgbackrest"] == {
        "command": "/usr/local/bin/pgbackrest-bounded clone",
        "keep_data": True,
    }


def test_a_cluster_without_a_repository_has_nothing_of_it() -> None:
    alone = cluster_of({"pg1": ("postgres", "etcd")})
    assert not alone.uses_pgbackrest(alone.node("pg1"))
    assert PGBACKREST not in certificate_places(alone, alone.node("pg1"))


def test_two_repository_hosts_are_refused() -> None:
    hosts = [
        DeclaredHost(name, roles, {"cluster_address": f"10.0.0.{n}"}, {})
        for n, (name, roles) in enumerate({**GROUPS, "b2": ("backup",)}.items(), 1)
    ]
    (finding,) = declared_clusters(hosts, {})[1]
    assert finding.problem == "cluster main has 2 repository hosts: b, b2"


def test_places_without_a_repository_host_are_refused() -> None:
    """Nobody would store anything there, and nobody would notice."""
    places = {"pgbackrest_repositories": ["s3"], "pgbackrest_s3_bucket": "b", "pgbackrest_s3_endpoint": "e"}
    rest = {"pgbackrest_s3_region": "eu", "pgbackrest_s3_credentials": "keys"}
    data = {"cluster_address": "10.0.0.1", **places, **rest}
    (finding,) = declared_clusters([DeclaredHost("pg1", ("postgres", "etcd"), data, {})], {})[1]
    assert finding.what == "pgbackrest_repositories"
    assert finding.problem == "s3, and cluster main has no repository host to store anything there"
    assert finding.hint.startswith("Put a host in the group backup; it may be a member")


# --- Versions ---


def packages(version: str, codename: str = "trixie", number: str = "13") -> dict[str, Any]:
    state = {"status": "installed", "version": version, "held": True}
    release = {"id": "debian", "codename": codename, "version": number}
    return {"release": release, "packages": {"pgbackrest": state} if version else {}}


def problems(cluster: Cluster, **observed: Any) -> list[str]:
    return [finding.problem for finding in pgbackrest_findings(cluster, observed)]


def test_the_same_version_everywhere_is_well() -> None:
    same = {name: packages("2.55.1-1") for name in GROUPS}
    assert problems(cluster_of(), **same) == []
    assert problems(cluster_of(), **{name: packages("") for name in GROUPS}) == []


def test_versions_that_differ_are_refused_until_one_is_pinned() -> None:
    mixed = {"pg1": packages("2.55.1-1"), "pg2": packages("2.55.1-1"), "b": packages("2.56.0-1.pgdg13+1")}
    assert problems(cluster_of(), **mixed) == ["differs between hosts: 2.55.1 on pg1, pg2; 2.56.0 on b"]
    assert problems(cluster_of(packages_versions={"pgbackrest": "2.56.0-1"}), **mixed) == []


def test_releases_that_would_bring_other_versions_are_refused_before_they_do() -> None:
    fresh = {"pg1": packages(""), "pg2": packages(""), "b": packages("", "bookworm", "12")}
    (problem,) = problems(cluster_of(), **fresh)
    assert problem.startswith("would differ between hosts: each release has its own: Debian 13 (trixie) on pg1, pg2; ")
    assert problems(cluster_of(packages_source="pgdg"), **fresh) == []


def test_another_cluster_s_backups_are_read_with_access_of_its_own_and_never_written() -> None:
    found = source_configuration(cluster_of(pgbackrest_port=9432), "/var/lib/postgresql/17/copy")
    assert (found.path, found.mode, found.user) == ("/etc/pgbackrest/source/pgbackrest.conf", "600", "postgres")
    assert found.content.splitlines()[1:] == [
        "[global]",
        "repo1-host=10.0.0.3",
        "repo1-host-type=tls",
        "repo1-host-port=9432",
        "repo1-host-ca-file=/etc/pgbackrest/source/ca.crt",
        "repo1-host-cert-file=/etc/pgbackrest/source/client.crt",
        "repo1-host-key-file=/etc/pgbackrest/source/client.key",
        "spool-path=/var/spool/pgbackrest",
        "io-timeout=10",
        "log-level-console=warn",
        "log-level-stderr=off",
        "",
        "[main]",
        "pg1-path=/var/lib/postgresql/17/copy",
    ]


def test_backups_go_to_the_addresses_that_are_for_them_and_elsewhere_to_the_cluster_s() -> None:
    """The first member has no such address; the repository host and the second member have."""
    given: dict[str, dict[str, str]] = {
        "pg1": {},
        "pg2": {"backup_address": "10.2.0.2"},
        "b": {"backup_address": "fd02::3"},
    }
    hosts = [
        DeclaredHost(name, GROUPS[name], {"cluster_address": f"10.0.0.{n}", **own}, {})
        for n, (name, own) in enumerate(given.items(), 1)
    ]
    cluster = declared_clusters(hosts, {})[0]["main"]
    assert [line for line in lines(cluster, "b") if "-host=" in line] == ["pg1-host=10.0.0.1", "pg2-host=10.2.0.2"]
    assert {line for name in ("pg1", "pg2") for line in lines(cluster, name) if "-host=" in line} == {
        "repo1-host=fd02::3"
    }
    served = {name: server_lines(cluster, name)[2].removeprefix("tls-server-address=") for name in given}
    assert served == {"pg1": "10.0.0.1", "pg2": "10.2.0.2", "b": "fd02::3"}
    (script,) = (
        file
        for file in pgbackrest_component(cluster, cluster.node("pg1"), Secret("phrase")).files
        if file.path.endswith("bounded")
    )
    assert "/dev/tcp/fd02::3/8432" in script.content
    assert "repo1-host=fd02::3" in source_configuration(cluster, "/var/lib/postgresql/17/copy").content
    own = leaf_request(cluster, cluster.node("pg2"), PGBACKREST_SERVER)
    assert {"10.2.0.2", "10.0.0.2"} <= set(own.dns_names) and {"10.2.0.2", "10.0.0.2"} <= set(map(str, own.addresses))
    assert "10.2.0.2" not in map(str, leaf_request(cluster, cluster.node("pg2"), PATRONI).addresses)


def test_a_source_without_backups_is_refused() -> None:
    with pytest.raises(ConfigError, match="has no repository host"):
        source_configuration(cluster_of({"pg1": ("postgres", "etcd")}), "/var/lib/postgresql/17/copy")


def test_the_repository_host_s_server_reaches_the_repository_and_no_other_file_of_the_host() -> None:
    """Its clients name the path; what it does not have is what they do not get."""
    unit = drop_in(cluster_of(), "b")
    assert unit["TemporaryFileSystem"] == ["/:ro"]
    assert unit["BindPaths"] == [LOCKS, "/var/lib/pgbackrest"]
    system = {"/usr", "/bin", "/sbin", "/lib", "-/lib64", "/etc/ld.so.cache", "/etc/passwd", "/etc/group"}
    assert set(unit["BindReadOnlyPaths"]) == system | {"-/etc/localtime", "/etc/pgbackrest/server"}
    drill = "-/var/lib/pgbackrest/restore-drill"
    assert unit["InaccessiblePaths"] == [drill, "-/dev/shm", "-/dev/mqueue"], "PostgreSQL runs from what lies there"
    assert "AF_UNIX" not in unit["RestrictAddressFamilies"], "PostgreSQL's socket lets in whoever is postgres"


def test_what_opens_the_repository_is_in_no_file_that_the_server_reaches(keys: Path) -> None:
    cluster = with_store(keys, "directory", "s3")
    said = "".join(server_lines(cluster, "b"))
    assert "phrase" not in said and "AKIA" not in said and "s3cret" not in said
    secrets = server_secrets(cluster, cluster.node("b"), 'a "phrase" of $5', store_of(cluster))
    assert (secrets.path, secrets.user, secrets.mode) == (SERVER_SECRETS, "root", "600")
    assert secrets.content.splitlines()[1:] == [
        'PGBACKREST_REPO1_CIPHER_PASS="a \\"phrase\\" of \\$5"',
        'PGBACKREST_REPO2_CIPHER_PASS="a \\"phrase\\" of \\$5"',
        'PGBACKREST_REPO2_S3_KEY="AKIA"',
        'PGBACKREST_REPO2_S3_KEY_SECRET="s3cret"',
    ]


def test_a_store_is_looked_up_with_files_that_change_while_the_server_runs(keys: Path) -> None:
    unit = drop_in(with_store(keys), "b")
    assert unit["BindPaths"] == [LOCKS]
    assert "/etc" in unit["BindReadOnlyPaths"] and "/etc/pgbackrest:ro" in unit["TemporaryFileSystem"]
    assert {"-/etc/patroni", "-/etc/etcd", "-/etc/postgresql"} <= set(unit["InaccessiblePaths"])


def test_a_member_s_server_writes_nothing_but_its_lock() -> None:
    cluster = cluster_of()
    unit = drop_in(cluster, "pg1")
    assert (unit["ProtectSystem"], unit["ReadWritePaths"]) == (["strict"], [LOCKS])
    assert unit["TemporaryFileSystem"] == ["/etc/pgbackrest:ro"]
    assert {"-/etc/patroni", "-/etc/etcd", "-/etc/postgresql", "-/etc/haproxy"} <= set(unit["InaccessiblePaths"])
    assert SERVER_SECRETS not in {
        file.path for file in pgbackrest_component(cluster, cluster.node("pg1"), Secret("phrase")).files
    }


def test_commands_and_the_server_exclude_each_other() -> None:
    cluster = cluster_of()
    for name in ("pg1", "b"):
        assert f"lock-path={LOCKS}" in lines(cluster, name) and f"lock-path={LOCKS}" in server_lines(cluster, name)


def test_the_server_s_certificate_lets_nobody_in() -> None:
    """What the server can read its clients can; they must not come as the repository host to the members with it."""
    cluster = cluster_of()
    server, client = (leaf_request(cluster, cluster.node("b"), place) for place in (PGBACKREST_SERVER, PGBACKREST))
    assert (server.server, server.client) == (True, False)
    assert (client.server, client.client) == (False, True)
    assert {place.issuer for place in (PGBACKREST_SERVER, PGBACKREST, SOURCE)} == {"pgbackrest"}
    assert not [place for place in (ETCD, PATRONI, POSTGRES) if place.issuer == "pgbackrest"]


def test_nothing_brings_proc_back_to_the_repository_host_s_server() -> None:
    """systemd mounts it for these, empty root or not, and the environment has the pass phrase."""
    words = {"ProtectKernelTunables", "ProtectControlGroups", "ProtectProc", "ProcSubset", "MountAPIVFS"}
    assert not words & set(drop_in(cluster_of(), "b"))
