"""Virtual addresses on three hosts of HAProxy: whatever fails, one host that leads to the primary has each of them."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load, Outcome
from tests.lab.vocabulary.runs import (
    CLUSTER,
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    leader,
    run,
    site,
    sql,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CHECK, DESTROY = (f"deploys/{name}.py" for name in ("check", "destroy"))
MEMBERS, BALANCERS = ("pg1", "pg2"), ("haproxy1", "haproxy2", "haproxy3")
HOSTS = (*MEMBERS, "etcd1", *BALANCERS)
UNIT, DROP_IN = "keepalived", "/etc/systemd/system/keepalived.service.d"
# What is measured is printed. The machine may be busy with other labs: a bound on seconds would only be of that.
MOVE_SECONDS = 30
WARM_UP_WRITES, AFTERWARDS_WRITES = 100, 100


def addresses(lab: Lab) -> dict[str, str]:
    """The addresses that the cluster gets, in the network of its lab, which this machine reaches."""
    return {"write": str(lab.subnet4[200]), "six": str(lab.subnet6[0x200]), "read": str(lab.subnet4[201])}


def declared(lab: Lab, directory: Path, **other: Any) -> Path:
    there = addresses(lab)
    settings = {"vip_mode": "haproxy", "vip_interface": "eth0", "vip_write": [there["write"], there["six"]]}
    return write_inventory(lab, directory, HOSTS, **{**settings, "vip_read": [there["read"]], **other})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members, and three hosts of HAProxy with addresses for writers, v4 and v6, and for readers."""
    directory = tmp_path_factory.mktemp("vrrp")
    with site("f-vrrp", directory, hosts=HOSTS) as ready:
        inventory = declared(ready.lab, directory)
        yield Built(ready.lab, inventory, run(inventory))


def via(lab: Lab, name: str = "write", **parameters: Any) -> str:
    """How a client comes in at an address. + name: of it"""
    port = 5001 if name == "read" else 5000
    return psycopg.conninfo.make_conninfo(dsn(lab), host=addresses(lab)[name], port=port, **parameters)


def having(lab: Lab, name: str = "write") -> list[str]:
    """The hosts of HAProxy that have an address. One that is down has none."""
    return [host for host in BALANCERS if f" {addresses(lab)[name]}/" in f" {shown(lab, host)}"]


def shown(lab: Lab, host: str) -> str:
    container = lab.host(host).container
    return run_in(container, "ip -br address show dev eth0") if faults.is_running(container) else ""


def holder(lab: Lab, name: str = "write", *, other_than: str = "") -> str:
    """The one host that has an address, awaited."""

    def is_one() -> str:
        there = having(lab, name)
        return there[0] if len(there) == 1 and there[0] != other_than else ""

    return wait_until(f"one host has the address for {name}", is_one, seconds=MOVE_SECONDS)


def bring_together(lab: Lab, host: str) -> None:
    """Let one host have all addresses: the others' keepalived is away for a moment, and takes nothing back."""
    others = [other for other in BALANCERS if other != host]
    for other in others:
        run_in(lab.host(other).container, f"systemctl stop {UNIT}")
    for name in addresses(lab):
        wait_until(f"{host} has {name}", lambda name=name: having(lab, name) == [host], seconds=MOVE_SECONDS)
    for other in others:
        run_in(lab.host(other).container, f"systemctl start {UNIT}")


def took_over(lab: Lab, host: str, since: float) -> float:
    """After how many seconds a host took the address for writers, by its own journal; all hosts have one clock."""
    lines = run_in(lab.host(host).container, f"journalctl -u {UNIT} -o short-unix --no-pager --since @{since:.3f}")
    moments = re.findall(r"^(\d+\.\d+) .*\(write\) Entering MASTER STATE", lines, re.MULTILINE)
    return float(moments[0]) - since


def acknowledged(load: Load) -> list[float]:
    return [one.started for one in load.attempts if one.outcome is Outcome.ACKNOWLEDGED]


def under_load(built: Built, what: str, fault: Callable[[str], object]) -> tuple[str, str]:
    """
    Do something to the host that has the address for writers, while clients write at that address.

    Returns this host and the one that has it after that, once clients write again; nothing acknowledged may be lost.
    """
    lab, old = built.lab, holder(built.lab)
    with Load(via(lab, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=30)
        began, moment = time.time(), time.monotonic()
        fault(lab.host(old).container)
        new = holder(lab, other_than=old)
        seconds, after = took_over(lab, new, began), time.monotonic()
        wait_until(
            "clients write again",
            lambda: sum(started > after for started in acknowledged(load)) >= AFTERWARDS_WRITES,
            seconds=MOVE_SECONDS,
        )
    assert load.verdict().is_clean, load.verdict()
    assert any(started > moment for started in acknowledged(load))
    print(f"\n{what}: on {new} after {seconds:.1f} s, longest gap {load.report().longest_gap_seconds:.1f} s")
    assert holder(lab, "six") == new
    return old, new


def test_the_cluster_is_built_with_its_addresses_and_proves_them(built: Built) -> None:
    there = addresses(built.lab)
    for name, whither in (("write", "the primary"), ("six", "the primary"), ("read", "a replica")):
        port = 5001 if name == "read" else 5000
        assert re.search(rf"{there[name]} +port {port} +{whither}", built.run.log), built.run.log
        assert holder(built.lab, name) in BALANCERS
    for name, standby in (("write", False), ("six", False), ("read", True)):
        with psycopg.connect(via(built.lab, name)) as connection:
            assert connection.execute("select pg_is_in_recovery()").fetchone() == (standby,)


def test_a_second_run_and_a_check_have_nothing_to_say(built: Built) -> None:
    assert_changes_nothing(built.inventory)
    checked = run(built.inventory, CHECK, check=False, as_json=False)
    assert "nothing to complain about" in checked.log, checked


def test_haproxy_is_stopped(built: Built) -> None:
    old, new = under_load(built, "HAProxy stopped", lambda host: run_in(host, "systemctl stop haproxy"))
    run_in(built.lab.host(old).container, "systemctl start haproxy")
    assert_stays(built, new, old)


def assert_stays(built: Built, new: str, old: str) -> None:
    """A host that is as good again takes nothing back."""
    container = built.lab.host(old).container
    ask = f"journalctl -u {UNIT} -o cat --no-pager -n 40 | grep '(write)' | tail -n 1"
    ready = ("Entering BACKUP STATE", "from 100 to 120")
    wait_until(f"{old} is ready", lambda: run_in(container, ask).strip().endswith(ready), seconds=MOVE_SECONDS)
    began = time.monotonic()
    while time.monotonic() - began < 3:  # longer than preempt_delay
        assert having(built.lab) == [new]


def test_haproxy_is_frozen(built: Built) -> None:
    signal = "kill -s {} $(pidof haproxy)"
    old, new = under_load(built, "HAProxy frozen", lambda host: run_in(host, signal.format("STOP")))
    run_in(built.lab.host(old).container, signal.format("CONT"))
    assert_stays(built, new, old)


def test_haproxy_is_killed_and_is_back_or_another_host_has_the_address(built: Built) -> None:
    """systemd starts it again within a second or two: nobody needs to move for that."""
    lab, old = built.lab, holder(built.lab)
    with Load(via(lab, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=30)
        run_in(lab.host(old).container, "kill -9 $(pidof haproxy)")
        load.wait_for_writes(AFTERWARDS_WRITES, seconds=MOVE_SECONDS)
    assert load.verdict().is_clean
    print(f"\nHAProxy killed on {old}: on {holder(lab)}, longest gap {load.report().longest_gap_seconds:.1f} s")


def test_keepalived_is_killed(built: Built) -> None:
    old, new = under_load(built, "keepalived killed", lambda host: run_in(host, f"kill -9 $(pidof {UNIT})"))
    container = built.lab.host(old).container
    ask = f"systemctl is-active {UNIT} || true"
    wait_until("it is started again", lambda: run_in(container, ask).strip() == "active", seconds=MOVE_SECONDS)
    assert_stays(built, new, old)


def test_a_host_that_does_not_reach_the_primary_keeps_its_readers(built: Built) -> None:
    lab = built.lab
    bring_together(lab, "haproxy1")
    with psycopg.connect(via(lab, "read"), autocommit=True) as reader:
        before = reader.execute("select pg_backend_pid()").fetchone()
        primary = leader(lab).container
        try:
            old, new = under_load(built, "HAProxy without a primary", lambda host: faults.cut_peers(host, [primary]))
            assert old == "haproxy1"
            assert having(lab, "read") == ["haproxy1"]
            assert reader.execute("select pg_backend_pid()").fetchone() == before
        finally:
            faults.heal(lab.host("haproxy1").container)
        assert_stays(built, new, old)
        assert reader.execute("select pg_backend_pid()").fetchone() == before


def test_readers_on_another_host_do_not_notice(built: Built) -> None:
    """The addresses are on two hosts since the last test."""
    lab = built.lab
    assert holder(lab) != holder(lab, "read")
    with psycopg.connect(via(lab, "read"), autocommit=True) as reader:
        before = reader.execute("select pg_backend_pid()").fetchone()
        old, _ = under_load(built, "HAProxy stopped", lambda host: run_in(host, "systemctl stop haproxy"))
        assert reader.execute("select pg_backend_pid()").fetchone() == before
    run_in(lab.host(old).container, "systemctl start haproxy")


def test_the_addresses_stay_while_another_member_takes_over(built: Built) -> None:
    lab, before = built.lab, holder(built.lab)
    old = leader(lab)
    (candidate,) = (lab.host(name) for name in MEMBERS if lab.host(name) != old)
    began = time.time()
    with Load(via(lab, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=30)
        order = f"switchover {lab.name} --force --candidate {candidate.container}"
        run_in(candidate.container, f"patronictl -c /etc/patroni/config.yml {order}")
        wait_until(f"{candidate.short_name} leads", lambda: leader(lab) == candidate, seconds=MOVE_SECONDS)
        load.wait_for_writes(AFTERWARDS_WRITES, seconds=MOVE_SECONDS)
    assert load.verdict().is_clean
    print(f"\nswitchover: longest gap {load.report().longest_gap_seconds:.1f} s")
    for host in BALANCERS:
        lines = run_in(lab.host(host).container, f"journalctl -u {UNIT} -o cat --no-pager --since @{began:.3f}")
        assert "(write) Entering MASTER" not in lines
    assert holder(lab) == before


def test_the_host_dies(built: Built) -> None:
    old, new = under_load(built, "host killed", faults.kill)
    faults.start(built.lab.host(old).container)
    wait_until_ready(built.lab.host(old))
    assert_stays(built, new, old)
    assert_changes_nothing(built.inventory)


def test_a_check_tells_of_two_hosts_and_of_none(built: Built) -> None:
    lab, there = built.lab, holder(built.lab)
    other = next(lab.host(name).container for name in BALANCERS if name != there)
    address = addresses(lab)["write"]
    run_in(other, f"ip address add {address}/32 dev eth0")
    found = " ".join(run(built.inventory, CHECK, check=False, as_json=False).log.split())
    assert f"{address} (vip_write) is on" in found
    run_in(other, f"ip address del {address}/32 dev eth0")
    for host in BALANCERS:
        run_in(lab.host(host).container, f"systemctl stop {UNIT}")
    found = " ".join(run(built.inventory, CHECK, check=False, as_json=False).log.split())
    assert f"no host has {address} (vip_write)" in found and "keepalived is inactive" in found
    assert changed(run(built.inventory)).keys() == {"Virtual addresses | Configure and start keepalived"}
    holder(lab)


def test_what_a_host_cannot_have_is_refused(built: Built, tmp_path: Path) -> None:
    lab = built.lab
    gateway, elsewhere = str(lab.subnet4[1]), "10.99.99.99"
    inventory = declared(lab, tmp_path, vip_write=[gateway, elsewhere], vip_interface="eth7")
    refused = run(inventory, CLUSTER, check=False)
    said = " ".join(refused.log.split())
    assert refused.code != 0 and "eth7 is no interface of the host" in said and f"{gateway} is in use" in said
    refused = run(declared(lab, tmp_path, vip_write=[elsewhere]), CLUSTER, check=False)
    assert refused.code != 0 and f"{elsewhere} is in no network of eth0" in " ".join(refused.log.split())


def test_without_addresses_nothing_of_it_is_left(built: Built, tmp_path: Path) -> None:
    lab = built.lab
    inventory = write_inventory(lab, tmp_path, HOSTS)
    done = run(inventory)
    assert len(changed(done)["Virtual addresses | Configure and start keepalived"]) == len(BALANCERS)
    assert [having(lab, name) for name in addresses(lab)] == [[], [], []]
    assert traces(lab) == dict.fromkeys(BALANCERS, "")
    assert sql(lab, "select 1", host="haproxy1") == [(1,)]
    assert_changes_nothing(inventory)


def traces(lab: Lab) -> dict[str, str]:
    """What is left of keepalived on each host of HAProxy; its package stays."""
    ask = (
        f"ls -d {DROP_IN} /etc/keepalived/keepalived.conf /etc/keepalived/haproxy-serves 2>/dev/null; "
        f"pidof {UNIT}; systemctl is-enabled {UNIT} | grep -x enabled; true"
    )
    return {host: run_in(lab.host(host).container, ask).strip() for host in BALANCERS}


def test_a_keepalived_of_somebody_else_is_refused_and_left_alone(built: Built, tmp_path: Path) -> None:
    lab, container = built.lab, built.lab.host("haproxy1").container
    run_in(container, "printf 'global_defs {\\n}\\n' > /etc/keepalived/keepalived.conf")
    refused = run(built.inventory, CLUSTER, check=False)
    assert refused.code != 0 and "has a keepalived that is none of ours" in " ".join(refused.log.split())
    assert_changes_nothing(write_inventory(lab, tmp_path, HOSTS))
    run_in(container, "rm /etc/keepalived/keepalived.conf")


def test_a_destroyed_cluster_leaves_no_address(built: Built) -> None:
    run(built.inventory)
    assert holder(built.lab) in BALANCERS
    run(built.inventory, DESTROY, "--data", f"confirm={built.lab.name}")
    assert [having(built.lab, name) for name in addresses(built.lab)] == [[], [], []]
    assert traces(built.lab) == dict.fromkeys(BALANCERS, "")
