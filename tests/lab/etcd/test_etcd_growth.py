"""etcd while it changes: members that join and leave, die, have a wrong address, or do not come up. Writes go on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.etcd_load import EtcdLoad
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    members,
    replicas,
    run,
    site,
    start_times,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

ETCD_GAP_SECONDS = 5.0  # an election, where its leader is killed
ETCDCTL = (
    "ETCDCTL_API=3 ETCDCTL_ENDPOINTS=https://127.0.0.1:2379 ETCDCTL_CACERT=/etc/etcd/pki/ca.crt "
    "ETCDCTL_CERT=/etc/etcd/pki/etcd.crt ETCDCTL_KEY=/etc/etcd/pki/etcd.key etcdctl"
)
ADD, REMOVE = "deploys/add_node.py", "deploys/remove_node.py"
FIVE = (*MEMBERS, "etcd1", "etcd2")
EVERYWHERE = "10.99.0.1"  # as the address of a bridge of containers is: every host has it


@dataclass(frozen=True)
class Growing:
    """A lab with three members and two hosts of etcd's own. + one, three, five: inventories with so much etcd"""

    lab: Lab
    one: Path
    inventory: Path
    five: Path

    def endpoints(self, names: Iterable[str]) -> list[str]:
        """Where etcd serves its clients on some hosts."""
        return [f"https://{self.lab.host(name).address4}:2379" for name in names]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Growing]:
    """Three members; etcd on the first alone."""
    directory = tmp_path_factory.mktemp("growth")
    with site("gr-etcd", directory, hosts=FIVE) as ready:
        five, names = ready.inventory, [ready.lab.host(name).container for name in MEMBERS]
        five.write_text(f"{five.read_text()}\netcd = [*{names}, *etcd]\n")
        three = write_inventory(ready.lab, made(directory / "three"), MEMBERS)
        one = made(directory / "one") / "inventory.py"
        one.write_text(f"{three.read_text()}\netcd = {names[:1]}\n")
        run(one)
        wait_until_settled(ready.lab)
        yield Growing(ready.lab, one, three, five)


def made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def voters(lab: Lab) -> dict[str, str]:
    """etcd's members by name: started or not, a learner or not."""
    listed = [line.split(", ") for line in run_in(lab.host("pg1").container, f"{ETCDCTL} member list").splitlines()]
    return {fields[2] or "nobody": f"{fields[1]}, learner {fields[-1]}" for fields in listed}


def all_vote(lab: Lab, names: Iterable[str] = MEMBERS) -> dict[str, str]:
    return {lab.host(name).container: "started, learner false" for name in names}


def etcd_downtimes(lab: Lab) -> dict[str, tuple[float, float]]:
    """When etcd was last down on each host, from its stop until it served again, in seconds of their common clock."""
    ask = "systemctl show --value -p ActiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic etcd"
    found = {name: sorted(map(int, run_in(lab.host(name).container, ask).split())) for name in MEMBERS}
    return {name: (stopped / 1e6, started / 1e6) for name, (stopped, started) in found.items()}


def etcd_load(built: Growing, names: Iterable[str] = FIVE) -> EtcdLoad:
    """Writes to etcd through these hosts. They come from the first one, which stays."""
    return EtcdLoad(built.lab.host("pg1"), built.endpoints(names))


def report(load: Load, what: str, seconds: float, writes: EtcdLoad | None = None) -> None:
    """Print what a change cost the clients, and demand that they lost nothing."""
    seen, verdict = load.report(), load.verdict()
    print(
        f"{what} in {seconds:.1f} s: {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s, {seen}"
    )
    assert verdict.is_clean, verdict
    assert seen.acknowledged > 100
    assert seen.longest_gap_seconds <= STEADY_GAP_SECONDS
    if writes is not None:
        writes.report(what)
        assert writes.lost() == set() and writes.longest_gap_seconds <= ETCD_GAP_SECONDS


def test_one_etcd_member_is_enough_to_begin_with(built: Growing) -> None:
    assert voters(built.lab) == {built.lab.host("pg1").container: "started, learner false"}


def test_a_run_limited_to_one_host_lets_no_other_join(built: Growing) -> None:
    limited = run(built.inventory, CLUSTER, "--limit", built.lab.host("pg1").container, check=False)
    print(f"a run limited to the first host took {limited.seconds:.1f} s")
    assert limited.code == 1 and "etcd is not healthy" in limited.log  # it proves what is declared, and that is not all
    assert voters(built.lab) == {built.lab.host("pg1").container: "started, learner false"}
    assert run_in(built.lab.host("pg2").container, "systemctl is-active etcd || true") == "inactive"


def test_two_hosts_join_in_one_run_while_clients_write(built: Growing) -> None:
    before = start_times(built.lab)
    with Load(dsn(built.lab)) as load, etcd_load(built, MEMBERS) as writes:
        grown = run(built.inventory, ADD)
    report(load, "two members joined", grown.seconds, writes)
    assert voters(built.lab) == all_vote(built.lab)
    assert start_times(built.lab) == before


def test_after_the_growth_a_second_run_changes_nothing(built: Growing) -> None:
    assert_changes_nothing(built.inventory)
    for name in MEMBERS:
        said = run_in(built.lab.host(name).container, "cat /etc/etcd/bootstrap.env")
        assert "ETCD_INITIAL_CLUSTER_STATE=existing" in said


def test_a_join_that_died_between_its_steps_is_finished(built: Growing) -> None:
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


def test_a_changed_setting_restarts_one_member_after_the_other(built: Growing) -> None:
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


def test_patroni_goes_on_without_the_first_member(built: Growing) -> None:
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


def test_while_a_member_cannot_be_started_no_other_is_touched(built: Growing) -> None:
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


def test_once_it_is_well_again_the_run_goes_on_where_it_stopped(built: Growing) -> None:
    done = run(built.inventory, CLUSTER, "--data", "etcd_quota_mib=512")
    print(changed(done))
    asked = run_in(built.lab.host("pg3").container, "tr '\\0' '\\n' < /proc/$(pidof etcd)/environ | grep QUOTA")
    assert asked == f"ETCD_QUOTA_BACKEND_BYTES={512 * 1024 * 1024}"


def test_a_member_at_a_wrong_address_is_refused_before_it_joins(built: Growing, tmp_path: Path) -> None:
    lab, first = built.lab, built.lab.host("etcd1")
    wrong = tmp_path / "inventory.py"
    wrong.write_text(built.five.read_text().replace(f'"{first.address4}"', f'"{EVERYWHERE}"'))
    for name in FIVE:
        run_in(lab.host(name).container, f"ip address add {EVERYWHERE}/32 dev lo")
    with Load(dsn(lab)) as load, etcd_load(built, MEMBERS) as writes:
        refused = run(wrong, ADD, check=False)
    report(load, "a member at a wrong address was refused", refused.seconds, writes)
    assert refused.code == 1 and f"`ip route get {EVERYWHERE}`" in " ".join(refused.log.split())
    assert voters(lab) == all_vote(lab)


def test_three_become_five_although_one_is_killed(built: Growing) -> None:
    lab = built.lab
    with Load(dsn(lab)) as load, etcd_load(built) as writes:
        grown = run_while_etcd_is_killed(built, "pg2", 4, ADD)
    report(load, "three became five while one was killed", grown.seconds, writes)
    assert voters(lab) == all_vote(lab, FIVE)
    assert_changes_nothing(built.five)


def test_five_become_three_although_one_is_killed(built: Growing) -> None:
    lab, second, first = built.lab, built.lab.host("etcd2"), built.lab.host("etcd1")
    with Load(dsn(lab)) as load, etcd_load(built) as writes:
        shrunk = run_while_etcd_is_killed(built, "pg3", 4, REMOVE, "--data", f"node={second.container}")
        run(built.five, REMOVE, "--data", f"node={first.container}")
    report(load, "five became three while one was killed", shrunk.seconds, writes)
    assert voters(lab) == all_vote(lab)
    for gone in (first, second):
        assert run_in(gone.container, "ls -d /var/lib/etcd/* /etc/etcd/pki 2>/dev/null || true") == ""
    assert_changes_nothing(built.inventory)


def run_while_etcd_is_killed(built: Growing, victim: str, members_then: int, deploy: str, *extra: str) -> Run:
    """A run in whose middle etcd is killed on one host; one that stops for it is run again."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, built.five, deploy, *extra, check=False)
        wait_until("it has begun", lambda: len(voters(built.lab)) == members_then, seconds=60)
        run_in(built.lab.host(victim).container, "systemctl kill --signal KILL etcd")
        done = running.result()
    print(f"etcd of {victim} was killed meanwhile: exit code {done.code} after {done.seconds:.1f} s")
    return done if done.code == 0 else run(built.five, deploy, *extra)
