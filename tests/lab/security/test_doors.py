"""
Whom pgBackRest's server and PostgreSQL let in, tried with each key that a host has: at a cluster of an earlier version,
where it shows that the tries are good, and after one run of this one has brought it over while clients write.
"""

from collections.abc import Iterator

import psycopg
import pytest

from cluster.pki.certificates import (
    ETCD,
    HAPROXY,
    MEMBERSHIP,
    PATRONI,
    PATRONI_ETCD,
    PGBACKREST,
    PGBACKREST_SERVER,
    POSTGRES,
    CertificatePlace,
)
from tests.lab.docker import DockerError, run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.backups import REPOSITORY, archived, kinds, pgbackrest, take
from tests.lab.vocabulary.former import former_code
from tests.lab.vocabulary.limits import STEADY_GAP_SECONDS
from tests.lab.vocabulary.load import Load
from tests.lab.vocabulary.runs import (
    Built,
    assert_changes_nothing,
    changed,
    dsn,
    is_settled,
    leader,
    run,
    secrets,
    site,
    sql,
    start_times,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

# The last one in which one CA vouched for everything and pgBackRest's server had the whole host.
FORMER = "c7bbb3597021780a5872dea8d52671adebf1596e"
PAIR = ("pg1", "pg2")
OPEN, CLOSED = "open", "closed"
SECONDS = 120

PLACES = (ETCD, PATRONI, PATRONI_ETCD, POSTGRES, HAPROXY, PGBACKREST, PGBACKREST_SERVER, *MEMBERSHIP)
SCRATCH = "/tmp/doors"

# What a client of the server asks for, beside its own stanza's repository.
ASKED = {
    "the repository": "--repo1-path=/var/lib/pgbackrest repo-ls",
    "the pass phrase": "--repo1-path=/etc/pgbackrest repo-get --raw pgbackrest.conf",
    "the pass phrase again": "--repo1-path=/etc/pgbackrest repo-get --raw server.env",
    "the environment": "--repo1-path=/proc/self repo-get --raw environ",
    "a key of its": "--repo1-path=/etc/pgbackrest/pki repo-get --raw pgbackrest.key",
    "the drill's place": "--repo1-path=/var/lib/pgbackrest/restore-drill repo-ls",
    "a shell": "--repo1-path=/var/lib/postgresql repo-put .ssh/authorized_keys",
    "another file of its": "--repo1-path=/var/spool/pgbackrest repo-put planted",
    "memory of its": "--repo1-path=/dev/shm repo-put planted",
}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members with HAProxy, and a repository host, built by that version."""
    former = former_code(FORMER, tmp_path_factory.mktemp("code"))
    with site("d-doors", tmp_path_factory.mktemp("old"), hosts=(*PAIR, "etcd1", REPOSITORY)) as ready:
        first = run(ready.inventory, root=former)
        wait_until_settled(ready.lab, PAIR)
        yield Built(ready.lab, ready.inventory, first)


def test_the_doors_of_an_old_cluster_are_open(old: Built) -> None:
    """Otherwise nothing below would say anything."""
    member = old.lab.host("pg1")
    assert asked(old, member, PGBACKREST, "the pass phrase") == OPEN
    assert asked(old, member, PATRONI_ETCD, "a shell") == OPEN
    run_in(old.lab.host(REPOSITORY).container, "rm -rf /var/lib/postgresql/.ssh")
    assert entered(old, "replicator", "replication") == OPEN
    assert entered(old, "rewind", "postgres") == OPEN


def test_one_run_brings_it_over_while_clients_write(old: Built) -> None:
    before = leader(old.lab), start_times(old.lab, PAIR)
    with Load(dsn(old.lab)) as load:
        done = run(old.inventory)
    seen = load.report()
    print(f"{done.seconds:.1f} s, {seen.acknowledged} writes, longest gap {seen.longest_gap_seconds:.2f} s")
    print(changed(done))
    assert load.verdict().is_clean and not seen.refused and not seen.unknown
    assert (leader(old.lab), start_times(old.lab, PAIR)) == before
    assert seen.longest_gap_seconds <= STEADY_GAP_SECONDS
    assert "until a run has been there" not in done.log
    assert_changes_nothing(old.inventory)


@pytest.mark.parametrize("name", [*PAIR, REPOSITORY])
def test_pgbackrest_s_server_lets_in_whom_it_serves_and_gives_nothing_but_the_repository(old: Built, name: str) -> None:
    host = old.lab.host(name)
    wrong = {}
    for place in PLACES:
        for what in ASKED if has(host, place) else ():
            # The repository host lets its members in, and itself comes to them alone.
            wanted = OPEN if (place, what) == (PGBACKREST, "the repository") and name in PAIR else CLOSED
            if (said := asked(old, host, place, what)) != wanted:
                wrong[place.component, what] = said
    assert wrong == {}
    planted = "ls /var/lib/postgresql/.ssh /var/spool/pgbackrest/planted /dev/shm/planted 2> /dev/null || true"
    assert run_in(old.lab.host(REPOSITORY).container, planted) == ""


def test_the_cluster_s_own_roles_need_a_key_besides_the_password(old: Built) -> None:
    """Through HAProxy everybody has a member's address."""
    for user, database in (("replicator", "replication"), ("rewind", "postgres")):
        for port in (5000, 5001, 5432):
            assert entered(old, user, database, port) == CLOSED
        assert held(old, user, database) == OPEN
        other = next(place for place in MEMBERSHIP if place.role != user)
        assert held(old, user, database, other) == CLOSED
        assert held(old, user, database, PATRONI) == CLOSED
    assert entered(old, "postgres", "postgres") == CLOSED
    assert entered(old, "admin", "postgres") == OPEN
    rows = sql(old.lab, "select client_dn from pg_stat_ssl join pg_stat_replication using (pid)")
    assert rows == [("/CN=replicator",)]


def test_backups_and_wal_go_on(old: Built) -> None:
    assert "full backup, complete at" in take(old, "full")
    before = archived(old)
    sql(old.lab, "create table doors as select 1 as id")
    run_in(leader(old.lab).container, "cd / && runuser -u postgres -- psql -XAtqc 'select pg_switch_wal()'")
    wait_until("WAL is archived", lambda: archived(old) > before, seconds=SECONDS)
    assert "incr backup, complete at" in take(old, "incr")
    assert "completed successfully" in pgbackrest(old, "--log-level-console=info verify")
    assert not kinds(old) & {"archiver-failing", "repository-unusable", "configuration-differs", "certificate-other-ca"}


def test_a_former_leader_that_has_gone_another_way_is_rewound_with_its_certificate(old: Built) -> None:
    former = leader(old.lab)
    follower = next(old.lab.host(name) for name in PAIR if old.lab.host(name) != former)
    # What it writes while nobody hears it is on one side alone, and too little to keep the other from leading.
    faults.cut_peers(follower.container, [former.container])
    sql(old.lab, "insert into doors select generate_series(2, 1000)", 5432, former.short_name)
    faults.kill(former.container)
    faults.heal(follower.container)
    wait_until("the follower leads", lambda: leads(old, follower), seconds=SECONDS)
    sql(old.lab, "insert into doors values (0)", 5432, follower.short_name)
    faults.start(former.container)
    wait_until("both have settled", lambda: is_settled(old.lab, PAIR), seconds=SECONDS)
    said = run_in(former.container, "journalctl -u patroni --no-pager -o cat")
    assert "pg_rewind exit code=0" in said, said[-2000:]


def leads(built: Built, host: Host) -> bool:
    try:
        return sql(built.lab, "select pg_is_in_recovery()", 5432, host.short_name) == [(False,)]
    except psycopg.Error:
        return False


def has(host: Host, place: CertificatePlace) -> bool:
    return run_in(host.container, f"ls {place.key} 2> /dev/null || true") != ""


def asked(built: Built, host: Host, place: CertificatePlace, what: str) -> str:
    """Whether pgBackRest's server on the repository host gives what is asked for to who has a host's key."""
    where = {
        "host": built.lab.host(REPOSITORY).address4,
        "host-type": "tls",
        "host-port": "8432",
        "host-ca-file": PGBACKREST.authority,
        "host-cert-file": f"{SCRATCH}/it.crt",
        "host-key-file": f"{SCRATCH}/it.key",
    }
    words = " ".join(f"--repo1-{name}={value}" for name, value in where.items())
    copy = (
        f"mkdir -p {SCRATCH} && install -m 600 {place.key} {SCRATCH}/it.key && cp {place.certificate} {SCRATCH}/it.crt"
    )
    quiet = f"--no-config --stanza={built.lab.name} --io-timeout=5 --log-level-console=error --log-level-file=off"
    ask = f"cd / && echo planted | timeout 60 pgbackrest {quiet} {words} {ASKED[what]}"
    # Somebody else's lines are as good as nothing: what is not there is an empty list, and no error.
    got = run_in(
        host.container, f"{copy} && {ask} > {SCRATCH}/said 2>&1 && echo yes $(wc -c < {SCRATCH}/said) || echo no"
    )
    if "repo-put" in ASKED[what]:
        return OPEN if got.startswith("yes") else CLOSED
    return OPEN if got.startswith("yes") and got != "yes 0" else CLOSED


def entered(built: Built, user: str, database: str, port: int = 5000) -> str:
    """Whether a client on this machine gets in with the password alone."""
    names = {"postgres": "SUPERUSER", "replicator": "REPLICATION", "rewind": "REWIND", "admin": "ADMIN"}
    login = {"user": user, "password": secrets(built.lab)[f"PATRONI_{names[user]}_PASSWORD"], "dbname": "postgres"}
    try:
        if database == "replication":
            sql(built.lab, "IDENTIFY_SYSTEM", port, **login, replication="true")
        else:
            sql(built.lab, "select 1", port, **login)
    except psycopg.OperationalError as error:
        assert "pg_hba.conf rejects" in str(error) or "valid client certificate" in str(error), error
        return CLOSED
    return OPEN


def held(built: Built, user: str, database: str, place: CertificatePlace | None = None) -> str:
    """Whether a member gets in through the other one's HAProxy with a certificate. + place: None: that of the role"""
    own = place or next(one for one in MEMBERSHIP if one.role == user)
    password = secrets(built.lab)[f"PATRONI_{'REPLICATION' if user == 'replicator' else 'REWIND'}_PASSWORD"]
    words = (
        f"host={built.lab.host('pg1').address4} port=5000 user={user} dbname=postgres sslmode=verify-full "
        f"sslrootcert={POSTGRES.authority} sslcert={own.certificate} sslkey={own.key}"
    )
    query = "IDENTIFY_SYSTEM" if database == "replication" else "select 1"
    conninfo = f"{words} replication=true" if database == "replication" else words
    command = f'cd / && PGPASSWORD={password} runuser -u postgres -- psql -XAtq "{conninfo}" -c "{query}"'
    try:
        run_in(built.lab.host("pg2").container, command)
    except DockerError as error:
        assert "certificate" in str(error) or "authentication failed" in str(error), error
        return CLOSED
    return OPEN
