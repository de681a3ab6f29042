"""
A cluster of an earlier version, in which one CA vouched for everything and etcd let in whoever had a certificate of it,
is brought to a CA of etcd's own by one run: while clients write, and also by a run that is killed and begun again.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.build.test_interrupted import STARTING, killed
from tests.lab.docker import run_in
from tests.lab.vocabulary.etcd_access import OPEN, entry, issuers, wrong_entries
from tests.lab.vocabulary.former import former_code
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    etcdctl,
    leader,
    run,
    site,
    start_times,
    wait_until_settled,
)

# The last one whose clusters have one CA for everything.
FORMER = "c7bbb3597021780a5872dea8d52671adebf1596e"
HOSTS = (*MEMBERS, "backup1")
TRUST = "etcd's CA | Accept only certificates of etcd's own CA"


@pytest.fixture(scope="module")
def former(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of that version."""
    return former_code(FORMER, tmp_path_factory.mktemp("code"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, former: Path) -> Iterator[Built]:
    """Three members and a repository host, built by that version."""
    with site("b-etcd-trust", tmp_path_factory.mktemp("old"), hosts=HOSTS) as ready:
        first = run(ready.inventory, root=former)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def test_one_run_brings_an_old_cluster_over_while_clients_write(old: Built) -> None:
    assert entry(old.lab, "backup1", "pgbackrest") == OPEN  # what this is about
    before = leader(old.lab), start_times(old.lab), patronis(old)
    with Load(dsn(old.lab)) as load:
        done = run(old.inventory)
    seen = load.report()
    print(f"{done.seconds:.1f} s, {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
    print(changed(done))
    assert load.verdict().is_clean and not seen.refused and not seen.unknown
    assert (leader(old.lab), start_times(old.lab), patronis(old)) == before
    assert seen.longest_gap_seconds <= STEADY_GAP_SECONDS
    assert issuers(old.lab, MEMBERS) == {f"{old.lab.name} etcd CA"}


def test_then_nobody_else_is_let_in_and_a_second_run_changes_nothing(old: Built) -> None:
    assert_changes_nothing(old.inventory)
    assert wrong_entries(old.lab, HOSTS) == {}
    assert entry(old.lab, "pg1", "patroni-etcd") == OPEN
    assert "is healthy" in etcdctl(old.lab.host("pg1"), "endpoint health --cluster 2>&1")
    wait_until_settled(old.lab)


def patronis(built: Built) -> dict[str, str]:
    """Patroni's process on each member: a restart would be another."""
    return {name: run_in(built.lab.host(name).container, "systemctl show -P MainPID patroni") for name in MEMBERS}


@pytest.mark.parametrize("alone", [("pg1",)])
def test_a_run_that_is_killed_anywhere_is_gone_on_with(alone: tuple[str, ...], tmp_path: Path, former: Path) -> None:
    with site("b-etcd-trust-cut", tmp_path, hosts=alone) as ready:
        run(ready.inventory, root=former)
        wait_until_settled(ready.lab, alone)
        with Load(dsn(ready.lab)) as load:
            for line, delay in (
                (f"{STARTING}Certificates | Issue certificates and trust the CAs", 0.4),
                (f"{STARTING}etcd | Wait for quorum", 0.3),
                (f"{STARTING}PostgreSQL | Configure and start Patroni", 0.2),
                (f"{STARTING}{TRUST}", 0.4),
                (f"{STARTING}{TRUST}", 1.0),
                (f"{STARTING}{TRUST}", 1.6),
            ):
                ended_in = killed(ready, line, delay)
                print(f"killed {delay:.1f} s into '{line}', in '{ended_in}': {issuers(ready.lab, alone)}")
            last = run(ready.inventory)
            print(f"the last run took {last.seconds:.1f} s: {changed(last)}")
            assert_changes_nothing(ready.inventory)
        seen = load.report()
        print(f"{seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
        assert load.verdict().is_clean and not seen.refused and not seen.unknown
        assert seen.longest_gap_seconds <= STEADY_GAP_SECONDS
        assert wrong_entries(ready.lab, alone) == {}
        assert issuers(ready.lab, alone) == {f"{ready.lab.name} etcd CA"}
