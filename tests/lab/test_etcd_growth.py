"""etcd while it changes: members that join, a changed setting, a member that does not come up. Writes go on."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.lab.docker import run_in
from tests.lab.load import Load
from tests.lab.runs import (
    CLUSTER,
    MEMBERS,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    members,
    replicas,
    run,
    site,
    start_times,
    wait_until_settled,
)
from tests.lab.spec import Host, Lab
from tests.lab.waiting import wait_until

GAP_SECONDS = 1.0
ETCDCTL = (
    "ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=/etc/etcd/pki/ca.crt "
    "ETCDCTL_CERT=/etc/etcd/pki/etcd.crt ETCDCTL_KEY=/etc/etcd/pki/etcd.key etcdctl"
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members; etcd on the first alone. The inventory declares it on all of them."""
    directory = tmp_path_factory.mktemp("growth")
    with site("b-growth", directory) as ready:
        narrow = directory / "narrow.py"
        narrow.write_text(f"{ready.inventory.read_text()}\netcd = ['{ready.lab.host('pg1').container}']\n")
        first = run(narrow)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def voters(lab: Lab) -> dict[str, str]:
    """etcd's members by name: started or not, a learner or not."""
    listed = [line.split(", ") for line in run_in(lab.host("pg1").container, f"{ETCDCTL} member list").splitlines()]
    return {fields[2] or "nobody": f"{fields[1]}, learner {fields[-1]}" for fields in listed}


def all_vote(lab: Lab) -> dict[str, str]:
    return {lab.host(name).container: "started, learner false" for name in MEMBERS}


def etcd_downtimes(lab: Lab) -> dict[str, tuple[float, float]]:
    """When etcd was last down on each host, from its stop until it served again, in seconds of their common clock."""
    ask = "systemctl show --value -p ActiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic etcd"
    found = {name: sorted(map(int, run_in(lab.host(name).container, ask).split())) for name in MEMBERS}
    return {name: (stopped / 1e6, started / 1e6) for name, (stopped, started) in found.items()}


def report(load: Load, what: str, seconds: float) -> None:
    """Print what a change cost the clients, and demand that they lost nothing."""
    seen, verdict = load.report(), load.verdict()
    print(
        f"{what} in {seconds:.1f} s: {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s, {seen}"
    )
    assert verdict.is_clean, verdict
    assert seen.acknowledged > 100
    assert seen.longest_gap_seconds <= GAP_SECONDS


def test_one_etcd_member_is_enough_to_begin_with(built: Built) -> None:
    assert voters(built.lab) == {built.lab.host("pg1").container: "started, learner false"}


def test_a_run_limited_to_one_host_lets_no_other_join(built: Built) -> None:
    limited = run(built.inventory, CLUSTER, "--limit", built.lab.host("pg1").container, check=False)
    print(f"a run limited to the first host took {limited.seconds:.1f} s")
    assert limited.code == 1 and "etcd is not healthy" in limited.log  # it proves what is declared, and that is not all
    assert voters(built.lab) == {built.lab.host("pg1").container: "started, learner false"}
    assert run_in(built.lab.host("pg2").container, "systemctl is-active etcd || true") == "inactive"


def test_two_hosts_join_in_one_run_while_clients_write(built: Built) -> None:
    before = start_times(built.lab)
    with Load(dsn(built.lab)) as load:
        grown = run(built.inventory)
    report(load, "two members joined", grown.seconds)
    assert voters(built.lab) == all_vote(built.lab)
    assert start_times(built.lab) == before


def test_after_the_growth_a_second_run_changes_nothing(built: Built) -> None:
    assert_changes_nothing(built.inventory)
    for name in MEMBERS:
        said = run_in(built.lab.host(name).container, "cat /etc/etcd/bootstrap.env")
        assert "ETCD_INITIAL_CLUSTER_STATE=existing" in said


def test_a_join_that_died_between_its_steps_is_finished(built: Built) -> None:
    lab, third = built.lab, built.lab.host("pg3")
    ours = f"$({ETCDCTL} member list | grep -F {third.container} | cut -d, -f1)"
    # etcd refuses while its members have not all been connected for 5 s, and one was just started.
    run_in(lab.host("pg1").container, f"timeout 20 sh -c 'until {ETCDCTL} member remove {ours}; do sleep 0.5; done'")
    run_in(third.container, f"systemctl stop etcd && rm -r /var/lib/etcd/{lab.name}")
    add = f"{ETCDCTL} member add {third.container} --learner --peer-urls=https://{third.address4}:2380"
    run_in(lab.host("pg1").container, add)
    healed = run(built.inventory)
    print(f"an added member that never started is one of three after {healed.seconds:.1f} s")
    assert voters(lab) == all_vote(lab)
    assert_changes_nothing(built.inventory)


def test_a_changed_setting_restarts_one_member_after_the_other(built: Built) -> None:
    before = start_times(built.lab)
    began = max(started for _, started in etcd_downtimes(built.lab).values())
    with Load(dsn(built.lab)) as load:
        done = run(built.inventory, CLUSTER, "--data", "etcd_quota_mib=1024")
    report(load, "etcd's members restarted", done.seconds)
    times = sorted(etcd_downtimes(built.lab).values())
    print(
        "down: "
        + ", ".join(f"{stopped - times[0][0]:.2f}..{started - times[0][0]:.2f} s" for stopped, started in times)
    )
    assert times[0][0] > began
    assert [started < stopped for (_, started), (stopped, _) in pairwise(times)] == [True, True]
    health = run_in(built.lab.host("pg1").container, f"{ETCDCTL} endpoint health --cluster")
    assert health.count("is healthy") == len(MEMBERS)
    assert start_times(built.lab) == before


def test_patroni_goes_on_without_the_first_member(built: Built) -> None:
    # It does not take new hosts from its file, but asks etcd for its members: every 10 * ttl, and when one went away,
    # which the restarts just now have seen to.
    lab, candidate = built.lab, replicas(built.lab)[0]
    first = lab.host("pg1").container
    for name in MEMBERS:
        hosts = run_in(lab.host(name).container, "sed -n '/^etcd3:/,/protocol/p' /etc/patroni/config.yml")
        assert [f"{lab.host(other).address4}:2379" in hosts for other in MEMBERS] == [True] * 3
    run_in(first, "systemctl stop etcd")
    try:
        order = f"patronictl -c /etc/patroni/config.yml switchover {lab.name} --force --candidate {candidate.container}"
        run_in(candidate.container, order)
        wait_until(f"{candidate.container} leads", lambda: leads(lab, candidate), seconds=30)
    finally:
        run_in(first, "systemctl start etcd")
    wait_until_settled(lab)


def leads(lab: Lab, host: Host) -> bool:
    return members(lab, host.short_name).get(host.container, {}).get("role") == "leader"


def test_while_a_member_cannot_be_started_no_other_is_touched(built: Built) -> None:
    lab, second = built.lab, built.lab.host("pg2").container
    others = {name: times for name, times in etcd_downtimes(lab).items() if name != "pg2"}
    run_in(second, "systemctl stop etcd && systemctl mask --runtime etcd")
    try:
        with Load(dsn(lab)) as load:
            refused = run(built.inventory, CLUSTER, "--data", "etcd_quota_mib=512", check=False)
        report(load, "refused because a member is masked", refused.seconds)
    finally:
        run_in(second, "systemctl unmask --runtime etcd")
    assert refused.code == 1 and f"[{second}] Failed to enable unit: Unit" in refused.log
    assert {name: times for name, times in etcd_downtimes(lab).items() if name != "pg2"} == others


def test_once_it_is_well_again_the_run_goes_on_where_it_stopped(built: Built) -> None:
    done = run(built.inventory, CLUSTER, "--data", "etcd_quota_mib=512")
    print(changed(done))
    asked = run_in(built.lab.host("pg3").container, "tr '\\0' '\\n' < /proc/$(pidof etcd)/environ | grep QUOTA")
    assert asked == f"ETCD_QUOTA_BACKEND_BYTES={512 * 1024 * 1024}"
