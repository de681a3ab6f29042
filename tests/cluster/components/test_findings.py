"""The program with which a host judges itself, run as on a host: with Debian's Python, without what only we have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.components.all import FINDINGS
from cluster.components.component import Component
from cluster.components.findings.bundle import ENTRY, bundle
from cluster.components.findings.declaration import declaration, declared_components
from tests.golden.examples import SECRETS, example, monitored

ABSENT = ("pydantic", "pydantic_core", "pyinfra", "jinja2", "bcrypt", "gevent", "psycopg")
# Python's own search for modules, before which the bundle's directory comes.
BLOCKED = f"""
import runpy, sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        found = PathFinder.find_spec(name, path) if name.partition(".")[0] in {ABSENT!r} else None
        if found is not None and "site-packages" in str(found.origin):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PROGRAM = Path(__file__).parents[3] / "cluster/components/on_host/findings.py"


def installed(directory: Path) -> Component:
    """What lies on the first member, its program and declaration also in a directory."""
    cluster = monitored("three_hosts")
    component = FINDINGS.files(cluster, cluster.members[0], SECRETS)
    for file in component.files:
        (directory / Path(file.path).name).write_text(file.content)
    (directory / "cache").mkdir()
    return component


def judge(directory: Path) -> subprocess.CompletedProcess[str]:
    words = [
        directory / "findings.bundle",
        directory / "cache",
        ENTRY,
        directory / "findings.json",
        directory / "m.prom",
    ]
    command = [sys.executable, "-c", BLOCKED, str(PROGRAM), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, check=False)


def test_it_runs_without_what_hosts_do_not_have(tmp_path: Path) -> None:
    installed(tmp_path)
    done = judge(tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "m.prom").read_text()
    assert 'pyinfra_patroni_findings_judged_timestamp_seconds{cluster="main"}' in text
    assert 'kind="host-silent"' not in text  # of others it does not know
    again = sorted(path.name for path in (tmp_path / "cache").iterdir())
    assert judge(tmp_path).returncode == 0
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == again


def test_an_older_bundle_goes_when_another_is_unpacked(tmp_path: Path) -> None:
    installed(tmp_path)
    (tmp_path / "cache" / "0123456789abcdef").mkdir()
    (tmp_path / "cache" / "fedcba9876543210.part").mkdir()
    assert judge(tmp_path).returncode == 0
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_the_same_modules_are_the_same_bundle() -> None:
    first = bundle()
    bundle.cache_clear()
    assert bundle() == first


def test_what_lies_on_the_host_is_judged_by_digests() -> None:
    cluster = monitored("three_hosts")
    node = cluster.members[0]
    files = FINDINGS.files(cluster, node, SECRETS).files
    told = next(file.content for file in files if file.path.endswith("findings.json"))
    assert [name for name, secret in SECRETS.items() if str(secret) in told] == []
    known = {file.path: file for one in declared_components(json.loads(told)["components"]) for file in one.files}
    haproxy = "/etc/haproxy/haproxy.cfg"
    assert haproxy in known and {file.path for file in files} - set(known) == {"/etc/pyinfra-patroni/findings.json"}
    seen = {"kind": "file", "mode": "600", "user": "root", "group": "root", "sha256": known[haproxy].digest}
    assert known[haproxy].fits(seen) and not known[haproxy].fits({**seen, "sha256": "0"})


def test_components_survive_being_told() -> None:
    cluster = monitored("three_hosts")
    node = cluster.members[0]
    component = FINDINGS.files(cluster, node, SECRETS)
    (told,) = declared_components(json.loads(declaration(cluster, node, [component]))["components"])
    assert (told.directories, told.mark) == (component.directories, component.mark)
    assert [(one.name, one.loads) for one in told.units] == [(one.name, one.loads) for one in component.units]


@pytest.mark.parametrize("name", ["three_hosts", "dedicated"])
def test_without_monitoring_a_host_has_nothing_of_it(name: str) -> None:
    cluster = example(name)
    for node in cluster:
        assert FINDINGS.files(cluster, node, SECRETS) == Component()
        assert FINDINGS.packages(cluster, node) == () and FINDINGS.units(cluster, node) == ()
