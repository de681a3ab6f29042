"""A second run changes nothing, whatever happened to the cluster since the first: nothing is written or restarted."""

from tests.lab.docker import docker
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    leader,
    replicas,
    start_times,
    switchover,
    unit_starts,
    wait_until_settled,
)


def test_directly_after_the_build(built: Built) -> None:
    assert_untouched(built)


def test_after_a_switchover(built: Built) -> None:
    switchover(built.lab, replicas(built.lab)[0])
    assert_untouched(built)


def test_after_a_replica_was_stopped_and_started(built: Built) -> None:
    stop_and_start(built.lab, [replicas(built.lab)[0]])
    assert_untouched(built)


def test_after_the_leader_was_stopped_and_started(built: Built) -> None:
    stop_and_start(built.lab, [leader(built.lab)])
    assert_untouched(built)


def test_after_all_hosts_were_stopped_and_started(built: Built) -> None:
    stop_and_start(built.lab, [built.lab.host(name) for name in MEMBERS])
    assert_untouched(built)


def assert_untouched(built: Built) -> None:
    """Run again; no operation reports a change, and neither PostgreSQL nor a unit is another than before."""
    before = start_times(built.lab), unit_starts(built.lab)
    again = assert_changes_nothing(built.inventory)
    assert (start_times(built.lab), unit_starts(built.lab)) == before
    print(f"a run without changes took {again.seconds:.1f} s")


def stop_and_start(lab: Lab, hosts: list[Host]) -> None:
    """Shut hosts down in an orderly way, all at the same time, and boot them."""
    docker("stop", "--time", "60", *(host.container for host in hosts))
    for host in hosts:
        faults.start(host.container)
    for host in hosts:
        wait_until_ready(host)
    wait_until_settled(lab)
