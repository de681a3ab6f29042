"""PgBouncer on members without HAProxy: each in front of its own PostgreSQL, with addresses that follow the roles."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host, Lab
from tests.lab.vocabulary.addresses import looked
from tests.lab.vocabulary.runs import (
    MEMBERS,
    SETTLE_SECONDS,
    TAKEOVER_SECONDS,
    Built,
    assert_changes_nothing,
    dsn,
    leader,
    members,
    replicas,
    run,
    site,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CHECK = "deploys/check.py"
WRITE, READ = 6432, 6433


def addresses(lab: Lab) -> dict[str, str]:
    return {"write": str(lab.subnet4[100]), "read": str(lab.subnet4[101])}


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members, no HAProxy."""
    directory = tmp_path_factory.mktemp("own-pools")
    with site("pgb-own", directory) as ready:
        there = addresses(ready.lab)
        given = {"vip_mode": "leader", "vip_write": [there["write"]], "vip_read": [there["read"]]}
        inventory = write_inventory(ready.lab, directory, MEMBERS, pgbouncer_on="members", **given)
        inventory.write_text(f"{inventory.read_text()}\nhaproxy = []\n")
        yield Built(ready.lab, inventory, run(inventory))


def client(lab: Lab, host: str, port: int = WRITE, **parameters: object) -> psycopg.Connection:
    place = psycopg.conninfo.make_conninfo(dsn(lab), host=host, port=port, connect_timeout=5, **parameters)
    return psycopg.connect(place, autocommit=True)


def recovers(lab: Lab, host: str, port: int = WRITE) -> bool | None:
    """Whether who answers is a standby; None: nobody does."""
    try:
        with client(lab, host, port) as there:
            row = there.execute("select pg_is_in_recovery()").fetchone()
    except psycopg.Error:
        return None
    return bool(row and row[0])


def found(lab: Lab) -> str:
    """The address that a client comes to that looks for the primary on all members' pools; "": it finds none."""
    everybody = ",".join(lab.host(name).address4 for name in MEMBERS)
    try:
        with client(lab, everybody, target_session_attrs="read-write") as there:
            return there.info.host
    except psycopg.Error:
        return ""


def holders(lab: Lab, name: str) -> set[str]:
    return set(looked(lab.hosts(MEMBERS), [addresses(lab)[name]]).holders[addresses(lab)[name]])


def told(host: Host, port: int) -> str | None:
    """What a pool tells a client of the role of its server when it logs in."""
    with client(host.lab, host.address4, port) as there:
        said = there.pgconn.parameter_status(b"in_hot_standby")
    return said.decode() if said is not None else None


def switch(lab: Lab, candidate: Host) -> None:
    order = f"switchover {lab.name} --force --candidate {candidate.container}"
    run_in(candidate.container, f"patronictl -c /etc/patroni/config.yml {order}")
    wait_until(f"{candidate.container} leads", lambda: leader(lab) == candidate, seconds=SETTLE_SECONDS)
    wait_until(
        "all others stream",
        lambda: sum(one["state"] == "streaming" for one in members(lab).values()) == len(MEMBERS) - 1,
        seconds=SETTLE_SECONDS,
    )


def test_each_pool_leads_to_its_own_member_and_addresses_to_the_roles(pooled: Built) -> None:
    lab, card = pooled.lab, " ".join(pooled.run.log.split())
    assert "write port 6432 the member's own PostgreSQL, transaction pooling" in card
    for name in MEMBERS:
        standby = lab.host(name) != leader(lab)
        assert [recovers(lab, lab.host(name).address4, port) for port in (WRITE, READ)] == [standby, standby]
    wait_until("each address has its host", lambda: all(holders(lab, name) for name in ("write", "read")), seconds=60)
    assert recovers(lab, addresses(lab)["write"]) is False
    assert recovers(lab, addresses(lab)["read"], READ) is True


def test_a_second_run_and_a_check_have_nothing_to_say(pooled: Built) -> None:
    assert_changes_nothing(pooled.inventory)
    assert "nothing to complain about" in run(pooled.inventory, CHECK, check=False, as_json=False).log


def test_a_client_finds_the_new_primary_after_a_switchover_and_after_another_one(pooled: Built) -> None:
    """PgBouncer would go on telling clients the role of before."""
    lab = pooled.lab
    for name in MEMBERS:
        told(lab.host(name), WRITE)  # so that each pool knows a role
    for _ in range(2):
        new = replicas(lab)[0]
        switch(lab, new)
        wait_until(f"{new.container} is found", lambda new=new: found(lab) == new.address4, seconds=TAKEOVER_SECONDS)
        for name in MEMBERS:
            role = "off" if lab.host(name) == new else "on"
            wait_until(
                f"{name} tells its role", lambda name=name, role=role: told(lab.host(name), WRITE) == role, seconds=60
            )
        wait_until("the address follows", lambda: recovers(lab, addresses(lab)["write"]) is False, seconds=60)


def test_readers_leave_a_member_whose_pool_is_frozen_and_writers_do_not(pooled: Built) -> None:
    lab = pooled.lab
    wait_until("both addresses have a host", lambda: all(holders(lab, one) for one in ("write", "read")), seconds=60)
    (reading,), (writing,) = holders(lab, "read"), holders(lab, "write")
    asked = "systemctl show -p MainPID --value pgbouncer@{}"
    frozen = {host: run_in(host, asked.format(pool)).strip() for host, pool in ((reading, "read"), (writing, "write"))}
    for host, process in frozen.items():
        run_in(host, f"kill -STOP {process}")
    try:
        wait_until(
            "readers are elsewhere",
            lambda: len(there := holders(lab, "read")) == 1 and not there & {reading, writing},
            seconds=60,
        )
        assert recovers(lab, addresses(lab)["read"], READ) is True
        assert holders(lab, "write") == {writing}, "no other host could have it, and clients of 5432 use it"
        assert recovers(lab, addresses(lab)["write"], 5432) is False
    finally:
        for host, process in frozen.items():
            run_in(host, f"kill -CONT {process}")
