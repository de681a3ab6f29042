"""
From every broken state, what a refusal or a check names, taken literally from its HINT, leads out; the data are there.

Each state is one that all members are in, so that there is no leader and SQL helps nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cluster.pki.authority import Authority
from cluster.pki.certificates import MEMBERSHIP, PATRONI, POSTGRES, CertificatePlace
from cluster.pki.verdicts import LeafRequest, describe
from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.restarts import CONFIGURE
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    Built,
    Run,
    etcdctl,
    members,
    run,
    secrets_directory,
    site,
    sql,
    wait_until_settled,
    write_inventory,
)
from tests.lab.vocabulary.waiting import wait_until

CHECK, START = "deploys/check.py", "deploys/start.py"
# A run that waits in vain ends long before the time that it would wait for a PostgreSQL that recovers.
EARLY_SECONDS = 300
STEPS = 4
COMMAND = re.compile(r"`pyinfra inventory\.py (deploys/\w+\.py)((?: --data \S+)*)`")
PATRONICTL = "patronictl -c /etc/patroni/config.yml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with site("w-ways", tmp_path_factory.mktemp("w-ways")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        sql(ready.lab, "create table if not exists ways (way text primary key)")
        yield Built(ready.lab, ready.inventory, first)


def declare(built: Built, **parameters: str | None) -> Path:
    """Declare these parameters in the cluster's inventory."""
    return write_inventory(built.lab, built.inventory.parent, postgres_parameters=parameters)


def on_all(built: Built, command: str) -> None:
    with ThreadPoolExecutor() as at_once:
        list(at_once.map(lambda name: run_in(built.lab.host(name).container, command), MEMBERS))


def written(built: Built, way: str) -> None:
    wait_until_settled(built.lab)
    sql(built.lab, f"insert into ways values ('{way}') on conflict do nothing")


def fail_together(built: Built) -> None:
    """All members are started anew, as after a power cut, and none of them starts."""
    on_all(built, "systemctl restart --no-block patroni")
    wait_until("nobody runs", lambda: _all_failed(built), seconds=EARLY_SECONDS)


def _all_failed(built: Built) -> bool:
    seen = members(built.lab)
    return len(seen) == len(MEMBERS) and not any(one["state"] in ("running", "streaming") for one in seen.values())


def hint(done: Run) -> str:
    """All that a run says behind its HINTs, in one line: a check breaks them where its table is narrow."""
    return " ".join(" ".join(done.log.split()).split("HINT: ")[1:])


def follow(built: Built, first: str, *, says: str) -> None:
    """
    Run, and run what it names, until it goes through or has nothing to complain about.

    + says: PostgreSQL's own words, which the first refusal has to quote
    """
    done = run(built.inventory, first, check=False, as_json=False)
    assert done.code == 1 and says in " ".join(done.log.split()), done
    assert done.seconds < EARLY_SECONDS and "Traceback" not in done.log, done
    for _ in range(STEPS):
        for deploy, words in COMMAND.findall(hint(done)):
            named = run(built.inventory, deploy, *words.split(), check=False, as_json=False)
            print(f"{deploy}{words}: {named.code} after {named.seconds:.1f} s")
            if named.code == 0:
                break
        done = run(built.inventory, first, check=False, as_json=False)
        print(f"{first}: {done.code} after {done.seconds:.1f} s")
        if done.code == 0:
            return
    raise AssertionError(f"{first} leads in a circle: {done}")


def is_out(built: Built, *ways: str) -> None:
    """Whether the cluster is as declared, with all that was written before."""
    wait_until_settled(built.lab)
    assert {way for (way,) in sql(built.lab, "select way from ways")} >= set(ways)
    assert run(built.inventory).results["totals"]["success"] == 0


def refused_early(built: Built, deploy: str, says: str) -> None:
    """A run that can only wait says why, in PostgreSQL's words and with the way out, and does not wait for long."""
    done = run(built.inventory, deploy, check=False)
    assert done.code == 1 and says in " ".join(done.log.split()) and done.seconds < EARLY_SECONDS, done
    assert "declare another value in postgres_parameters" in hint(done)
    assert (CONFIGURE, "") in COMMAND.findall(hint(done))
    print(f"{deploy} refused after {done.seconds:.1f} s")


def test_huge_pages_with_which_nobody_starts_and_etcd_is_down(built: Built) -> None:
    says = "could not map anonymous shared memory"
    written(built, "huge pages")
    run(declare(built, huge_pages="on"), CONFIGURE)
    fail_together(built)
    on_all(built, "systemctl stop patroni etcd")
    refused_early(built, START, says)
    declare(built, huge_pages="try")
    follow(built, START, says=says)
    is_out(built, "huge pages")


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("shared_preload_libraries", "no_such_library", 'could not access file "no_such_library"'),
        ("shared_buffers", "900GB", ""),
    ],
)
def test_a_build_mends_a_parameter_with_which_nobody_starts(built: Built, name: str, value: str, says: str) -> None:
    written(built, name)
    run(declare(built, huge_pages="try", **{name: value}), CONFIGURE)
    fail_together(built)
    if name == "shared_preload_libraries":  # what is declared is that value still
        refused_early(built, CLUSTER, says)
    declare(built, huge_pages="try")
    run(built.inventory)
    is_out(built, name)


def test_what_alter_system_set_and_nobody_starts_with(built: Built) -> None:
    """It wins over what is declared, and SQL that could take it away needs a PostgreSQL that runs."""
    written(built, "altered")
    file = f"/var/lib/postgresql/17/{built.lab.name}/postgresql.auto.conf"
    on_all(built, f"echo \"shared_buffers = '900GB'\" >> {file}")
    fail_together(built)
    follow(built, START, says="could not map anonymous shared memory")
    assert "900GB" in run_in(built.lab.host("pg2").container, f"cat {file}.before-*"), "the old file is kept"
    is_out(built, "altered")


def test_a_line_of_pg_hba_with_which_nobody_starts(built: Built) -> None:
    """Set by hand: what is declared is judged before."""
    written(built, "hba")
    lines = "postgresql:\n  pg_hba:\n  - local all all peer\n  - hostssl all all all nonsense\n"
    run_in(built.lab.host("pg1").container, f"{PATRONICTL} edit-config --force --apply -", stdin=lines)
    files = f"cat /var/lib/postgresql/17/{built.lab.name}/pg_hba.conf"
    for name in MEMBERS:
        host = built.lab.host(name).container
        wait_until(f"{name} has it", lambda host=host: "nonsense" in run_in(host, files), seconds=EARLY_SECONDS)
    fail_together(built)
    follow(built, START, says='pg_hba.conf: invalid authentication method "nonsense"')
    is_out(built, "hba")


def certified(built: Built, host: Host, place: CertificatePlace, now: datetime) -> None:
    """Give a host a certificate of the cluster's own CA, issued at another time."""
    seen = describe(run_in(host.container, f"cat {place.certificate}") + "\n")
    names = LeafRequest(seen.subject_cn, seen.dns_names, seen.addresses, seen.server, seen.client, 30)
    leaf = Authority.load_or_create(secrets_directory(built.lab), "").issue(names, now=now)
    for path, text in ((place.key, leaf.key_pem), (place.certificate, leaf.certificate_pem)):
        run_in(host.container, f"test -e {path} && cat > {path}", stdin=text)


def test_certificates_that_are_expired_everywhere(built: Built) -> None:
    written(built, "expired")
    for name in MEMBERS:
        for place in (POSTGRES, PATRONI, *MEMBERSHIP):
            certified(built, built.lab.host(name), place, datetime.now(UTC) - timedelta(days=60))
    on_all(built, "systemctl restart --no-block patroni")
    follow(built, CHECK, says="expired")
    is_out(built, "expired")


def test_a_key_that_does_not_fit_its_certificate(built: Built) -> None:
    written(built, "misfit")
    on_all(built, f"cat {PATRONI.key} > {POSTGRES.key}")
    fail_together(built)
    follow(built, START, says="key values mismatch")
    is_out(built, "misfit")


def test_data_of_etcd_that_are_damaged_on_one_member(built: Built) -> None:
    written(built, "etcd")
    host = built.lab.host("pg2")
    data = f"/var/lib/etcd/{built.lab.name}"
    spoil = "head -c 20000 /dev/urandom | dd of=$f conv=notrunc bs=1 status=none"
    run_in(
        host.container,
        f"systemctl stop etcd; for f in {data}/member/snap/db {data}/member/wal/*.wal; do {spoil}; done; "
        "systemctl start --no-block etcd",
    )
    before = sql(built.lab, "select pg_postmaster_start_time()")
    # Whoever takes it for a lost host, or a lost etcd, is told the same.
    for deploy, words in ((CLUSTER, ()), ("deploys/etcd_restore.py", ())):
        done = run(built.inventory, deploy, *words, check=False)
        assert ("deploys/etcd_reinit.py", f" --data node={host.container}") in COMMAND.findall(hint(done)), done
    follow(built, CHECK, says="etcd")
    assert etcdctl(host, "member list").count("started") == len(MEMBERS)
    assert run_in(host.container, f"ls -d {data}.damaged-*").strip(), "what lay there is kept"
    assert sql(built.lab, "select pg_postmaster_start_time()") == before, "PostgreSQL went on"
    is_out(built, "etcd")
