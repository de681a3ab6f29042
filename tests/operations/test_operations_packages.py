"""The operation of the packages: which commands, in which order, and what it refuses before the first of them."""

import subprocess
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from pyinfra.context import ctx_host

import operations.packages
from cluster.declared.address import Address
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.packages.files import KEY, OBSERVED_PATHS, PREFERENCES, SOURCE
from cluster.packages.plan import PackagesPlan, wanted_packages
from cluster.settings.settings import Settings
from tests.operations.written import files_written

HAPROXY = {"status": "installed", "version": "3.0.11-1", "held": True}
OPENSSL = {"status": "installed", "version": "3.5.7-1", "held": False}
DIRECTORY = {"kind": "directory", "user": "root", "group": "root", "mode": "755"}


class FakeHost:
    """A host that answers every look with its picture, and remembers what was said and asked."""

    name = "lb1"

    def __init__(self, picture: dict[str, Any]) -> None:
        self.picture = picture
        self.said: list[str] = []
        self.asked: list[dict[str, Any]] = []

    def get_fact(self, fact: type, **arguments: Any) -> dict[str, Any]:
        self.asked.append(arguments)
        return deepcopy(self.picture)

    def noop(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def balancer() -> Iterator[FakeHost]:
    """A host with HAProxy, as declared."""
    fake = FakeHost(
        {
            "release": {"id": "debian", "codename": "trixie", "version": "13"},
            "packages": {"haproxy": dict(HAPROXY), "openssl": dict(OPENSSL)},
            "paths": dict.fromkeys(OBSERVED_PATHS) | {path.rpartition("/")[0]: DIRECTORY for path in (SOURCE, KEY)},
            "unfinished": False,
            "masked": False,
            "clusters": [],
            "rivals": [],
            "offered": {"haproxy": ["3.0.12-1", "3.0.11-1"], "openssl": ["3.5.7-1"]},
        }
    )
    with ctx_host.use(fake):  # type: ignore[no-untyped-call]
        yield fake


def a_cluster(*roles: str, **settings: Any) -> Cluster:
    declared = Settings(**settings)
    node = Node("lb1", Address("10.0.0.1"), frozenset(roles or ("haproxy",)), declared)
    return Cluster("main", declared, (node,))


def commands(cluster: Cluster) -> list[str]:
    """What the operation runs, each told in a few words."""
    return [told(str(command)) for command in operations.packages.installed._inner(cluster=cluster)]


def told(command: str) -> str:
    """A script by what it is for, a written file by its path, anything else as it is."""
    if "attempt()" in command:
        return "install"
    if "\nuntil " in command:
        return "update " + command.partition("source=")[2].splitlines()[0]
    return "write " + " ".join(files_written(command, "")) if "head -c" in command else command


def install_arguments(cluster: Cluster) -> str:
    (command,) = [
        str(command) for command in operations.packages.installed._inner(cluster=cluster) if "attempt()" in str(command)
    ]
    (line,) = [line for line in command.splitlines() if line.startswith("attempt()")]
    return line.partition("--force-confold")[2].partition(" >")[0].strip()


def kinds(cluster: Cluster) -> list[str]:
    return [command.split()[0] for command in commands(cluster)]


def test_nothing_to_do_is_one_look_and_a_sentence(balancer: FakeHost) -> None:
    assert commands(a_cluster()) == []
    assert balancer.said == ["packages are installed and held as declared"]
    assert len(balancer.asked) == 1 and "offered" not in balancer.asked[0]


def test_one_missing(balancer: FakeHost) -> None:
    del balancer.picture["packages"]["haproxy"]
    assert kinds(a_cluster()) == ["update", "install", "apt-mark"]
    assert install_arguments(a_cluster()) == "install haproxy"
    assert commands(a_cluster())[-1] == "apt-mark hold haproxy"


def test_the_pin_differs(balancer: FakeHost) -> None:
    cluster = a_cluster(packages_versions={"haproxy": "3.0.12-1"})
    assert install_arguments(cluster) == "--allow-change-held-packages install haproxy=3.0.12-1"
    assert commands(cluster)[-1] == "apt-mark hold haproxy"


def test_the_hold_is_missing(balancer: FakeHost) -> None:
    balancer.picture["packages"]["haproxy"]["held"] = False
    assert commands(a_cluster()) == ["apt-mark hold haproxy"]


def test_holds_are_switched_off(balancer: FakeHost) -> None:
    assert commands(a_cluster(packages_hold=False)) == ["apt-mark unhold haproxy"]
    balancer.picture["packages"]["haproxy"]["held"] = False
    assert commands(a_cluster(packages_hold=False)) == []


def test_pgdg_comes_with_its_key_first(balancer: FakeHost) -> None:
    assert commands(a_cluster(packages_source="pgdg")) == [
        f"write {KEY} {PREFERENCES} {SOURCE}",
        "update https://apt.postgresql.org/pub/repos/apt",
    ]


def test_a_mirror_must_be_reached(balancer: FakeHost, tmp_path: Any) -> None:
    key = tmp_path / "mirror.asc"
    key.write_text("-----BEGIN PGP PUBLIC KEY BLOCK-----\n")
    mirror = {"packages_mirror_uri": "http://apt.example.net", "packages_mirror_suite": "ha"}
    cluster = a_cluster(packages_source="mirror", packages_mirror_key=str(key), **mirror)
    assert commands(cluster)[-1] == "update http://apt.example.net"


def test_back_to_the_distribution_the_source_goes(balancer: FakeHost) -> None:
    for path in (SOURCE, KEY, PREFERENCES):
        balancer.picture["paths"][path] = {**DIRECTORY, "kind": "file", "sha256": ""}
    assert commands(a_cluster()) == [f"rm -f {SOURCE} {PREFERENCES} {KEY}", "update ''"]


def test_debian_is_kept_from_making_a_cluster_before_postgresql_comes(balancer: FakeHost) -> None:
    cluster = a_cluster("postgres")
    balancer.picture["offered"] = {name: ["1"] for name in wanted_packages(cluster, cluster.nodes[0])}
    assert commands(cluster)[0] == "write /etc/postgresql-common/createcluster.conf"
    assert kinds(cluster)[1:] == ["update", "systemctl", "install", "apt-mark"]
    assert commands(cluster)[2] == "systemctl mask --quiet postgresql.service"


def test_an_installation_that_died_is_finished_without_asking_for_packages(balancer: FakeHost) -> None:
    balancer.picture["unfinished"] = True
    assert kinds(a_cluster()) == ["install"]
    assert install_arguments(a_cluster()) == "install"


def test_what_no_source_has_is_refused_after_the_lists_were_read(balancer: FakeHost) -> None:
    generator = operations.packages.installed._inner(cluster=a_cluster(packages_versions={"haproxy": "9-1"}))
    assert told(str(next(generator))).startswith("update")
    with pytest.raises(UnsafeError) as refused:
        next(generator)
    assert str(refused.value) == (
        "packages cannot be installed as declared\n\n"
        "  lb1  haproxy  version 9-1 is not offered; offered: 3.0.12-1, 3.0.11-1\n"
        "                HINT: Pin one that is offered in packages_versions."
    )
    assert balancer.asked[-1]["offered"] is True


def test_a_downgrade_is_refused_before_anything_is_done(balancer: FakeHost) -> None:
    with pytest.raises(UnsafeError) as refused:
        commands(a_cluster(packages_versions={"haproxy": "2.6-1"}))
    assert str(refused.value) == (
        "packages cannot be installed as declared\n\n"
        "  lb1  packages_versions  haproxy 2.6-1 is older than 3.0.11-1, which is installed\n"
        "                          HINT: Pin 3.0.11-1; a downgrade is done by hand, with its release notes\n"
        "                          read."
    )


def test_the_scripts_are_ones_that_a_shell_can_read() -> None:
    plan = PackagesPlan(install=("haproxy=1; rm -rf /",), idle_units=("haproxy",), changes_held=True)
    for command in (operations.packages.install(plan), operations.packages.update("http://x/'; false")):
        subprocess.run(["sh", "-n", "-c", str(command)], check=True)
    assert "'haproxy=1; rm -rf /'" in str(operations.packages.install(plan))


def test_the_key_stays_out_of_the_commands(balancer: FakeHost) -> None:
    cluster = a_cluster(packages_source="pgdg")
    written = [str(command) for command in operations.packages.installed._inner(cluster=cluster)]
    assert any(KEY in command for command in written)
    assert not any("BEGIN PGP" in command for command in written)
