"""A mount that is missing at boot, copies whose Patroni died, and slots that somebody made by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary import faults
from tests.lab.vocabulary.runs import (
    CLUSTER,
    Built,
    assert_changes_nothing,
    changed,
    leader,
    members,
    run,
    site,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

PAIR = ("pg1", "pg2")
DISK, PLACE = "/srv/disk", "/srv/data"
MOUNT = f"mkdir -p {DISK} {PLACE} && mount --bind {DISK} {PLACE}"
MISSING = f"{PLACE} is not mounted, on which {PLACE}/pg is stored"
PATRONI = "^/usr/bin/python3 /usr/bin/patroni "
BOOT_SECONDS = 90
COPY = r"""
i=0; until pid=$(pgrep -xo pg_basebackup); do i=$((i + 1)); [ $i -lt 6000 ] || exit 1; sleep 0.01; done
kill -STOP $(pgrep -x pg_basebackup); echo $(pgrep -x pg_basebackup)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Two members, each with its data below a mount that PostgreSQL's user may write in; etcd is on the first."""
    with site("mo-mounts", tmp_path_factory.mktemp("mounts"), hosts=PAIR, postgres_data_directory=f"{PLACE}/pg") as it:
        for name in PAIR:
            run_in(it.lab.host(name).container, f"mountpoint -q {PLACE} || {{ {MOUNT}; }}")
        text = it.inventory.read_text()
        it.inventory.write_text(f"{text}\netcd = [{it.lab.host('pg1').container!r}]\n")
        done = run(it.inventory)
        wait_until_settled(it.lab, PAIR)
        yield Built(it.lab, it.inventory, done)


def psql(host: Host, query: str) -> str:
    return run_in(host.container, f'cd / && runuser -u postgres -- psql -XAtq -d postgres -c "{query}"')


def test_a_member_whose_mount_is_missing_makes_nothing_anew(built: Built) -> None:
    second = built.lab.host("pg2")
    assert leader(built.lab) == built.lab.host("pg1")
    faults.kill(second.container)
    faults.start(second.container)
    wait_until(
        "the member says why it stays down",
        lambda: MISSING in run_in(second.container, "journalctl -b -u patroni -o cat --no-pager || true"),
        seconds=BOOT_SECONDS,
    )
    found = " ".join(run(built.inventory, "deploys/check.py", check=False, as_json=False).log.split())
    assert MISSING in found and f"Mount it on {second.container}" in found
    refused = run(built.inventory, CLUSTER, check=False)
    told = " ".join(refused.log.split())
    assert refused.code == 1 and MISSING in told and "1 finding, nothing was changed" in told
    assert run_in(second.container, f"ls -A {PLACE}") == ""


def test_it_starts_by_itself_when_the_mount_has_come(built: Built) -> None:
    run_in(built.lab.host("pg2").container, MOUNT)
    wait_until_settled(built.lab, PAIR)
    assert_changes_nothing(built.inventory)


def test_a_copy_whose_patroni_died_ends_before_the_next_one(built: Built) -> None:
    second = built.lab.host("pg2")
    ctl = "patronictl -c /etc/patroni/config.yml"
    run_in(second.container, f"{ctl} reinit {built.lab.name} {second.container} --force")
    frozen = run_in(second.container, COPY).split()
    assert frozen
    faults.kill_process(second.container, PATRONI)
    wait_until("the frozen copy has ended", lambda: not alive(second, frozen), seconds=60)
    wait_until_settled(built.lab, PAIR)
    assert "left by a Patroni that has ended, and ended now: " in journal(second)
    assert_changes_nothing(built.inventory)


def test_postgresql_survives_its_patroni(built: Built) -> None:
    # In a pause nobody takes over, however long Patroni is away.
    first = leader(built.lab)
    run(built.inventory, "deploys/pause.py")
    started = psql(first, "select pg_postmaster_start_time()")
    (before,) = faults.kill_process(first.container, PATRONI)
    main = "systemctl show -p MainPID --value patroni"
    wait_until(
        "Patroni runs again",
        lambda: run_in(first.container, main) not in ("0", str(before)) and members(built.lab, first.short_name),
        seconds=BOOT_SECONDS,
    )
    assert psql(first, "select pg_postmaster_start_time()") == started
    run(built.inventory, "deploys/resume.py")
    wait_until_settled(built.lab, PAIR)


def alive(host: Host, pids: list[str]) -> bool:
    states = run_in(host.container, f"for p in {' '.join(pids)}; do sed -n 's/^State:.//p' /proc/$p/status; done; true")
    return any(not state.startswith("Z") for state in states.splitlines())


def journal(host: Host) -> str:
    return run_in(host.container, "journalctl -u patroni -o cat --no-pager")


def test_slots_made_by_hand_are_named_before_patroni_drops_them(built: Built) -> None:
    first, told = leader(built.lab), "Patroni drops the slot mine of "
    run(built.inventory, "deploys/pause.py")
    psql(first, "select pg_create_physical_replication_slot('mine', true)")
    found = " ".join(run(built.inventory, "deploys/check.py", check=False, as_json=False).log.split())
    assert "mine is not declared: Patroni drops it" in found and "patroni_ignore_slots" in found
    assert f"{told}{first.container}" in run(built.inventory, CLUSTER).log
    resumed = run(built.inventory, "deploys/resume.py", as_json=False)
    assert f"{told}{first.container}" in resumed.log
    wait_until("Patroni has dropped it", lambda: slots(first) == members_slots(built, first), seconds=60)


def test_slots_that_patroni_shall_ignore_stay(built: Built, tmp_path: Path) -> None:
    first, inventory = leader(built.lab), tmp_path / "inventory.py"
    before = '"patroni_ttl": 20,'
    assert before in built.inventory.read_text()
    ignoring = f'{before} "patroni_ignore_slots": [{{"name": "mine"}}],'
    inventory.write_text(built.inventory.read_text().replace(before, ignoring))
    assert any("dynamic configuration" in name for name in changed(run(inventory)))
    run(inventory, "deploys/pause.py")
    for name in ("mine", "other"):
        psql(first, f"select pg_create_physical_replication_slot('{name}', true)")
    assert "Patroni drops the slot other of" in run(inventory, "deploys/resume.py", as_json=False).log
    wait_until("Patroni has looked at all slots", lambda: "other" not in slots(first), seconds=60)
    assert "mine" in slots(first)
    assert "stays on" in run(inventory, "deploys/switchover.py", as_json=False).log
    inventory.write_text(built.inventory.read_text().replace(before, f'{before} "patroni_ignore_slots": [],'))
    run(inventory)
    assert "ignore_slots" not in run_in(first.container, "patronictl -c /etc/patroni/config.yml show-config")


def slots(host: Host) -> set[str]:
    return set(psql(host, "select slot_name from pg_replication_slots").split())


def members_slots(built: Built, host: Host) -> set[str]:
    return {name.replace("-", "_") for name in members(built.lab) if name != host.container}
