"""The emergency: no leader, and Patroni elects nobody. Who takes over then, what is lost, and what is refused."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    MEMBERS,
    SMALL,
    Built,
    assert_changes_nothing,
    changed,
    dry,
    dsn,
    etcdctl,
    leader,
    members,
    replicas,
    run,
    site,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

FAILOVER, PAUSE, RESUME, REINIT = (f"deploys/{name}.py" for name in ("failover", "pause", "resume", "reinit_node"))
RETURN_SECONDS = 180
STRICT = {"patroni_synchronous_mode": "on", "patroni_synchronous_mode_strict": True}
LOCK_SECONDS = SMALL["patroni_ttl"] + 40
# etcd has a host of its own: two of the three members are lost, and nobody leads without its quorum.
KEEPER = "etcd1"
HOSTS = ("pg1", "pg2", "pg3", KEEPER)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members of their own, with etcd elsewhere."""
    directory = tmp_path_factory.mktemp("w-emergency")
    with site("w-emergency", directory, hosts=HOSTS) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def words(text: str) -> str:
    return " ".join(text.split())


def without(*hosts: Host) -> list[str]:
    return [word for host in hosts for word in ("--exclude", host.container)]


def refused(built: Built, *extra: str) -> str:
    done = run(built.inventory, FAILOVER, *extra, check=False)
    assert done.code == 1, str(done)
    return words(done.log)


def leads(lab: Lab, via: str) -> str:
    return next((name for name, one in members(lab, via).items() if one["role"] == "leader"), "")


def synchronous(lab: Lab, via: str) -> list[Host]:
    return [lab.host(name) for name, one in members(lab, via).items() if one["role"] == "sync_standby"]


def noted_end(lab: Lab) -> int:
    """How far the leader says in etcd that its WAL goes."""
    said = etcdctl(lab.host(KEEPER), f"get --print-value-only /service/{lab.name}/status")
    return int(json.loads(said)["optime"])


def received(host: Host) -> int:
    asked = "select pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
    return int(run_in(host.container, f'runuser -u postgres -- psql -XAtc "{asked}"'))


def bring_back(built: Built, old: Host, *, ahead: Host | None = None) -> None:
    """
    Give hosts their power back, and return when all members follow.

    + old: the former primary, which Patroni rewinds
    + ahead: a standby that has more than the new leader, which Patroni may leave as it is
    """
    for host in filter(None, (old, ahead)):
        faults.start(host.container)
        wait_until_ready(host)
    if ahead is not None:
        via = next(host for host in map(built.lab.host, MEMBERS) if host not in (old, ahead)).short_name
        wait_until("the former primary follows", lambda: streams(built.lab, via, old), seconds=RETURN_SECONDS)
        if not streams(built.lab, via, ahead):
            print(words(run(built.inventory, REINIT, "--data", f"node={ahead.container}").log)[-300:])
    wait_until_settled(built.lab)


def streams(lab: Lab, via: str, host: Host) -> bool:
    return members(lab, via).get(host.container, {}).get("state") == "streaming"


def test_a_leader_that_answers_is_left_alone(built: Built) -> None:
    leading, other = leader(built.lab), replicas(built.lab)[0]
    said = refused(built, "--data", f"candidate={other.container}", "--data", f"confirm={built.lab.name}")
    assert f"no failover now: {leading.container} leads {built.lab.name} and takes writes" in said
    assert "deploys/switchover.py` lets another member lead, and loses nothing" in said
    again = run(built.inventory, FAILOVER, "--data", f"candidate={leading.container}")
    assert changed(again) == {}
    assert f"{leading.container} leads {built.lab.name}, already: nothing is done" in words(again.log)
    assert leader(built.lab) == leading


def test_what_patroni_does_itself_is_waited_for(built: Built) -> None:
    old, via = leader(built.lab), replicas(built.lab)[0]
    faults.kill(old.container)
    began = time.monotonic()
    done = run(built.inventory, FAILOVER, *without(old))
    print(f"\nPatroni elected {leads(built.lab, via.short_name)} within {time.monotonic() - began:.1f} s")
    assert changed(done) == {} and "Patroni elected it, or it is back: nothing is done" in words(done.log)
    assert leads(built.lab, via.short_name) not in ("", old.container)
    bring_back(built, old)


def test_a_paused_cluster_without_a_leader(built: Built) -> None:
    """Nobody is elected in a pause; the old primary's WAL can be read, so what is lost is known to the byte."""
    run(built.inventory, PAUSE)
    old, standbys = leader(built.lab), replicas(built.lab)
    via = standbys[0].short_name
    with Load(dsn(built.lab, host=via, connect_timeout=2)) as load:
        load.wait_for_writes(100, seconds=30)
        faults.kill_process(old.container, "[p]ostgres -D /var/lib/postgresql", signal="INT")
        wait_until("nobody leads", lambda: leads(built.lab, via) == "", seconds=LOCK_SECONDS)
        shown = words(dry(built.inventory, FAILOVER))
        print(f"\n{shown.partition('Failover of')[2][:900]}")
        assert f"no leader; {old.container} led last, and the cluster is paused: Patroni elects none" in shown
        done = run(built.inventory, FAILOVER, "--data", f"confirm={built.lab.name}")
        load.wait_for_writes(50, seconds=60)
    said = words(done.log)
    new = leads(built.lab, via)
    print(f"failover in {done.seconds:.1f} s, longest gap {load.report().longest_gap_seconds:.1f} s, {load.verdict()}")
    assert new in [host.container for host in standbys] and f"{new} leads {built.lab.name}" in said
    assert f"{built.lab.name} is still paused: deploys/resume.py" in said
    run(built.inventory, RESUME)
    wait_until_settled(built.lab)
    assert load.verdict().is_clean


def test_a_primary_whose_patroni_is_frozen_is_fenced_first(built: Built) -> None:
    """Its key runs out, and its PostgreSQL goes on to take writes; in a pause nobody ends that."""
    run(built.inventory, PAUSE)
    old, via = leader(built.lab), replicas(built.lab)[0].short_name
    run_in(old.container, "kill -STOP $(systemctl show -p MainPID --value patroni)")
    wait_until("nobody leads", lambda: leads(built.lab, via) == "", seconds=LOCK_SECONDS)
    said = refused(built, "--data", f"confirm={built.lab.name}")
    assert f"PostgreSQL on {old.container} still takes writes: there would be two primaries" in said
    way_out = "systemctl kill --kill-who=main --signal=KILL patroni; systemctl start patroni"
    assert f"let its Patroni lead again, `{way_out}` on {old.container}" in said
    run_in(old.container, way_out)
    wait_until("it leads again", lambda: leads(built.lab, via) == old.container, seconds=LOCK_SECONDS)
    run(built.inventory, RESUME)
    wait_until_settled(built.lab)


def test_the_primary_and_its_synchronous_standby_are_lost(built: Built) -> None:
    """Patroni promotes nobody, for the last member is not sure to have what was acknowledged, and here it has not."""
    write_inventory(built.lab, built.inventory.parent, HOSTS, **STRICT)
    run(built.inventory)
    via = leader(built.lab).short_name
    wait_until("somebody is synchronous", lambda: len(synchronous(built.lab, via)) == 1, seconds=60)
    old, (near,) = leader(built.lab), synchronous(built.lab, via)
    far = next(host for host in replicas(built.lab) if host != near)
    with Load(dsn(built.lab, host=old.short_name, connect_timeout=2)) as load:
        load.wait_for_writes(100, seconds=30)
        faults.cut_peers(far.container, [old.container, near.container])
        load.wait_for_writes(200, seconds=60)
        wait_until("etcd has noted what it lacks", lambda: noted_end(built.lab) > received(far), seconds=60)
        for host in (old, near):
            faults.kill(host.container)
    faults.heal(far.container)
    wait_until("nobody leads", lambda: leads(built.lab, far.short_name) == "", seconds=LOCK_SECONDS)
    gone = without(old, near)
    said = refused(built, *gone)
    print(f"\n{said.partition('Failover of')[2][:1500]}")
    assert f"no failover now: {far.container} may lack writes that were acknowledged: " in said
    assert "at least the last " in said and f"which {old.container} noted in etcd to have written" in said
    assert f"{old.container} led last, and only there it is known what was written at the end" in said
    assert leads(built.lab, far.short_name) == ""
    done = run(built.inventory, FAILOVER, *gone, "--data", f"confirm={built.lab.name}")
    said = words(done.log)
    assert leads(built.lab, far.short_name) == far.container
    assert "COMMITS WAIT: the mode is strict, and no standby is synchronous" in said
    again = run(built.inventory, FAILOVER, *gone, "--data", f"candidate={far.container}")
    assert changed(again) == {}
    bring_back(built, old, ahead=near)
    verdict = load.verdict(dsn(built.lab, host=far.short_name))
    count = load.report().acknowledged
    print(f"failover in {done.seconds:.1f} s; {len(verdict.lost)} of {count} acknowledged writes are lost")
    assert verdict.lost and not verdict.duplicated and not verdict.resurrected
    assert leader(built.lab) == far
    assert_changes_nothing(built.inventory)


def test_etcd_without_its_quorum_is_rebuilt_first(built: Built) -> None:
    keeper = built.lab.host(KEEPER)
    run_in(keeper.container, "systemctl stop etcd")
    try:
        said = refused(built, "--data", f"confirm={built.lab.name}")
    finally:
        run_in(keeper.container, "systemctl start etcd")
    assert "etcd has no quorum: it does not answer, and without it no member can lead" in said
    assert "deploys/etcd_restore.py" in said
    wait_until_settled(built.lab)
