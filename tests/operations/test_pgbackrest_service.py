"""What the operation ``pgbackrest.configured`` touches, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.context import ctx_host

from cluster.components.files import File
from cluster.components.pgbackrest_files import pgbackrest_component
from cluster.declared.model import Cluster
from cluster.pki.certificates import PGBACKREST_SERVER
from cluster.secrets.secrets import Secret
from operations.pgbackrest import configured
from tests.cluster.components.test_pgbackrest import cluster_of, keys, with_store

__all__ = ["keys"]

PHRASE = Secret("S3cretOfTheBackups")


class PicturedHost:
    """A host whose facts are answered from a list, in order."""

    def __init__(self, name: str, *pictures: dict[str, Any]) -> None:
        self.name = name
        self.pictures: Iterator[dict[str, Any]] = iter(pictures)
        self.noop_description: str | None = None

    def get_fact(self, *_: Any, **__: Any) -> dict[str, Any]:
        return next(self.pictures)

    def noop(self, description: str) -> None:
        self.noop_description = description

    def log(self, text: str) -> None:
        pass


def picture(cluster: Cluster, name: str) -> dict[str, Any]:
    """A host with all as declared."""
    component = pgbackrest_component(cluster, cluster.node(name), PHRASE)
    paths: dict[str, Any] = {}
    for item in component.items:
        kind = {"kind": "file", "sha256": item.digest} if isinstance(item, File) else {"kind": "directory"}
        paths[item.path] = {"mode": item.mode, "user": item.user, "group": item.group, **kind}
    running = {"active": "active", "needs_daemon_reload": False, "started_at": 200, "files_changed_at": 100}
    unit = {**running, "files_digest": "new", "loaded_digest": "new"}
    return {"paths": paths, "units": {one.name: dict(unit) for one in component.units}}


def run(cluster: Cluster, host: PicturedHost) -> list[str]:
    with ctx_host.use(host):
        return [one.get_raw_value() for one in configured._inner(cluster=cluster, cipher_pass=PHRASE)]


def timers(*there: str) -> dict[str, Any]:
    """Whether the files of timers without a time are there. + there: the types"""
    kinds = [f"{kind}{second}" for second in ("", "-repo2") for kind in ("full", "diff", "incr")]
    names = {kind: f"/etc/systemd/system/pgbackrest-backup-{kind}.timer" for kind in kinds}
    return {"paths": {path: {"kind": "file"} if kind in there else None for kind, path in names.items()}, "units": {}}


@pytest.mark.parametrize("groups", [{"pg1": ("postgres", "etcd")}, {"pg1": ("postgres", "etcd"), "lb": ("haproxy",)}])
def test_a_cluster_without_a_repository_host_is_left_alone(groups: dict[str, tuple[str, ...]]) -> None:
    cluster = cluster_of(groups)
    for name in groups:
        host = PicturedHost(name)
        assert run(cluster, host) == []
        assert host.noop_description == "no backups on this host"


def test_a_host_without_data_or_repository_is_left_alone() -> None:
    cluster = cluster_of({"pg1": ("postgres", "etcd"), "lb": ("haproxy",), "b": ("backup",)})
    host = PicturedHost("lb")
    assert run(cluster, host) == []
    assert host.noop_description == "no backups on this host"


def test_nothing_is_done_where_all_is_as_declared() -> None:
    cluster = cluster_of()
    for host in (
        PicturedHost("pg1", picture(cluster, "pg1")),
        PicturedHost("b", timers(), picture(cluster, "b")),
    ):
        assert run(cluster, host) == []
        assert host.noop_description == "files and units are as declared"


def test_a_type_that_has_no_time_any_more_is_taken_from_the_schedule() -> None:
    cluster = cluster_of(pgbackrest_schedule={"full": "daily"})
    (gone,) = run(cluster, PicturedHost("b", timers("diff"), picture(cluster, "b")))
    assert gone.startswith("systemctl disable --now --quiet pgbackrest-backup-diff.timer; rm -f ")


def test_a_repository_that_is_not_declared_any_more_is_taken_from_the_schedule() -> None:
    cluster = cluster_of()
    gone = run(cluster, PicturedHost("b", timers("full-repo2", "diff-repo2"), picture(cluster, "b")))
    assert [one.partition(";")[0].rpartition(" ")[2] for one in gone] == [
        "pgbackrest-backup-full-repo2.timer",
        "pgbackrest-backup-diff-repo2.timer",
    ]


def test_the_second_repository_has_timers_of_its_own(keys: Path) -> None:
    cluster = with_store(keys, "directory", "s3")
    component = pgbackrest_component(cluster, cluster.node("b"), PHRASE)
    (found,) = (file for file in component.files if file.path.endswith("/pgbackrest-backup-full-repo2.timer"))
    assert "Description=full backups of main in the S3 store\n\n[Timer]\n" in found.content
    assert "Unit=pgbackrest-backup@full-repo2.service\n" in found.content
    assert [unit.name for unit in component.units if "repo2" in unit.name] == [
        "pgbackrest-backup-full-repo2.timer",
        "pgbackrest-backup-diff-repo2.timer",
    ]


def test_a_new_certificate_is_loaded_without_ending_a_backup() -> None:
    cluster = cluster_of()
    seen = picture(cluster, "b")
    seen["units"]["pgbackrest"].update(loaded_digest="old", started_at=50)
    (load,) = run(cluster, PicturedHost("b", timers(), seen))
    assert "systemctl reload pgbackrest" in load
    (unit,) = (
        one for one in pgbackrest_component(cluster, cluster.node("b"), PHRASE).units if one.name == "pgbackrest"
    )
    assert {PGBACKREST_SERVER.certificate, PGBACKREST_SERVER.authority} <= set(unit.loads)


def test_another_time_reaches_the_timer() -> None:
    cluster = cluster_of(pgbackrest_schedule={"full": "Sat 03:00"}, pgbackrest_random_delay_minutes=5)
    component = pgbackrest_component(cluster, cluster.node("b"), PHRASE)
    (timer,) = (file for file in component.files if file.path.endswith("-full.timer"))
    assert "OnCalendar=Sat 03:00\nRandomizedDelaySec=5min\n" in timer.content
    names = ["pgbackrest", "pgbackrest-backup-full.timer", "pgbackrest-drill.timer"]
    assert [unit.name for unit in component.units] == names


def test_drills_that_have_no_time_any_more_are_taken_from_the_schedule() -> None:
    cluster = cluster_of(pgbackrest_drill_schedule=None)
    gone = timers("diff")
    gone["paths"]["/etc/systemd/system/pgbackrest-drill.timer"] = {"kind": "file"}
    (command,) = run(cluster, PicturedHost("b", gone, picture(cluster, "b")))
    assert command.startswith("systemctl disable --now --quiet pgbackrest-drill.timer; rm -f ")
    component = pgbackrest_component(cluster, cluster.node("b"), PHRASE)
    assert "/etc/systemd/system/pgbackrest-drill.service" in {file.path for file in component.files}


def drill_files(**settings: Any) -> dict[str, str]:
    cluster = cluster_of(**settings)
    component = pgbackrest_component(cluster, cluster.node("b"), PHRASE)
    return {file.path.rpartition("/")[2]: file.content for file in component.files if "drill" in file.path}


def test_a_drill_knows_of_no_host() -> None:
    """Its copy is the only PostgreSQL that its pgBackRest has heard of, wherever it runs."""
    text = drill_files()["drill.conf"]
    assert "-host" not in text
    scratch = "/var/lib/pgbackrest/restore-drill/scratch"
    assert text.endswith(f"[main]\npg1-path={scratch}/data\n")
    assert f"spool-path={scratch}/spool\nlock-path=/run/pgbackrest-drill\n" in text


def test_a_copy_reaches_the_network_only_where_the_repository_is_one(tmp_path: Path) -> None:
    assert "PrivateNetwork=yes" in drill_files()["pgbackrest-drill.service"]
    keys = tmp_path / "keys"
    keys.write_text("key\nsecret\n")
    keys.chmod(0o600)
    store = {"bucket": "b", "endpoint": "s3.example.net", "region": "x", "credentials": str(keys)}
    settings: dict[str, Any] = {f"pgbackrest_s3_{name}": value for name, value in store.items()}
    files = drill_files(**settings, pgbackrest_repositories=["s3"], pgbackrest_path="/orders")
    assert "PrivateNetwork" not in files["pgbackrest-drill.service"]
    assert "/var/lib/pgbackrest/restore-drill/scratch" in files["drill.json"], "the store's path is no directory here"


def hidden(**settings: Any) -> dict[str, list[str]]:
    """What a drill's unit sees, by the name of the setting."""
    lines = drill_files(**settings)["pgbackrest-drill.service"].splitlines()
    names = ("TemporaryFileSystem", "BindReadOnlyPaths", "BindPaths")
    return {
        name: next(one.removeprefix(f"{name}=").split() for one in lines if one.startswith(f"{name}="))
        for name in names
    }


def test_a_drill_sees_no_key_and_no_password_but_what_it_restores_with() -> None:
    lines = drill_files()["pgbackrest-drill.service"].splitlines()
    (unseen,) = (line.partition("=")[2].split() for line in lines if line.startswith("InaccessiblePaths="))
    # Not to be there is no reason not to start.
    assert set(unseen) == {
        f"-/etc/{path}"
        for path in (
            *("etcd", "patroni", "postgresql", "haproxy"),
            *("pgbackrest/pki", "pgbackrest/server", "pgbackrest/pgbackrest.conf", "pgbackrest/server.env"),
        )
    }


def test_a_drill_can_write_its_copy_and_nothing_of_the_host_s() -> None:
    seen = hidden()
    assert seen["BindPaths"] == [
        *("/var/lib/pgbackrest/restore-drill", "/var/lib/pgbackrest-drill", "/run/pgbackrest-drill"),
    ]
    assert seen["BindReadOnlyPaths"] == ["/etc", "/usr", "/bin", "/sbin", "/lib", "-/lib64", "/var/lib/pgbackrest"]
    assert seen["TemporaryFileSystem"] == [f"{path}:mode=1777" for path in ("/", "/dev/shm", "/var", "/var/lib")]


def test_a_drill_s_own_disk_and_the_repository_s_are_all_that_it_sees_of_others() -> None:
    seen = hidden(pgbackrest_path="/srv/backups", pgbackrest_drill_path="/srv/backups/copies")
    assert "/srv/backups/copies/restore-drill" in seen["BindPaths"] and "/srv/backups" in seen["BindReadOnlyPaths"]
    free = {one.removesuffix(":mode=1777") for one in seen["TemporaryFileSystem"]}
    assert free == {"/", "/dev/shm", "/srv", "/var", "/var/lib"}, "what is seen is not free"


def test_another_disk_for_the_copies_gets_a_directory_of_theirs() -> None:
    assert '"/srv/copies/restore-drill/scratch"' in drill_files(pgbackrest_drill_path="/srv/copies")["drill.json"]


def test_a_host_that_is_a_member_too_gives_a_drill_fewer_cores() -> None:
    cluster = cluster_of({"pg1": ("postgres", "etcd", "backup")})
    files = {file.path: file.content for file in pgbackrest_component(cluster, cluster.node("pg1"), PHRASE).files}
    assert '"core_part": 4' in files["/etc/pgbackrest/drill.json"]
    assert '"core_part": 2' in drill_files()["drill.json"]


def test_the_pass_phrase_is_in_no_command_line() -> None:
    cluster = cluster_of()
    nothing = dict.fromkeys(picture(cluster, "b")["paths"])
    down = picture(cluster, "b")
    for unit in down["units"].values():
        unit["active"] = "inactive"
    host = PicturedHost("b", timers(), {**down, "paths": nothing}, down)
    commands = run(cluster, host)
    assert len(commands) == 2  # all files, all units
    assert not [one for one in commands if PHRASE in one]
