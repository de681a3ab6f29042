"""The availability probe against a real cluster: what it says, when it refuses, and that it leaves nothing behind."""

import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.endpoints.probe import DATABASE
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    Built,
    Run,
    kill_run,
    leader,
    run,
    secrets,
    site,
    sql,
    start,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

PROBE = "deploys/probe.py"
HOSTS = ("pg1", "pg2", "etcd1")
VERDICT = re.compile(
    r"writes interrupted ([\d.]+) s, (\d+) acknowledged writes lost.*? "
    r"\((\d+) acknowledged, (\d+) refused, (\d+) unknown\); reads interrupted ([\d.]+) s"
)
# A procedure whose second command fails, as another deploy file may have one.
PROCEDURE = """
from pyinfra.api import StringCommand, operation

from deploys.procedures.probe import probe_of
from deploys.parts.begin import declared_cluster
from operations.runs.probe import probing
from operations.util.hosts import acts_for


@operation()
def fails(cluster, probe):
    if acts_for(cluster.members):
        with probing(probe):
            yield StringCommand("sleep 1")
            yield StringCommand("false")


cluster = declared_cluster()
if cluster is not None:
    fails(name="A procedure", cluster=cluster, probe=probe_of(cluster))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members with HAProxy, and one etcd beside them."""
    with site("p-probe", tmp_path_factory.mktemp("probe"), hosts=HOSTS) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab, HOSTS[:2])
        yield Built(ready.lab, ready.inventory, first)


def numbers(log: str) -> list[float]:
    """Of the verdict: writes interrupted, lost, acknowledged, refused, unknown, reads interrupted."""
    found = VERDICT.search(log)
    assert found, log
    print(found[0])
    return [float(text) for text in found.groups()]


def ended(process: subprocess.Popen[str]) -> Run:
    """A run that was started, when it has ended."""
    said, log = process.communicate(timeout=120)
    return Run(process.returncode, 0, {}, log + said)


def wait_until_it_writes(built: Built) -> None:
    def writes() -> bool:
        return sql(built.lab, f"SELECT 1 FROM pg_stat_database WHERE datname = '{DATABASE}' AND xact_commit > 30") != []

    wait_until("the probe writes", writes, seconds=90)


def assert_gone(built: Built) -> None:
    assert sql(built.lab, f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'") == []


def programs_of(process: subprocess.Popen[str]) -> list[Path]:
    """The processes of a run's probe, as directories below /proc."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = [Path("/proc", child) for child in children]
    return [path for path in found if b"on_control.probe" in (path / "cmdline").read_bytes()]


def test_nothing_is_felt_while_nothing_happens_and_what_a_killed_probe_left_is_in_nobodys_way(built: Built) -> None:
    sql(built.lab, f"CREATE DATABASE {DATABASE}", dbname="postgres")
    done = run(built.inventory, PROBE, "--data", "seconds=3", as_json=False)
    print(f"\nthe whole run took {done.seconds:.1f} s")
    writes, lost, acknowledged, refused, unknown, reads = numbers(done.log)
    assert (lost, refused, unknown) == (0, 0, 0)
    assert acknowledged > 50
    assert max(writes, reads) < 2
    assert secrets(built.lab)["PATRONI_ADMIN_PASSWORD"] not in done.log
    assert_gone(built)


def test_a_lost_and_a_duplicated_write_end_the_run(built: Built) -> None:
    process = start(built.inventory, PROBE, "--data", "seconds=10")
    try:
        wait_until_it_writes(built)
        tampered = (
            "INSERT INTO probe SELECT * FROM probe WHERE writer = 0 AND sequence = 1;"
            "DELETE FROM probe WHERE writer = 1 AND sequence IN (1, 2)"
        )
        sql(built.lab, tampered, dbname=DATABASE)
        done = ended(process)
    finally:
        kill_run(process)
    assert done.code == 1
    assert "the cluster broke its word to clients: 2 acknowledged writes lost, 1 duplicated" in done.log
    assert_gone(built)


def test_a_procedure_that_fails_has_its_verdict_too(built: Built, tmp_path: Path) -> None:
    procedure = tmp_path / "procedure.py"
    procedure.write_text(PROCEDURE)
    done = run(built.inventory, str(procedure), "--data", "probe=true", check=False)
    assert done.code == 1
    assert numbers(done.log)[1] == 0
    assert "Traceback" not in done.log
    assert_gone(built)


def test_there_is_one_probe_at_a_time_and_a_killed_run_leaves_none(built: Built) -> None:
    process = start(built.inventory, PROBE, "--data", "seconds=600")
    try:
        wait_until_it_writes(built)
        (program,) = programs_of(process)
        assert secrets(built.lab)["PATRONI_ADMIN_PASSWORD"].encode() not in (program / "cmdline").read_bytes()
        assert secrets(built.lab)["PATRONI_ADMIN_PASSWORD"].encode() not in (program / "environ").read_bytes()
        second = run(built.inventory, PROBE, "--data", "seconds=1", check=False)
        assert second.code == 1
        assert "the probe cannot begin: another probe is under way" in second.log
        assert program.exists()
    finally:
        kill_run(process)
        process.communicate()
    killed_at = time.monotonic()
    wait_until("the probe has gone", lambda: not program.exists(), seconds=30)
    print(f"gone {time.monotonic() - killed_at:.1f} s after its run was killed")
    assert_gone(built)


def test_refuses_where_the_endpoints_cannot_be_reached(built: Built, tmp_path: Path) -> None:
    elsewhere = write_inventory(built.lab, tmp_path, HOSTS, cluster_published_ports={5000: 1})
    done = run(elsewhere, PROBE, check=False)
    assert done.code == 1
    assert "the probe cannot begin: connection failed" in done.log
    assert "HINT: run from a machine that reaches the endpoints, or leave --data probe=true away." in done.log


@pytest.mark.parametrize("words", ["seconds=long", "seconds=0"])
def test_refuses_an_option_that_makes_no_sense(built: Built, words: str) -> None:
    done = run(built.inventory, PROBE, "--data", words, check=False)
    assert done.code == 1
    assert "1 finding, nothing was changed" in done.log and "--data  seconds  " in done.log
    assert "Traceback" not in done.log


def test_a_killed_primary_is_felt_and_takes_nothing_with_it_when_it_comes_back(built: Built) -> None:
    process = start(built.inventory, PROBE, "--data", "seconds=30")
    try:
        wait_until_it_writes(built)
        faults.kill_process(leader(built.lab).container, "bin/postgres -D")
        done = ended(process)
    finally:
        kill_run(process)
    writes, lost, acknowledged, refused, _, _ = numbers(done.log)
    assert (done.code, lost) == (0, 0)
    assert 0 < writes < 30
    assert acknowledged > 50
    assert refused > 0
    assert_gone(built)
