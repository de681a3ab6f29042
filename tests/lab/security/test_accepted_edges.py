"""What is accepted works: a PostgreSQL that is started anew takes every line. What is refused never reaches a host."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from cluster.parameters.catalogue import ASK, catalogue
from cluster.settings.postgres import hba_problem
from tests.hostile import hba
from tests.hostile.parameters import edges
from tests.lab.docker import run_in
from tests.lab.spec import Lab
from tests.lab.vocabulary.restarts import assert_all_come_back
from tests.lab.vocabulary.runs import CLUSTER, Built, Run, leader, run, secrets, site, sql
from tests.lab.vocabulary.runs import write_inventory as inventory_of
from tests.lab.vocabulary.waiting import wait_until

NAMES = ("pg1", "pg2")
PSQL = "cd / && runuser -u postgres -- psql -XAt -h /var/run/postgresql -d postgres -c"
PARAMETERS = {
    "work_mem": "5MB",
    "log_line_prefix": "%m '\\ %p ",
    "app.note": 'it\'s "quoted" \\ #1',
    "autovacuum_naptime": "90s",
    "TimeZone": "europe/berlin",
    "IntervalStyle": "ISO_8601",
    "autovacuum": "t",
}
# Each is shown otherwise than it is declared, or otherwise to whoever asks by the socket.
SHOWN_OTHERWISE = {"DateStyle": "german", "TimeZone": "utc", "tcp_keepalives_idle": 45, "autovacuum_work_mem": 5}
LINES = 300
CBC = ":".join(
    f"ECDHE-{key}-AES{size}-{digest}"
    for key in ("RSA", "ECDSA")
    for size, digest in ((128, "SHA"), (256, "SHA"), (128, "SHA256"), (256, "SHA384"))
)
GCM = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
EDGES = "/tmp/edges.conf"
# A server of its own: the view reads the file that the setting names, and that takes a restart.
SCRATCH = f"""
set -e
cd /
d=$(mktemp -d); chown postgres $d
as() {{ runuser -u postgres -- "$@"; }}
bin=/usr/lib/postgresql/17/bin
as $bin/initdb -D $d/data -E UTF8 --locale C.UTF-8 --auth=peer > /dev/null
cp {EDGES} $d/data/pg_hba.conf
cp /etc/postgresql/pki/postgres.crt $d/data/server.crt; cp /etc/postgresql/pki/postgres.key $d/data/server.key
chown postgres $d/data/*; chmod 600 $d/data/server.key
echo "local all all peer" > $d/data/first.conf
options="-k $d/data -p 6000 -c listen_addresses= -c ssl=on -c ssl_ca_file=server.crt"
as $bin/pg_ctl -D $d/data -w -l $d/data/out -o "$options -c hba_file=$d/data/first.conf" start > /dev/null
cp {EDGES} $d/data/first.conf
as psql -XAt -h $d/data -p 6000 -d postgres -c "
  select line_number, error from pg_hba_file_rules where error is not null" -c "
  select 'lines', count(*) from pg_hba_file_rules"
as $bin/pg_ctl -D $d/data -w -m immediate stop > /dev/null
rm -rf $d {EDGES}
"""
# With each round PostgreSQL reads its file as it does at a start; with the first two, which need no more memory than a
# host of the lab has, it starts.
ROUNDS = """
set -e
cd /
d=$(mktemp -d); chown postgres $d
as() { runuser -u postgres -- "$@"; }
bin=/usr/lib/postgresql/17/bin
as $bin/initdb -D $d/data -E UTF8 --locale C.UTF-8 --auth=peer > /dev/null
for f in /tmp/round-*.conf; do
  cp $f $d/data/postgresql.conf; chown postgres $d/data/postgresql.conf
  as $bin/postgres -D $d/data -C port > $d/said 2>&1 || { echo $f; grep -v DEBUG $d/said; }
done
for f in /tmp/round-00.conf /tmp/round-01.conf; do
  cp $f $d/data/postgresql.conf
  options="-k $d/data -p 6000 -c listen_addresses="
  as $bin/pg_ctl -D $d/data -w -l $d/data/out -o "$options" start > /dev/null || grep -v DEBUG $d/data/out
  as $bin/pg_ctl -D $d/data -w -m immediate stop > /dev/null
done
rm -rf $d /tmp/round-*.conf
"""
PASSWORD = "Zaunkoenig-4711-im-Regen"


def declared(lab: Lab, directory: Path, **settings: Any) -> Path:
    """Two members, etcd on the first."""
    own = [f"hostssl all all {network} scram-sha-256" for network in (lab.subnet4, lab.subnet6)]
    wanted = {"postgres_hba": [*own, *hba.ACCEPTED], "postgres_parameters": PARAMETERS, **settings}
    path = inventory_of(lab, directory, NAMES, **wanted)
    path.write_text(f"{path.read_text()}\netcd = ['{lab.host('pg1').container}']\n")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    directory = tmp_path_factory.mktemp("edges")
    with site("e-edges", directory, hosts=NAMES) as ready:
        inventory = declared(ready.lab, directory)
        yield Built(ready.lab, inventory, run(inventory))


def on_each(lab: Lab, command: str) -> dict[str, str]:
    return {name: run_in(lab.host(name).container, command) for name in NAMES}


def refused(inventory: Path, *words: str) -> str:
    done: Run = run(inventory, CLUSTER, *words, check=False)
    assert done.code != 0, done
    assert "Traceback" not in done.log, done
    return " ".join(done.log.split())


def test_every_member_comes_back_with_all_that_was_accepted(built: Built) -> None:
    count = f'{PSQL} "select count(*) filter (where error is null), count(error) from pg_hba_file_rules"'
    seen = on_each(built.lab, count)
    assert len(set(seen.values())) == 1
    assert all(text.strip().endswith("|0") for text in seen.values()), seen
    assert_all_come_back(built.lab, NAMES)
    assert sql(built.lab, "select current_setting('app.note'), current_setting('log_line_prefix')") == [
        (PARAMETERS["app.note"], PARAMETERS["log_line_prefix"])
    ]
    print(f"both members came back with {len(hba.ACCEPTED)} lines of pg_hba at the edge")


def test_postgresql_takes_whatever_line_is_accepted(built: Built) -> None:
    host = built.lab.host("pg2").container
    lines = list(islice((line for line in hba.many_lines(17) if hba_problem(line, 17) is None), LINES))
    run_in(host, f"cat > {EDGES}", stdin="".join(f"{line}\n" for line in lines))
    said = run_in(host, "bash -s", stdin=SCRATCH).splitlines()
    assert said == [f"lines|{LINES}"], [(line, lines[int(line.split("|")[0]) - 1]) for line in said[:-1]]


def test_postgresql_starts_with_every_parameter_at_each_of_its_edges(built: Built) -> None:
    host = built.lab.host("pg2").container
    rounds = list(edges(17))
    for number, one in enumerate(rounds):
        text = "".join(f"{name} = '{value}'\n" for name, value in one.items())
        run_in(host, f"cat > /tmp/round-{number:02}.conf", stdin=text)
    assert run_in(host, "bash -s", stdin=ROUNDS) == ""
    print(f"PostgreSQL took {len(rounds)} times {len(rounds[0])} parameters")


def test_the_catalogue_is_what_the_server_says(built: Built) -> None:
    """Another minor version may have one more; what both have is the same."""
    host = built.lab.host("pg2").container
    said = {row["name"].lower(): row for row in json.loads(run_in(host, f"{PSQL} {quote(ASK)}"))}
    known = catalogue(17)
    assert len(set(known) & set(said)) > 350
    told = ("context", "type", "unit", "least", "most")
    differs = {
        name: (known[name], row)
        for name, row in said.items()
        if name in known and any(known[name][one] != row[one] for one in told)  # type: ignore[literal-required]
    }
    assert differs == {}


def test_a_value_that_is_shown_otherwise_is_proven_all_the_same(built: Built, tmp_path: Path) -> None:
    changed = declared(built.lab, tmp_path, postgres_parameters={**PARAMETERS, **SHOWN_OTHERWISE})
    done = run(changed, "deploys/configure.py")
    assert "override" not in done.log, done
    shown = f"{PSQL} \"select current_setting('DateStyle'), current_setting('TimeZone')\""
    assert set(on_each(built.lab, shown).values()) == {"German, DMY|UTC"}


def test_what_is_counted_of_statements_can_be_read(built: Built) -> None:
    counted = on_each(built.lab, f"{PSQL} 'select count(*) > 0 from pg_stat_statements'")
    assert set(counted.values()) == {"t"}


def test_what_is_refused_is_named_at_once_and_no_host_is_touched(built: Built, tmp_path: Path) -> None:
    seen = on_each(built.lab, "touch /run/mark; cat /var/lib/postgresql/17/*/pg_hba.conf | sha256sum")
    wrong = {
        "postgres_hba": ["hostssl all all 10.0.0.0/8 scram-sha-256\nhost all all 0.0.0.0/0 trust"],
        "postgres_data_directory": "/etc",
        "pgbackrest_path": "/var/../etc",
        "packages_mirror_uri": "http://a [trusted=yes]",
        "packages_versions": {"patroni": "4.*"},
        "postgres_databases": [{"name": "template1"}],
        "postgres_admin_user": "current_user",
        "pgbackrest_drill_schedule": "25:00",
        "postgres_locale": "de_DE.ISO-8859-1",
    }
    said = refused(declared(built.lab, tmp_path, **wrong), "--dry")
    assert "nothing was changed" in said
    for name in wrong:
        assert name in said, (name, said)
    changed = on_each(built.lab, "find /etc /usr /var/lib/postgresql -newer /run/mark -name '*.conf'")
    assert set(changed.values()) == {""}
    assert on_each(built.lab, "cat /var/lib/postgresql/17/*/pg_hba.conf | sha256sum") == seen


def test_a_line_that_somebody_broke_by_hand_is_found(built: Built) -> None:
    host = built.lab.host("pg2").container
    file = "/var/lib/postgresql/17/*/pg_hba.conf"
    run_in(host, f"echo 'hostssl all all 10.0.0.0/99 scram-sha-256' >> $(ls {file})")
    found = run(built.inventory, "deploys/check.py", check=False, as_json=False)
    run_in(host, f"sed -i '$d' {file}")
    assert found.code == 1
    assert 'invalid CIDR mask in address "10.0.0.0/99"' in " ".join(found.log.split())


def handshake(lab: Lab, where: str, ciphers: str, extra: str = "") -> bool:
    """Whether a server takes one of these ciphers with TLS 1.2."""
    words = f"-connect {where} -tls1_2 -cipher '{ciphers}:@SECLEVEL=0' {extra}"
    said = run_in(lab.host("pg1").container, f"timeout 10 openssl s_client {words} < /dev/null 2>&1 || true")
    return "Cipher    : ECDHE" in said or "Cipher is ECDHE" in said


def test_no_port_takes_a_cipher_in_cbc_mode(built: Built) -> None:
    pki = "/etc/etcd/pki/etcd"
    address = built.lab.host("pg1").address4
    ports = {
        f"{address}:5432": "-starttls postgres",
        f"{address}:8008": "",
        f"{address}:7000": "",
        f"{address}:2379": f"-cert {pki}.crt -key {pki}.key",
        f"{address}:2380": f"-cert {pki}.crt -key {pki}.key",
    }
    taken = {
        where: (handshake(built.lab, where, GCM, extra), handshake(built.lab, where, CBC, extra))
        for where, extra in ports.items()
    }
    print(taken)
    assert set(taken.values()) == {(True, False)}, taken


def logged(lab: Lab, word: str) -> dict[str, str]:
    """The logs in which a word stands, by host."""
    found = {}
    for name in NAMES:
        host = lab.host(name).container
        run_in(host, "cat > /run/word", stdin=word)
        found[name] = run_in(host, "grep -rlF -f /run/word /var/log 2> /dev/null || true; rm /run/word")
    return found


def test_the_password_of_a_role_is_in_no_log(built: Built) -> None:
    sql(built.lab, f"create role edges login password '{PASSWORD}'")
    sql(built.lab, f"alter role edges password '{PASSWORD}-2'")
    for word in (PASSWORD, *secrets(built.lab).values()):
        assert set(logged(built.lab, word).values()) == {""}


def checked(built: Built) -> str:
    return " ".join(run(built.inventory, "deploys/check.py", check=False, as_json=False).log.split())


def test_a_database_that_was_sorted_otherwise_is_found_and_the_hint_mends_it(built: Built) -> None:
    first = leader(built.lab).container
    run_in(first, f"{PSQL} \"create database icu template template0 locale_provider icu icu_locale 'de'\"")
    run_in(first, f"{PSQL} \"update pg_database set datcollversion = '1' where datname = 'icu'\"")
    said = checked(built)
    assert "the indexes of icu were made with version 1 of de, and this host sorts with" in said
    reindex, refresh = re.findall(r"`(runuser -u postgres -- [^`]*icu[^`]*)`", said)
    run_in(first, f"cd / && {reindex} && {refresh}")
    assert "icu" not in checked(built)
    run_in(first, f"{PSQL} 'drop database icu'")


def streams(lab: Lab) -> bool:
    return bool(
        run_in(leader(lab).container, f"{PSQL} \"select pid from pg_stat_replication where state = 'streaming'\"")
    )


def test_a_standby_that_is_late_on_purpose_is_left_in_peace(built: Built) -> None:
    (late,) = (name for name in NAMES if name != leader(built.lab).short_name)
    host = built.lab.host(late).container
    ctl = "patronictl -c /etc/patroni/config.yml"
    run_in(host, f"{ctl} edit-config --force -q -p recovery_min_apply_delay=1h")
    asked = f"{PSQL} \"select setting from pg_settings where name = 'recovery_min_apply_delay'\""
    wait_until("the standby is late", lambda: run_in(host, asked) == "3600000", seconds=120)
    sql(built.lab, "create table late (n int)")
    run_in(host, f"{ctl} restart {built.lab.name} {host} --force")
    wait_until("it replays what it has", lambda: not streams(built.lab), seconds=120)
    said = checked(built)
    assert "replays 3600 s late on purpose, and does not stream until then" in said
    assert "recovery_min_apply_delay runs with '1h'" in said
    assert "reinit_node" not in said and "pg_drop_replication_slot" not in said
    refusal = run(built.inventory, "deploys/reinit_node.py", "--data", f"node={host}", check=False)
    assert refusal.code != 0 and "late on purpose" in refusal.log, refusal
    run(built.inventory, "deploys/configure.py")
    wait_until("it streams again", lambda: streams(built.lab), seconds=120)
