"""A host that dies while it begins the cluster leaves an empty key in etcd, for which Patroni would wait for ever."""

import pytest

from tests.lab import faults
from tests.lab.docker import DockerError, run_in
from tests.lab.runs import Site, assert_changes_nothing, kill_run, run, site, start, system_identifier
from tests.lab.waiting import wait_until

PKI = "--cacert=/etc/etcd/pki/ca.crt --cert=/etc/etcd/pki/etcd.crt --key=/etc/etcd/pki/etcd.key"
ETCDCTL = f"etcdctl --endpoints=https://127.0.0.1:2379 {PKI}"


def test_a_bootstrap_that_was_cut_off_is_begun_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    with site("t-cut", tmp_path_factory.mktemp("t-cut"), hosts=("pg1",)) as ready:
        member = ready.lab.host("pg1").container
        _kill_the_host_during_initdb(ready, member)
        faults.start(member)
        wait_until("etcd answers", lambda: _initialize(member) is not None, seconds=60)
        assert _initialize(member) == ""
        mended = run(ready.inventory)
        print(f"begun again and proven in {mended.seconds:.1f} s")
        assert "begun again" in mended.log
        assert _initialize(member) == system_identifier(ready.lab)
        assert_changes_nothing(ready.inventory)


def _kill_the_host_during_initdb(ready: Site, member: str) -> None:
    process = start(ready.inventory)
    try:
        wait_until("Patroni begins", lambda: _initialize(member) == "", seconds=90)
        faults.kill(member)
    finally:
        kill_run(process)
        process.communicate(timeout=30)


def _initialize(member: str) -> str | None:
    """The value of Patroni's key; None while it is absent or etcd does not answer."""
    try:
        lines = run_in(member, f"{ETCDCTL} get /service/t-cut/initialize").splitlines()
    except DockerError:
        return None
    return None if not lines else "".join(lines[1:])
