"""
A cluster's whole life on hosts that nobody tested on: Rust's coreutils and sudo, a login that talks, an umask of 077,
log directories with a set-group-ID bit, and German. And what a run says when it cannot begin or go on there.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.backups import findings, one_line
from tests.lab.vocabulary.odd import LANGUAGE, PASSWORD, make_odd, set_group_ids, with_password
from tests.lab.vocabulary.restarts import shown
from tests.lab.vocabulary.runs import (
    Built,
    Run,
    assert_changes_nothing,
    changed,
    members,
    run,
    site,
    sql,
    start,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

TWO = ("pg1", "pg2")
HOSTS = (*TWO, "backup1")
SLEEP = "from pyinfra.operations import server\nserver.shell(name='a long step', commands=['sleep 91'])\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members, a repository host that also votes in etcd, and nothing of the usual on any of them."""
    with site("odd", tmp_path_factory.mktemp("odd"), hosts=HOSTS) as ready:
        for name in HOSTS:
            make_odd(ready.lab.host(name))
        declare_voters(ready.inventory, [ready.lab.host(name).container for name in HOSTS])
        first = run(ready.inventory)
        for name in HOSTS:
            set_group_ids(ready.lab.host(name))
        wait_until_settled(ready.lab, TWO)
        yield Built(ready.lab, ready.inventory, first)


def declare_voters(inventory: Path, voters: list[str]) -> Path:
    """etcd takes three hosts."""
    inventory.write_text(f"{inventory.read_text()}\netcd = {voters}\n")
    return inventory


def declared(built: Built, directory: Path, **settings: object) -> Path:
    """An inventory of the same hosts with other settings."""
    path = write_inventory(built.lab, directory, HOSTS, **settings)
    return declare_voters(path, [built.lab.host(name).container for name in HOSTS])


def told(built: Built, deploy: str, *data: str, inventory: Path | None = None) -> Run:
    """A run with these options."""
    words = (word for one in data for word in ("--data", one))
    return run(inventory or built.inventory, f"deploys/{deploy}.py", *words)


def test_the_hosts_are_as_odd_as_they_should_be(built: Built) -> None:
    ask = (
        "readlink -f $(command -v sudo) $(command -v df); . /root/.profile > /dev/null 2>&1; umask; locale 2> /dev/null"
    )
    said = run_in(built.lab.host("pg1").container, ask)
    assert all(word in said for word in ("cargo/bin/sudo", "coreutils", "0077", f"LANG={LANGUAGE}"))
    assert run_in(built.lab.host("pg1").container, "stat -c %a /var/log/pgbackrest").startswith("2")


def test_what_is_built_is_whole_and_stays_as_it_is(built: Built) -> None:
    assert_changes_nothing(built.inventory)
    found = findings(built)
    assert [one for one in found.values() if "quorum" in one or "cannot be read" in one or "no answer" in one] == []
    said = one_line(run(built.inventory, "deploys/status.py", as_json=False).log)
    assert "NO QUORUM" not in said and all(built.lab.host(name).container in said for name in HOSTS)


def test_a_setting_that_waits_is_restarted(built: Built, tmp_path: Path) -> None:
    inventory = declared(built, tmp_path, postgres_parameters={"max_connections": 123})
    told(built, "configure", "restart=true", inventory=inventory)
    assert set(shown(built.lab, "max_connections").values()) == {"123"}
    told(built, "configure", "restart=true")


def test_it_goes_back_to_a_backup(built: Built) -> None:
    sql(built.lab, "create table kept as select 1 as n")
    told(built, "backup", "type=full")
    told(built, "restore", "latest=true", f"confirm={built.lab.name}")
    wait_until_settled(built.lab, TWO)
    assert sql(built.lab, "select n from kept") == [(1,)]
    told(built, "verify_backup")
    assert_changes_nothing(built.inventory)


def test_a_host_goes_and_comes_back(built: Built) -> None:
    gone = built.lab.host("pg2").container
    told(built, "remove_node", f"node={gone}", "allow_no_failover=true", "wipe=true", "drain_seconds=0")
    assert list(members(built.lab)) == [built.lab.host("pg1").container]
    told(built, "add_node")
    wait_until_settled(built.lab, TWO)
    assert_changes_nothing(built.inventory)


def test_it_stops_and_starts(built: Built) -> None:
    told(built, "stop", f"confirm={built.lab.name}")
    told(built, "start")
    wait_until_settled(built.lab, TWO)
    assert changed(told(built, "start")) == {}


def test_a_sudo_that_wants_a_password_is_named_with_its_host(built: Built, tmp_path: Path) -> None:
    host = built.lab.host("pg2")
    with with_password(host):
        done = run(built.inventory, "deploys/pause.py", check=False)
        assert done.code == 1 and "Traceback" not in done.log
        assert f"{host.container}: " in done.log and "HINT: let sudo ask nothing there" in done.log
        inventory = declared(built, tmp_path)
        inventory.write_text(f'{inventory.read_text()}\npostgres[1][1]["_sudo_password"] = "{PASSWORD}"\n')
        run(inventory, "deploys/etcd_snapshot.py")


def test_a_connection_that_is_cut_in_the_middle_is_named(built: Built, tmp_path: Path) -> None:
    process = under_way(built, tmp_path)
    run_in(built.lab.host("pg1").container, "pkill -KILL -u deploy -f sshd")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 1, log
    assert f"{built.lab.host('pg1').container}: the connection was lost in the middle of a command" in log
    assert "Traceback" not in log


def test_an_interrupted_run_ends_with_130(built: Built, tmp_path: Path) -> None:
    process = under_way(built, tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, log = process.communicate(timeout=60)
    assert (process.returncode, "interrupted while a step was under way" in log) == (130, True), log
    assert "Traceback" not in log


def under_way(built: Built, directory: Path) -> subprocess.Popen[str]:
    """A run that is at a long step on the first host."""
    deploy = directory / "long.py"
    deploy.write_text(SLEEP)
    host = built.lab.host("pg1").container
    run_in(host, "pkill -x sleep || true")  # of the test before
    process = start(built.inventory, str(deploy), "--limit", host)
    wait_until("the step has begun", lambda: run_in(host, "pgrep -fx 'sleep 91' || true"), seconds=60)
    return process


def test_nothing_of_it_is_left(built: Built) -> None:
    told(built, "destroy", f"confirm={built.lab.name}", "wipe=true", "backups=true")
    for name in HOSTS:
        assert run_in(built.lab.host(name).container, "systemctl is-active etcd patroni haproxy || true") != "active"
