"""
PgBouncer in front of HAProxy, at virtual addresses: what its pools do for clients, whom they let in, and what happens
to their clients when a primary, a pool or a setting changes. What is measured is printed.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.lab.docker import DockerError, run_in
from tests.lab.hosts import wait_until_ready
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.load import Load, Outcome
from tests.lab.vocabulary.runs import (
    MEMBERS,
    TAKEOVER_SECONDS,
    Built,
    another_leader,
    assert_changes_nothing,
    changed,
    dsn,
    leader,
    run,
    secrets,
    site,
    sql,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CHECK, STATUS = "deploys/check.py", "deploys/status.py"
WRITE, READ, SESSION, DIRECT = 6432, 6433, 6434, 5000
POOLS = {WRITE: "write", READ: "read", SESSION: "session"}
SIZE = 4  # of the pools write and read, so that few clients fill one
CLIENTS = 40
MOVE_SECONDS = 30
WARM_UP_WRITES, AFTERWARDS_WRITES = 100, 100
STRANGER = "stranger"
OURS = "Connection pools | Configure and start PgBouncer"


def addresses(lab: Lab) -> dict[str, str]:
    return {"write": str(lab.subnet4[200]), "read": str(lab.subnet4[201])}


def declared(lab: Lab, directory: Path, **other: Any) -> Path:
    """An inventory whose clients are those of this machine alone."""
    there = addresses(lab)
    settings = {
        "vip_mode": "haproxy",
        "vip_interface": "eth0",
        "vip_write": [there["write"]],
        "vip_read": [there["read"]],
        "postgres_hba": [f"hostssl all all {lab.subnet4[1]}/32 scram-sha-256"],
        "pgbouncer_on": "haproxy",
        "pgbouncer_pool_size": SIZE,
        "pgbouncer_session_size": 3,
    }
    return write_inventory(lab, directory, MEMBERS, **{**settings, **other})


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members with an HAProxy and its pools on each."""
    directory = tmp_path_factory.mktemp("pools")
    with site("pgb", directory) as ready:
        inventory = declared(ready.lab, directory)
        first = run(inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, inventory, first)


def via(lab: Lab, port: int, host: str = "pg1", **parameters: Any) -> str:
    """How a client of this machine connects to a port of a host, or of a virtual address."""
    there = addresses(lab)
    place = there[host] if host in there else lab.host(host).address4
    return psycopg.conninfo.make_conninfo(dsn(lab), **{"host": place, "port": port, "connect_timeout": 5, **parameters})


def ask(lab: Lab, query: str, port: int = WRITE, host: str = "pg1", **parameters: Any) -> Any:
    with psycopg.connect(via(lab, port, host, **parameters), autocommit=True) as client:
        cursor = client.execute(query)
        return cursor.fetchone() if cursor.description else None


def refused(lab: Lab, port: int = WRITE, **parameters: Any) -> str:
    """Why a client does not get in."""
    try:
        answer = ask(lab, "select 1", port, **parameters)
    except psycopg.Error as error:
        return " ".join(str(error).split())
    raise AssertionError(f"let in: {answer}")


def console(host: Host, words: str, port: int = WRITE) -> str:
    """What a process says on its console."""
    name = POOLS[port]
    psql = f"psql -XAtq -h /run/pgbouncer/{name} -p {port} -U pgbouncer -d pgbouncer"
    return run_in(host.container, f"cd / && runuser -u postgres -- {psql} -c '{words}'")


def pid(host: Host, name: str = "write") -> str:
    return run_in(host.container, f"systemctl show -p MainPID --value pgbouncer@{name}").strip()


def holder(lab: Lab, name: str = "write", *, other_than: str = "") -> str:
    """The one host that has an address, awaited. A dead one has none."""

    def is_one() -> str:
        there = [
            host
            for host in MEMBERS
            if faults.is_running(lab.host(host).container)
            if f" {addresses(lab)[name]}/" in f" {run_in(lab.host(host).container, 'ip -br address show dev eth0')}"
        ]
        return there[0] if len(there) == 1 and there[0] != other_than else ""

    return wait_until(f"one host has the address for {name}", is_one, seconds=MOVE_SECONDS)


def test_the_cluster_is_built_with_its_pools_and_proves_them(pooled: Built) -> None:
    card = " ".join(pooled.run.log.split())
    assert "write port 6432 the primary, transaction pooling" in card
    assert "session port 6434 the primary, session pooling" in card
    assert ask(pooled.lab, "select pg_is_in_recovery()") == (False,)
    for host in (*MEMBERS, "write"):
        assert ask(pooled.lab, "select pg_is_in_recovery()", WRITE, host) == (False,)
        assert ask(pooled.lab, "select pg_is_in_recovery()", SESSION, host) == (False,)
    for host in (*MEMBERS, "read"):
        assert ask(pooled.lab, "select pg_is_in_recovery()", READ, host) == (True,)


def test_a_second_run_a_check_and_the_screen_have_nothing_to_say(pooled: Built) -> None:
    assert_changes_nothing(pooled.inventory)
    assert "nothing to complain about" in run(pooled.inventory, CHECK, check=False, as_json=False).log
    assert "9 of 9 processes answer" in run(pooled.inventory, STATUS, as_json=False).log
    for name in MEMBERS:
        host = pooled.lab.host(name).container
        assert run_in(host, "systemctl is-enabled pgbouncer || true").strip() == "disabled", "Debian's own"


def test_many_clients_share_few_connections_with_prepared_statements_and_whole_transactions(pooled: Built) -> None:
    lab = pooled.lab
    sql(lab, "create table if not exists counted (n int primary key, times int not null default 0)", user="admin")
    sql(lab, "insert into counted values (1) on conflict do nothing")
    failures: list[str] = []

    def work() -> None:
        try:
            with psycopg.connect(via(lab, WRITE), prepare_threshold=1) as client:
                for _ in range(10):
                    with client.transaction():
                        (before,) = client.execute("select pg_backend_pid()").fetchone() or (0,)
                        client.execute("update counted set times = times + 1 where n = %s", (1,))
                        (after,) = client.execute("select pg_backend_pid()").fetchone() or (1,)
                    if before != after:
                        failures.append("a transaction went over two connections")
        except psycopg.Error as error:
            failures.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ask(lab, "select times from counted") == (CLIENTS * 10,)
    servers = [row for row in console(lab.host("pg1"), "SHOW SERVERS").splitlines() if "|app|" in row]
    assert 0 < len(servers) <= SIZE
    sql(lab, "drop table counted")


def test_readers_write_nothing(pooled: Built) -> None:
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        ask(pooled.lab, "create table nothing (n int)", READ)


def test_the_pool_for_sessions_keeps_what_the_others_do_not(pooled: Built) -> None:
    lab = pooled.lab
    with psycopg.connect(via(lab, SESSION), autocommit=True) as client:
        client.execute("create temporary table kept as select 1 as n")
        client.execute("set application_name = 'kept'")
        client.execute("select pg_advisory_lock(4711)")
        client.execute("listen news")
        sql(lab, "notify news, 'here'")
        assert [one.payload for one in client.notifies(timeout=MOVE_SECONDS, stop_after=1)] == ["here"]
        assert client.execute("select n, current_setting('application_name') from kept").fetchone() == (1, "kept")
    assert ask(lab, "select to_regclass('pg_temp.kept') is null", SESSION) == (True,), "the next session has none of it"
    assert ask(lab, "select pg_try_advisory_lock(4711)", DIRECT, "pg1") == (True,)


def test_whom_it_does_not_let_in_it_tells_why(pooled: Built) -> None:
    lab = pooled.lab
    assert "SASL authentication failed" in refused(lab, password="wrong")
    assert 'database "none" does not exist' in refused(lab, dbname="none")
    assert "no such user" in refused(lab, user="nobody")
    assert "SSL required" in refused(lab, sslmode="disable", sslrootcert="")
    superuser = {"user": "postgres", "password": secrets(lab)["PATRONI_SUPERUSER_PASSWORD"]}
    for port in (WRITE, READ, SESSION):
        assert "no such user" in refused(lab, port, **superuser), "its verifier is not handed out"
    own = {"user": "pgbouncer_auth", "password": secrets(lab)["PGBOUNCER_PASSWORD"]}
    assert "login rejected" in refused(lab, dbname="postgres", **own)
    assert "login rejected" in refused(lab, dbname="pgbouncer_lookup")
    assert "not allowed" in refused(lab, dbname="pgbouncer", user="pgbouncer")


def test_its_own_role_may_ask_and_nothing_else(pooled: Built) -> None:
    lab = pooled.lab
    refusal = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with refusal:
        sql(lab, "select * from pgbouncer.user_lookup('admin')", dbname="postgres")
    own = {"user": "pgbouncer_auth", "password": secrets(lab)["PGBOUNCER_PASSWORD"], "dbname": "postgres"}
    via_loopback = psycopg.conninfo.make_conninfo("", **own, host="127.0.0.1", port=DIRECT, sslmode="require")
    asked = "select count(*) from pgbouncer.user_lookup('{}')"
    for role, known in (("admin", "1"), ("postgres", "0"), ("replicator", "0"), ("pgbouncer_auth", "1")):
        words = f'psql -XAt "{via_loopback}" -c "{asked.format(role)}"'
        assert run_in(lab.host("pg1").container, words).strip() == known, role
    with pytest.raises(DockerError, match="permission denied"):
        run_in(lab.host("pg1").container, f'psql -XAt "{via_loopback}" -c "select * from pg_authid"')
    with pytest.raises(psycopg.OperationalError, match="pg_hba"):
        sql(lab, "select 1", 5432, **own)


def test_a_changed_password_counts_at_the_next_login_and_an_expired_one_at_once(pooled: Built) -> None:
    lab = pooled.lab
    sql(lab, "create role reader login password 'a first password'")
    me = {"user": "reader", "dbname": "postgres"}
    assert ask(lab, "select current_user", password="a first password", **me) == ("reader",)
    sql(lab, "alter role reader password 'another password'")
    assert ask(lab, "select current_user", password="another password", **me) == ("reader",)
    assert "SASL authentication failed" in refused(lab, password="a first password", **me)
    sql(lab, "alter role reader valid until '2020-01-01'")
    expired = refused(lab, password="another password", **me)
    assert "no such user" in expired or "SASL authentication failed" in expired
    sql(lab, "drop role reader")


def test_a_client_of_an_undeclared_network_is_refused(pooled: Built) -> None:
    """A member is none of the clients; the admin role alone may come from there, for the proof."""
    lab = pooled.lab
    sql(lab, f"create role {STRANGER} login password 'a password of theirs'")
    words = f"host={lab.host('pg1').address4} user={STRANGER} dbname=postgres sslmode=require"
    ask_there = f"PGPASSWORD='a password of theirs' psql -XAt '{words} port={{}}' -c 'select 1' 2>&1 || true"
    for port in (WRITE, READ, SESSION):
        assert "no authentication method is found" in run_in(lab.host("pg2").container, ask_there.format(port))
    sql(lab, f"drop role {STRANGER}")


def test_without_the_function_nobody_new_gets_in_and_a_run_brings_it_back(pooled: Built) -> None:
    lab = pooled.lab
    run_in(leader(lab).container, "runuser -u postgres -- psql -qc 'drop function pgbouncer.user_lookup(text)'")
    assert "user_lookup" in refused(lab) or "bouncer config error" in refused(lab)
    assert changed(run(pooled.inventory)).keys() == {"PostgreSQL | Create the admin role and databases"}
    assert ask(lab, "select 1") == (1,)
    assert_changes_nothing(pooled.inventory)


def test_it_talks_to_no_server_that_another_authority_vouches_for(pooled: Built) -> None:
    host = pooled.lab.host("pg1")
    other = "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=other -keyout /dev/null 2>/dev/null"
    place = "/etc/pgbouncer/pki/ca.crt"
    run_in(host.container, f"cp -p {place} /root/ca.crt && {other} > {place}")
    try:
        console(host, "RELOAD")
        console(host, "RECONNECT")
        assert refused(pooled.lab)
        said = run_in(host.container, "journalctl -u pgbouncer@write -o cat --no-pager -n 50")
        assert "certificate verify failed" in said
    finally:
        run_in(host.container, f"cp -p /root/ca.crt {place}")
        console(host, "RELOAD")
    wait_until("it connects again", lambda: is_in(pooled.lab), seconds=MOVE_SECONDS)


def is_in(lab: Lab, port: int = WRITE, host: str = "pg1") -> bool:
    try:
        return bool(ask(lab, "select 1", port, host) == (1,))
    except psycopg.Error:
        return False


def cancelled(client: psycopg.Connection) -> bool:
    """Whether a query of a client's ends when the client cancels it."""
    timer = threading.Timer(0.5, client.cancel)
    timer.start()
    try:
        client.execute("select pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        return True
    finally:
        timer.join()
        client.rollback()
    return False


def test_a_query_is_cancelled(pooled: Built) -> None:
    with psycopg.connect(via(pooled.lab, WRITE)) as client:
        assert cancelled(client)


def test_a_reload_drops_no_client(pooled: Built, tmp_path: Path) -> None:
    lab, before = pooled.lab, {name: pid(pooled.lab.host(name)) for name in MEMBERS}
    with psycopg.connect(via(lab, WRITE)) as client:
        backend = client.execute("select pg_backend_pid()").fetchone()
        done = run(declared(lab, tmp_path, pgbouncer_max_clients=500, pgbouncer_wait_seconds=100))
        assert changed(done).keys() == {OURS} and len(changed(done)[OURS]) == len(MEMBERS)
        assert client.execute("select pg_backend_pid()").fetchone() == backend, "its transaction goes on"
    assert {name: pid(lab.host(name)) for name in MEMBERS} == before
    assert "max_client_conn|500" in console(lab.host("pg1"), "SHOW CONFIG")
    run(pooled.inventory)


def test_what_a_reload_cannot_change_is_changed_by_a_restart_of_that_pool_alone(pooled: Built, tmp_path: Path) -> None:
    lab, before = pooled.lab, {name: pid(pooled.lab.host("pg1"), name) for name in POOLS.values()}
    assert OURS in changed(run(declared(lab, tmp_path, pgbouncer_read_port=6443)))
    assert ask(lab, "select pg_is_in_recovery()", 6443) == (True,)
    assert not is_in(lab, READ)
    after = {name: pid(lab.host("pg1"), name) for name in POOLS.values()}
    assert [name for name in before if before[name] != after[name]] == ["read"]
    run(pooled.inventory)
    assert ask(lab, "select pg_is_in_recovery()", READ) == (True,)


def test_a_pause_for_no_run_is_found(pooled: Built) -> None:
    host = pooled.lab.host("pg2")
    console(host, "PAUSE")
    found = " ".join(run(pooled.inventory, CHECK, check=False, as_json=False).log.split())
    assert "the pool write is paused" in found and "-c RESUME" in found, found
    assert "1 PAUSED" in run(pooled.inventory, STATUS, as_json=False).log
    console(host, "RESUME")
    assert "nothing to complain about" in run(pooled.inventory, CHECK, check=False, as_json=False).log


def acknowledged(load: Load) -> list[float]:
    return [one.started for one in load.attempts if one.outcome is Outcome.ACKNOWLEDGED]


def wait_for_both(loads: list[Load], what: str, after: float, count: int, seconds: float) -> None:
    wait_until(
        what, lambda: all(sum(at > after for at in acknowledged(one)) >= count for one in loads), seconds=seconds
    )


def test_the_primary_is_killed(pooled: Built) -> None:
    """The same loss of the primary, seen by clients of HAProxy and by clients of a pool in front of it."""
    lab, old = pooled.lab, leader(pooled.lab)
    other = next(name for name in MEMBERS if lab.host(name) != old)
    with ExitStack() as held:
        loads = [held.enter_context(Load(via(lab, port, other))) for port in (DIRECT, WRITE)]
        wait_for_both(loads, "both loads run", 0, WARM_UP_WRITES, MOVE_SECONDS)
        faults.kill(old.container)
        another_leader(lab, old, other)
        wait_for_both(loads, "both write again", time.monotonic(), AFTERWARDS_WRITES, TAKEOVER_SECONDS)
    direct, through = (one.report() for one in loads)
    print(
        f"\nprimary killed: longest gap {direct.longest_gap_seconds:.1f} s directly, {direct.refused} refused; ", end=""
    )
    print(f"{through.longest_gap_seconds:.1f} s through the pool, {through.refused} refused")
    for one in loads:
        assert not one.verdict().duplicated and not one.verdict().resurrected
    faults.start(old.container)
    wait_until_ready(old)
    wait_until_settled(lab)
    wait_until("its pools are back", lambda: is_in(lab, WRITE, old.short_name), seconds=MOVE_SECONDS)
    # The second that a pool waits before it tries again, and what a busy machine may add.
    assert through.longest_gap_seconds <= direct.longest_gap_seconds + 5


def test_a_killed_pool_is_started_again_and_all_else_serves_meanwhile(pooled: Built) -> None:
    lab, there = pooled.lab, holder(pooled.lab)
    host = lab.host(there)
    before = pid(host)
    with ExitStack() as held:
        direct, through = (held.enter_context(Load(via(lab, port, "write"))) for port in (DIRECT, WRITE))
        wait_for_both([direct, through], "both loads run", 0, WARM_UP_WRITES, MOVE_SECONDS)
        run_in(host.container, f"kill -9 {before}")
        wait_for_both([direct, through], "both write on", time.monotonic(), AFTERWARDS_WRITES, MOVE_SECONDS)
    wait_until("systemd has started it again", lambda: pid(host) not in ("0", before), seconds=MOVE_SECONDS)
    print(f"\npool killed: longest gap {through.report().longest_gap_seconds:.1f} s through it, ", end="")
    print(f"{direct.report().longest_gap_seconds:.1f} s past it; the address is on {holder(lab)}, was on {there}")
    assert direct.verdict().is_clean and through.verdict().is_clean
    assert direct.report().refused == 0 or holder(lab) != there


def test_a_frozen_pool_loses_the_address(pooled: Built) -> None:
    lab, old = pooled.lab, holder(pooled.lab)
    host = lab.host(old)
    frozen = pid(host)
    with Load(via(lab, WRITE, "write", connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=MOVE_SECONDS)
        run_in(host.container, f"kill -STOP {frozen}")
        new = holder(lab, other_than=old)
        load.wait_for_writes(AFTERWARDS_WRITES, after=time.monotonic(), seconds=MOVE_SECONDS)
    found = " ".join(run(pooled.inventory, CHECK, check=False, as_json=False).log.split())
    assert "the pool write does not answer on its console" in found
    assert ask(lab, "select pg_is_in_recovery()", DIRECT, old) == (False,), "HAProxy beside it serves"
    run_in(host.container, f"kill -CONT {frozen}")
    print(f"\npool frozen on {old}: the address is on {new}, longest gap {load.report().longest_gap_seconds:.1f} s")
    assert load.verdict().is_clean


def test_the_address_stays_where_all_pools_are_frozen(pooled: Built) -> None:
    """What all hosts lack makes none of them worse."""
    lab = pooled.lab
    frozen = {name: pid(lab.host(name)) for name in MEMBERS}
    for name, process in frozen.items():
        run_in(lab.host(name).container, f"kill -STOP {process}")
    try:
        lost = "journalctl -u keepalived -o cat --no-pager | grep -F 'VRRP_Script(write_pooled)' | tail -n 1"
        for name in MEMBERS:
            said = lambda name=name: run_in(lab.host(name).container, lost)  # noqa: E731
            wait_until(f"{name} knows", lambda said=said: "fail" in said(), seconds=MOVE_SECONDS)
        assert ask(lab, "select pg_is_in_recovery()", DIRECT, holder(lab)) == (False,)
        assert ask(lab, "select pg_is_in_recovery()", DIRECT, "write") == (False,)
    finally:
        for name, process in frozen.items():
            run_in(lab.host(name).container, f"kill -CONT {process}")


def test_several_processes_share_a_port_and_a_cancel_finds_its_own(pooled: Built, tmp_path: Path) -> None:
    lab = pooled.lab
    inventory = declared(lab, tmp_path, pgbouncer_processes=2)
    assert OURS in changed(run(inventory))
    assert_changes_nothing(inventory)
    with ExitStack() as held:
        clients = [held.enter_context(psycopg.connect(via(lab, WRITE))) for _ in range(12)]
        asked = "psql -XAtq -h /run/pgbouncer/{0} -p 6432 -U pgbouncer -d pgbouncer -c 'SHOW CLIENTS' | grep -c '|app|'"
        shared = [
            int(run_in(lab.host("pg1").container, f"cd / && runuser -u postgres -- {asked.format(name)} || true"))
            for name in ("write-1", "write-2")
        ]
        print(f"\n12 clients on one port: {shared[0]} and {shared[1]}")
        assert sum(shared) == 12
        assert all(cancelled(client) for client in clients)
    assert OURS in changed(run(pooled.inventory))
    units = run_in(lab.host("pg1").container, "systemctl list-units --all --plain --no-legend 'pgbouncer@*'").split()
    assert [one for one in units if one.endswith(".service")] == [
        f"pgbouncer@{name}.service" for name in ("read", "session", "write")
    ]


def test_sizes_that_exceed_what_a_member_has_are_refused(pooled: Built, tmp_path: Path) -> None:
    refused_run = run(declared(pooled.lab, tmp_path, pgbouncer_pool_size=90), check=False)
    said = " ".join(refused_run.log.split())
    assert refused_run.code != 0 and "and a member takes 190" in said and "Lower it to" in said
    assert_changes_nothing(pooled.inventory)


def test_where_no_pools_are_declared_nothing_of_them_is_left(pooled: Built, tmp_path: Path) -> None:
    lab = pooled.lab
    inventory = declared(lab, tmp_path, pgbouncer_on="none", pgbouncer_pool_size=None, pgbouncer_session_size=0)
    done = changed(run(inventory))
    assert len(done["Connection pools | Remove PgBouncer where it is not declared"]) == len(MEMBERS)
    assert_changes_nothing(inventory)
    for name in MEMBERS:
        host = lab.host(name).container
        left = "ls -d /etc/systemd/system/pgbouncer* /etc/pgbouncer/p* /run/pgbouncer/* 2>/dev/null || true"
        assert run_in(host, left).split() == ["/etc/pgbouncer/pgbouncer.ini"], "Debian's own"
        assert run_in(host, "pidof pgbouncer || true").strip() == ""
    assert sql(lab, "select rolname from pg_roles where rolname like 'pgbouncer%'") == []
    assert sql(lab, "select nspname from pg_namespace where nspname = 'pgbouncer'", dbname="postgres") == []
    assert changed(run(pooled.inventory))
    assert ask(lab, "select 1", WRITE, "write") == (1,)
