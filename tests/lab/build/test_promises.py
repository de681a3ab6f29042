"""What ``deploys/cluster.py`` leaves alone on a cluster that lives: its PostgreSQL, and what nobody declared."""

from pathlib import Path

from tests.lab.docker import run_in
from tests.lab.vocabulary.runs import (
    MEMBERS,
    Built,
    assert_changes_nothing,
    leader,
    members,
    patroni,
    run,
    sql,
    start_times,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

LOOP_SECONDS = 30
CONNECTIONS = 123


def waiting(built: Built) -> list[str]:
    """The members that a restart is pending on."""
    return sorted(name for name, one in members(built.lab).items() if one.get("pending_restart"))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_setting_that_needs_a_restart_stays_pending_and_is_named(built: Built, tmp_path: Path) -> None:
    lab, before = built.lab, start_times(built.lab)
    old = sql(lab, "show max_connections")
    parameters = {"max_connections": CONNECTIONS}
    done = run(write_inventory(lab, tmp_path, (*MEMBERS, "backup1"), postgres_parameters=parameters))
    assert f"max_connections {old[0][0]} -> {CONNECTIONS} after a restart of PostgreSQL" in one_line(done.log), done
    assert "deploys/restart_pending.py" in done.log
    containers = [lab.host(name).container for name in MEMBERS]
    # Each member's Patroni sees it in its next loop.
    wait_until("it waits on all members", lambda: waiting(built) == containers, seconds=LOOP_SECONDS)
    assert start_times(lab) == before
    assert [sql(lab, "show max_connections", 5432, name) for name in MEMBERS] == [old] * 3
    run(built.inventory)
    wait_until("nothing is pending any more", lambda: waiting(built) == [], seconds=LOOP_SECONDS)
    assert start_times(lab) == before
    assert_changes_nothing(built.inventory)


def test_nothing_is_dropped_that_nobody_declared(built: Built) -> None:
    lab, host = built.lab, leader(built.lab).container

    def as_superuser(statement: str, database: str = "postgres") -> str:
        return run_in(host, f'cd / && runuser -u postgres -- psql -XAtq -d {database} -c "{statement}"')

    def set_by_hand(value: str) -> None:
        edit = f"patronictl -c /etc/patroni/config.yml edit-config {lab.name} --force --quiet"
        run_in(host, f"{edit} -p deadlock_timeout={value}")

    as_superuser("create role somebody login")
    as_superuser("create database somebodys owner somebody")
    as_superuser("create table thesis as select 42 as answer", "somebodys")
    set_by_hand("1234ms")
    try:
        done = run(built.inventory)
        assert "left alone, though they are not declared: deadlock_timeout" in one_line(done.log), done
        assert as_superuser("select answer from thesis", "somebodys") == "42"
        assert as_superuser("select rolcanlogin from pg_roles where rolname = 'somebody'") == "t"
        assert patroni(lab, "pg1", "config")["postgresql"]["parameters"]["deadlock_timeout"] == "1234ms"
        shown = "show deadlock_timeout"
        wait_until("it is in force", lambda: sql(lab, shown) == [("1234ms",)], seconds=LOOP_SECONDS)
    finally:
        as_superuser("drop database if exists somebodys")
        as_superuser("drop role if exists somebody")
        set_by_hand("null")
    assert_changes_nothing(built.inventory)
