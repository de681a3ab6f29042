"""What PgBouncer answers on its console, as it was recorded, and what it means when it does not."""

from __future__ import annotations

import base64

import pytest
from pyinfra.api.exceptions import FactProcessError

from facts.pgbouncer import PgbouncerFiles, PgbouncerProcesses, PgbouncerStats

# Of PgBouncer 1.24.1.
STATE = "key,value\nactive,yes\npaused,no\nsuspended,no\n"
DATABASES = """\
name,host,port,database,force_user,pool_size,min_pool_size,reserve_pool_size,server_lifetime,pool_mode,load_balance_hosts,\
max_connections,current_connections,max_client_connections,current_client_connections,paused,disabled
app,127.0.0.1,5000,app,,20,0,0,3600,,,20,3,0,5,0,0
pgbouncer,,6432,pgbouncer,pgbouncer,2,0,0,3600,statement,,0,0,0,1,0,0
pgbouncer_lookup,127.0.0.1,5000,postgres,,2,0,0,3600,,,2,1,0,0,0,0
"""
POOLS = """\
database,user,cl_active,cl_waiting,cl_active_cancel_req,cl_waiting_cancel_req,sv_active,sv_active_cancel,\
sv_being_canceled,sv_idle,sv_used,sv_tested,sv_login,maxwait,maxwait_us,pool_mode,load_balance_hosts
app,admin,4,1,0,0,3,0,0,0,0,0,0,2,15,transaction,
pgbouncer,pgbouncer,1,0,0,0,0,0,0,0,0,0,0,0,0,statement,
pgbouncer_lookup,pgbouncer_auth,0,0,0,0,0,0,0,1,0,0,0,0,0,transaction,
"""
CONFIG = "key,value,default,changeable\nmax_client_conn,1000,100,yes\npool_mode,transaction,session,yes\n"
SAID = {"state": STATE, "databases": DATABASES, "pools": POOLS, "config": CONFIG}
USED = {"servers": 3, "paused": False, "disabled": False}


def answer(name: str = "write", **other: str) -> list[str]:
    said = "".join(f"--\n{text}" for text in {**SAID, **other}.values())
    return [f"{name}|0|{base64.b64encode(said.encode()).decode()}"]


def silence(name: str, code: int, said: str = "") -> list[str]:
    return [f"{name}|{code}|{base64.b64encode(said.encode()).decode()}"]


def test_a_process_that_serves() -> None:
    assert PgbouncerProcesses().process(answer()) == {
        "write": {
            "error": "",
            "paused": "none",
            "databases": {"app": USED, "pgbouncer_lookup": {**USED, "servers": 1}},
            "clients": 5,
            "waiting": 1,
            "servers": 4,
            "maxwait": 2,
            "settings": {"max_client_conn": "1000", "pool_mode": "transaction"},
        }
    }


def test_a_pause_of_all_and_of_some() -> None:
    every = answer(state=STATE.replace("paused,no", "paused,yes"))
    assert PgbouncerProcesses().process(every)["write"]["paused"] == "all"
    some = PgbouncerProcesses().process(answer(databases=DATABASES.replace("20,3,0,5,0,0", "20,3,0,5,1,0")))["write"]
    assert some["paused"] == "some" and some["databases"]["app"]["paused"]


def test_one_that_does_not_answer_is_not_one_that_is_not_paused() -> None:
    seen = PgbouncerProcesses().process([*answer(), *silence("read", 2, "psql: error: Connection refused\n")])
    assert seen["read"] == {"error": "psql: error: Connection refused"}
    assert seen["write"]["error"] == ""
    assert PgbouncerProcesses().process(silence("read", 124))["read"] == {"error": "no answer within 5 s"}


@pytest.mark.parametrize(
    "other",
    [{"state": "key,value\nactive,yes\n"}, {"pools": "database,user\napp,admin\n"}, {"databases": "name\napp\n"}],
)
def test_an_answer_that_cannot_be_read_is_none(other: dict[str, str]) -> None:
    with pytest.raises(FactProcessError):
        PgbouncerProcesses().process(answer(**other))


def test_half_an_answer_is_none() -> None:
    said = f"--\n{STATE}--\n{DATABASES}"
    with pytest.raises(FactProcessError):
        PgbouncerProcesses().process([f"write|0|{base64.b64encode(said.encode()).decode()}"])


def test_it_is_asked_as_its_own_user_over_its_socket() -> None:
    command = PgbouncerProcesses().command({"write-1": 6432})
    assert "runuser -u postgres -- psql" in command and "-h /run/pgbouncer/write-1 -p 6432 -U pgbouncer" in command


def test_the_processes_that_have_files() -> None:
    listed = ["read.ini", "read.listen.ini", "write-2.ini", "write-2.listen.ini", "notes.txt"]
    assert PgbouncerFiles().process(listed) == ["read", "write-2"]
    assert PgbouncerFiles.default() == []


STATS = """\
database,total_server_assignment_count,total_xact_count,total_query_count,total_received,total_sent,total_xact_time,\
total_query_time,total_wait_time,total_client_parse_count,total_server_parse_count,total_bind_count
app,7,9,12,1220,6100,463,463,7502,2,1,3
pgbouncer,0,1,1,0,0,0,0,0,0,0,0
"""


def test_what_a_process_has_done() -> None:
    counted = {"transactions": 9, "queries": 12, "wait_us": 7502, "received": 1220, "sent": 6100}
    assert PgbouncerStats().process(STATS.splitlines()) == {"app": counted}
    assert "-h /run/pgbouncer/write -p 6432 -U pgbouncer" in PgbouncerStats().command("write", 6432)
    with pytest.raises(FactProcessError):
        PgbouncerStats().process(["database,total_xact_count", "app,9"])
