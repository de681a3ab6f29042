"""Packages from a mirror: it wins over the distribution, and another key than the declared one is refused."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pprint import pformat
from typing import Any

import pytest

from facts.packages import POLICY, POLICY_MARK
from tests.lab import lifecycle, mirror
from tests.lab.docker import run_in
from tests.lab.inventory import host_data
from tests.lab.mirror import Mirror
from tests.lab.paths import ROOT
from tests.lab.spec import Host

pytestmark = pytest.mark.lab

PACKAGE = "haproxy"
RUN_SECONDS = 180

# What a run leaves that is killed between unpacking and configuring: Debian has enabled the unit, the policy is ours.
DIED = f"""\
apt-mark unhold {PACKAGE}
dpkg --unpack /var/cache/apt/archives/{PACKAGE}_*.deb
systemctl enable {PACKAGE}
printf '#!/bin/sh\\n# {POLICY_MARK}\\nexit 101\\n' > {POLICY}
"""

DEPLOY = """\
from pyinfra import host, inventory

from cluster.inventory.clusters import declared_clusters
from cluster.inventory.host import DeclaredHost
from cluster.settings.settings import Settings
from deploys.components.packages import deploy_packages


def declared(one):
    data = {name: value for name, value in one.data.dict().items() if name in Settings.model_fields}
    return DeclaredHost(one.name, tuple(one.groups), data, {})


clusters, _ = declared_clusters(map(declared, inventory), {})  # of one balancer only, which no preflight would let pass
deploy_packages(clusters["main"])
"""


@pytest.fixture(scope="module")
def balancer() -> Iterator[Host]:
    """A bare host that is to get HAProxy."""
    lab = lifecycle.reserve("mirror", release="trixie", flavour="bare")
    try:
        lifecycle.up(lab, ["haproxy1", "backup1"])
        yield lab.host("haproxy1")
    finally:
        lifecycle.down(lab)


@pytest.fixture(scope="module")
def served(balancer: Host) -> Mirror:
    """A mirror on another host."""
    return mirror.start(balancer.lab.host("backup1"), PACKAGE)


def run(host: Host, directory: Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run the packages' deploy on one host, as an operator would."""
    inventory, deploy = directory / "inventory.py", directory / "packages.py"
    inventory.write_text(f"haproxy = {pformat([(host.container, host_data(host, extra=settings))])}\n")
    deploy.write_text(DEPLOY)
    command = [sys.executable, "-m", "pyinfra", "-y", str(inventory), str(deploy)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=RUN_SECONDS)


def settings(served: Mirror, key: str, directory: Path) -> dict[str, Any]:
    path = directory / "mirror.asc"
    path.write_text(key)
    return {
        "packages_source": "mirror",
        "packages_mirror_uri": served.uri,
        "packages_mirror_suite": mirror.SUITE,
        "packages_mirror_key": str(path),
    }


def test_a_wrong_key_is_refused_and_nothing_is_installed(balancer: Host, served: Mirror, tmp_path: Path) -> None:
    done = run(balancer, tmp_path, **settings(served, served.wrong_key, tmp_path))
    assert done.returncode != 0
    assert "HINT: the key that signs the package source is not the one that is declared" in done.stdout + done.stderr
    assert run_in(balancer.container, f"dpkg-query -W {PACKAGE} 2> /dev/null || true") == ""


def test_the_mirror_wins_over_the_distribution(balancer: Host, served: Mirror, tmp_path: Path) -> None:
    declared = settings(served, served.key, tmp_path)
    done = run(balancer, tmp_path, **declared)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_in(balancer.container, f"dpkg-query -W -f '${{Version}}' {PACKAGE}") == served.version
    assert f"600 {served.uri} {mirror.SUITE}/main" in run_in(balancer.container, f"apt-cache policy {PACKAGE}")
    assert run_in(balancer.container, "systemctl is-active haproxy || true") == "inactive"
    assert run_in(balancer.container, "systemctl is-enabled haproxy || true") == "disabled"
    assert run_in(balancer.container, "apt-mark showhold") == PACKAGE
    assert "No changes" in run(balancer, tmp_path, **declared).stderr


def test_an_installation_that_died_is_finished(balancer: Host, served: Mirror, tmp_path: Path) -> None:
    run_in(balancer.container, DIED)
    assert run_in(balancer.container, f"dpkg-query -W -f '${{db:Status-Status}}' {PACKAGE}") == "unpacked"
    done = run(balancer, tmp_path, **settings(served, served.key, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_in(balancer.container, f"dpkg-query -W -f '${{db:Status-Status}}' {PACKAGE}") == "installed"
    assert run_in(balancer.container, f"ls {POLICY} 2> /dev/null || true") == ""
    assert run_in(balancer.container, "systemctl is-enabled haproxy || true") == "disabled"
    assert run_in(balancer.container, "apt-mark showhold") == PACKAGE


def test_back_to_the_distribution_the_mirror_is_forgotten(balancer: Host, served: Mirror, tmp_path: Path) -> None:
    done = run(balancer, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run_in(
        balancer.container, "ls /etc/apt/sources.list.d /etc/apt/keyrings /etc/apt/preferences.d"
    ).split() == [
        *("/etc/apt/keyrings:", "/etc/apt/preferences.d:", "/etc/apt/sources.list.d:"),
    ]
    assert served.uri not in run_in(balancer.container, "apt-cache policy")
    assert run_in(balancer.container, f"dpkg-query -W -f '${{Version}}' {PACKAGE}") == served.version
