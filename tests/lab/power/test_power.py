"""A whole cluster goes down and comes up again: stopped, cut off, booted by itself, destroyed, adopted, built anew."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from tests.lab.docker import docker, run_in
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.backups import REPOSITORY, one_line, refused
from tests.lab.vocabulary.load import Load, Verdict
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    Run,
    assert_changes_nothing,
    changed,
    dsn,
    kill_run,
    leader,
    run,
    site,
    sql,
    start,
    system_identifier,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

CLUSTER, STOP, START, DESTROY = (f"deploys/{name}.py" for name in ("cluster", "stop", "start", "destroy"))
HOSTS = (*MEMBERS, REPOSITORY)
BOOT_SECONDS = 120


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members with etcd and HAProxy, and a repository host."""
    with site("po-power", tmp_path_factory.mktemp("power"), hosts=HOSTS) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def confirmed(built: Built, deploy: str, *words: str) -> Run:
    """A run that an operator has confirmed."""
    data = (f"confirm={built.lab.name}", *words)
    return run(built.inventory, deploy, *(word for one in data for word in ("--data", one)))


def under_load(built: Built, cut: Callable[[], object], again: Callable[[], object]) -> Verdict:
    """What clients lost who wrote while the cluster went down, asked once it is up."""
    with Load(dsn(built.lab)) as load:
        time.sleep(1)  # writes that are under way
        cut()
    again()
    wait_until_settled(built.lab, seconds=BOOT_SECONDS)
    seen, verdict = load.report(), load.verdict()
    print(f"{seen.acknowledged} acknowledged writes: {verdict}")
    assert seen.acknowledged > 0
    return verdict


def ends(built: Built) -> set[str]:
    """Where the members' data end, and on which timeline."""
    ask = "runuser -u postgres -- /usr/lib/postgresql/*/bin/pg_controldata -D /var/lib/postgresql/*/" + built.lab.name
    words = "^(Latest checkpoint location|Latest checkpoint's TimeLineID)"
    return {run_in(built.lab.host(name).container, f"cd / && {ask} | grep -E {words!r}") for name in MEMBERS}


def states(built: Built) -> set[str]:
    """What systemd says of the services."""
    ask = "systemctl is-active etcd patroni haproxy pgbackrest || true"
    return {word for name in MEMBERS for word in run_in(built.lab.host(name).container, ask).split()}


def power_cut(built: Built) -> None:
    """All hosts at once."""
    docker("kill", *(built.lab.host(name).container for name in HOSTS))


def power_back(built: Built) -> None:
    for name in HOSTS:
        faults.start(built.lab.host(name).container)
    wait_until("ssh is up", lambda: all(_is_up(built, name) for name in HOSTS), seconds=BOOT_SECONDS)


def _is_up(built: Built, name: str) -> bool:
    said = run_in(built.lab.host(name).container, "systemctl is-active ssh.service ssh.socket || true")
    return "active" in said.split()


def test_nothing_is_stopped_or_destroyed_that_nobody_named(built: Built) -> None:
    for deploy in (STOP, DESTROY):
        assert f"HINT: add --data confirm={built.lab.name} to" in refused(built, deploy)
    assert states(built) == {"active"}


def test_a_stop_leaves_every_acknowledged_write_on_every_member(built: Built) -> None:
    def stop() -> None:
        done = confirmed(built, STOP)
        assert len(ends(built)) == 1, ends(built)
        assert "all 3 members ended at" in one_line(done.log)
        assert changed(confirmed(built, STOP)) == {}
        print(f"stopped in {done.seconds:.1f} s")

    def boot() -> None:
        assert states(built) <= {"inactive", "failed"}
        power_cut(built)
        power_back(built)  # and nobody runs anything: all of it is enabled

    assert under_load(built, stop, boot).is_clean
    assert changed(run(built.inventory, START)) == {}
    assert_changes_nothing(built.inventory)


def test_after_a_power_cut_a_start_loses_nothing(built: Built) -> None:
    """Hosts that boot elect by themselves when they can; a start finishes what that leaves, whichever comes first."""

    def again() -> None:
        power_back(built)
        done = run(built.inventory, START)
        print(f"started after a power cut in {done.seconds:.1f} s")

    assert under_load(built, lambda: power_cut(built), again).is_clean
    assert changed(run(built.inventory, START)) == {}


@pytest.mark.parametrize("seconds", [9])
def test_a_stop_and_a_start_that_were_killed_are_gone_on_with(built: Built, seconds: int) -> None:
    def stop() -> None:
        process = start(built.inventory, STOP, "--data", f"confirm={built.lab.name}")
        time.sleep(seconds)
        kill_run(process)
        done = confirmed(built, STOP)
        print(f"killed after {seconds} s, the next stop changed {', '.join(changed(done)) or 'nothing'}")
        assert len(ends(built)) == 1

    def again() -> None:
        process = start(built.inventory, START)
        time.sleep(seconds)
        kill_run(process)
        done = run(built.inventory, START)
        print(f"killed after {seconds} s, the next start changed {', '.join(changed(done)) or 'nothing'}")

    assert under_load(built, stop, again).is_clean


def test_a_start_undoes_a_stop_that_was_killed_in_the_middle(built: Built) -> None:
    suspended = built.lab.host(next(name for name in MEMBERS if built.lab.host(name) != leader(built.lab)))
    run_in(suspended.container, "kill -STOP $(systemctl show -p MainPID --value patroni)")
    done = run(built.inventory, START)
    assert list(changed(done)) == ["Start | Hold back members until the newest data is known"]
    wait_until_settled(built.lab)


def test_destroyed_data_are_kept_and_adopted(built: Built) -> None:
    identifier = system_identifier(built.lab)
    sql(built.lab, "create table kept as select 1 as id")
    done = confirmed(built, DESTROY)
    print(f"destroyed in {done.seconds:.1f} s")
    assert len(ends(built)) == 1
    assert traces(built) == []
    assert changed(confirmed(built, DESTROY)) == {}
    said = one_line(run(built.inventory, CLUSTER, check=False).log)
    assert "If it is this cluster's own: `--data adopt=true`." in said
    print(f"adopted in {run(built.inventory, CLUSTER, '--data', 'adopt=true').seconds:.1f} s")
    wait_until_settled(built.lab)
    assert (system_identifier(built.lab), sql(built.lab, "select id from kept")) == (identifier, [(1,)])
    assert_changes_nothing(built.inventory)


def traces(built: Built) -> list[str]:
    """What is left of the project on the hosts, but for data, backups and logs."""
    places = "/etc/*/pki /etc/patroni/rest /run/pyinfra-patroni"
    ours = f"grep -rl pyinfra-patroni /etc /usr/local 2>/dev/null; ls -d {places} 2>/dev/null"
    names = "etcd.service patroni.service haproxy.service 'pgbackrest*'"
    units = f"systemctl list-unit-files --state=enabled --no-legend {names}"
    etcd = "ls -A /var/lib/etcd 2>/dev/null; true"
    return [line for name in HOSTS for line in
            run_in(built.lab.host(name).container, f"{{ {ours}; {units}; {etcd}; }} || true").splitlines()]  # fmt: skip


def test_what_was_wiped_is_built_anew(built: Built) -> None:
    identifier = system_identifier(built.lab)
    confirmed(built, DESTROY, "wipe=true", "backups=true")
    assert traces(built) == []
    left = f"ls -d /var/lib/postgresql/*/{built.lab.name} /var/lib/pgbackrest/*/{built.lab.name} 2>/dev/null || true"
    assert [run_in(built.lab.host(name).container, left) for name in HOSTS] == [""] * 4
    run(built.inventory)
    wait_until_settled(built.lab)
    assert system_identifier(built.lab) != identifier
    assert_changes_nothing(built.inventory)
    assert not re.search("kept", str(sql(built.lab, "select relname from pg_class where relname = 'kept'")))
