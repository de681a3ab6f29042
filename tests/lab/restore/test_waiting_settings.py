"""Archives that somebody else's setting empties, and restores that activate what PostgreSQL does not start with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.docker import run_in
from tests.lab.vocabulary.backups import BACKUP, REPOSITORY, findings, one_line, psql, refused
from tests.lab.vocabulary.restarts import CONFIGURE
from tests.lab.vocabulary.runs import Built, Run, leader, run, site, wait_until_settled, write_inventory
from tests.lab.vocabulary.waiting import wait_until

RESTORE, SECONDS = "deploys/restore.py", 60
MEMBERS = ("pg1",)
HOSTS = (*MEMBERS, REPOSITORY)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A member and a repository host, with a full backup."""
    with site("w-waiting", tmp_path_factory.mktemp("w-waiting"), hosts=HOSTS) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab, MEMBERS)
        run(ready.inventory, BACKUP, "--data", "type=full")
        built = Built(ready.lab, ready.inventory, first)
        psql(built, "create table if not exists notes (id int primary key)")
        yield built


def restore(built: Built, *words: str) -> Run:
    extra = [part for word in words for part in ("--data", word)]
    return run(built.inventory, RESTORE, *extra, check=False)


def declare(built: Built, **parameters: str) -> Path:
    """Declare these parameters in the cluster's inventory."""
    return write_inventory(built.lab, built.inventory.parent, HOSTS, postgres_parameters=parameters)


def altered(built: Built, command: str) -> None:
    """Let the primary archive with another command."""
    psql(built, f"alter system set archive_command = '{command}'")
    psql(built, "select pg_reload_conf()")


def fixed(built: Built) -> None:
    psql(built, "alter system reset archive_command")
    psql(built, "select pg_reload_conf()")


def test_another_archive_command_is_named_and_no_restore_promises_to_lose_nothing(built: Built) -> None:
    assert "parameter-overridden" not in findings(built)
    altered(built, "/bin/true")
    wait_until("it is named", lambda: "parameter-overridden" in findings(built), seconds=SECONDS)
    assert "archive_command runs with '/bin/true'" in findings(built)["parameter-overridden"]
    done = restore(built, "latest=true", f"confirm={built.lab.name}")
    said = one_line(done.log)
    assert done.code == 1 and "does not archive its WAL: archive_command is '/bin/true'" in said, done
    assert "LOST nothing" not in said
    fixed(built)


def test_an_archiver_that_dies_counts_no_failure_and_is_named(built: Built) -> None:
    """Beyond 125 its exit code ends the archiver, which says so nowhere but in the log."""
    altered(built, "exit 200")
    segment = psql(built, "insert into notes values (0) returning pg_walfile_name(pg_current_wal_insert_lsn())")
    psql(built, "select pg_switch_wal()")
    marks = f"{data(built)}/pg_wal/archive_status"
    # As if it had been so for ten minutes.
    run_in(leader(built.lab).container, f"touch -d '10 minutes ago' {marks}/{segment}.ready")
    found = findings(built)
    assert "archiver-failing" not in found
    assert found["wal-stuck"].startswith("a segment has been ready for the archive for 10 min"), found
    fixed(built)
    wait_until("it is archived", lambda: "wal-stuck" not in findings(built), seconds=2 * SECONDS)


def data(built: Built) -> str:
    return psql(built, "show data_directory")


def test_what_is_ours_is_refused_before_a_host_is_touched(built: Built) -> None:
    declare(built, Archive_Command="/bin/true")
    assert "archive_command is not declared here" in refused(built, CONFIGURE)
    declare(built)


def test_a_restore_that_starts_with_what_waited_gets_out_by_its_own_hints(built: Built) -> None:
    """No host here has huge pages."""
    psql(built, "insert into notes values (1)")
    declare(built, huge_pages="on")
    run(built.inventory, CONFIGURE)
    wait_until("it waits", lambda: "restart-pending" in findings(built), seconds=SECONDS)
    planned = one_line(restore(built, "latest=true").log)
    assert "starts with huge_pages try -> on, which waits for a restart until then" in planned, planned
    words = ("latest=true", f"confirm={built.lab.name}")
    stuck = restore(built, *words)
    said = one_line(stuck.log)
    assert stuck.code == 1 and "could not map anonymous shared memory" in said, stuck
    assert "`pyinfra inventory.py deploys/configure.py`; then run this again" in said
    assert "could not map" in said.partition("its PostgreSQL ended with: ")[2]
    refused_cancel = one_line(restore(built, "cancel=true").log)
    assert "the data of" in refused_cancel and "there are no others" in refused_cancel
    declare(built, huge_pages="try")
    corrected = run(built.inventory, CONFIGURE)
    assert "huge_pages on -> try" in corrected.log
    again = restore(built, *words)
    assert again.code == 0, again
    wait_until_settled(built.lab, MEMBERS)
    assert psql(built, "select count(*) from notes where id = 1") == "1"
    print(f"gave up after {stuck.seconds:.1f} s, corrected in {corrected.seconds:.1f} s, done in {again.seconds:.1f} s")
