"""Who begins a cluster: one that died while it did so, and nobody who gets no answer from etcd, or another one's."""

import time

import pytest

from tests.lab.docker import DockerError, run_in
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import Site, assert_changes_nothing, kill_run, run, site, start, system_identifier
from tests.lab.vocabulary.waiting import wait_until

# Two of Patroni's loops, with its tries of etcd.
MOMENT_SECONDS = 15
STATE = "systemctl is-active patroni; journalctl -u patroni -n 1 -o cat --no-pager; true"

PKI = "--cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/etcd.crt --key=/etc/etcd/pki/etcd.key"
ETCDCTL = f"etcdctl --endpoints=https://127.0.0.1:2379 {PKI}"


def test_a_bootstrap_that_was_cut_off_is_begun_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    with site("t-cut", tmp_path_factory.mktemp("t-cut"), hosts=("pg1",)) as ready:
        member = ready.lab.host("pg1").container
        _kill_the_host_during_initdb(ready, member)
        faults.start(member)
        wait_until("etcd answers", lambda: _initialize(ready) is not None, seconds=60)
        assert _initialize(ready) == ""
        fixed = run(ready.inventory)
        print(f"begun again and proven in {fixed.seconds:.1f} s")
        assert "it is started again" in fixed.log
        assert _initialize(ready) == system_identifier(ready.lab)
        assert_changes_nothing(ready.inventory)


def test_a_member_that_gets_no_answer_from_etcd_begins_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On a fresh host, and on one that has lost its data when etcd answers again and knows of them."""
    with site("t-silent", tmp_path_factory.mktemp("t-silent"), hosts=("pg1", "etcd1")) as ready:
        member, etcd = (ready.lab.host(name).container for name in ("pg1", "etcd1"))
        faults.cut_peers(member, [etcd])
        refused = run(ready.inventory, check=False)
        assert refused.code == 1 and f"cannot be reached from {member}" in " ".join(refused.log.split()), refused
        assert _data(member) == ""
        faults.heal(member)
        run(ready.inventory)
        run_in(member, f"systemctl stop patroni && rm -r /var/lib/postgresql/*/{ready.lab.name}*")
        faults.cut_peers(member, [etcd])
        run_in(member, "systemctl start --no-block patroni")
        time.sleep(MOMENT_SECONDS)
        print(f"without an answer: {run_in(member, STATE)}")
        assert _data(member) == ""
        faults.heal(member)
        run_in(member, "systemctl start --no-block patroni")
        time.sleep(MOMENT_SECONDS)
        print(f"with another one's key: {run_in(member, STATE)}")
        assert _data(member) == ""


def _data(member: str) -> str:
    """The data directories there are, whole or begun."""
    return run_in(member, "ls -d /var/lib/postgresql/*/*/PG_VERSION 2>/dev/null || true")


def _kill_the_host_during_initdb(ready: Site, member: str) -> None:
    process = start(ready.inventory)
    try:
        wait_until("Patroni begins", lambda: _initialize(ready) == "", seconds=90)
        faults.kill(member)
    finally:
        kill_run(process)
        process.communicate(timeout=30)


def _initialize(ready: Site) -> str | None:
    """The value of Patroni's key; None while it is absent or etcd does not answer."""
    try:
        lines = run_in(
            ready.lab.host("pg1").container, f"{ETCDCTL} get /service/{ready.lab.name}/initialize"
        ).splitlines()
    except DockerError:
        return None
    return None if not lines else "".join(lines[1:])
