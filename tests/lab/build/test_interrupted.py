"""A run that is killed at any moment and begun again ends where an uninterrupted one ends, with the same data."""

import subprocess
import threading
from collections.abc import Iterator
from itertools import chain, cycle
from pathlib import Path

import pytest

from cluster.components.files import File
from operations.acts.commands import write_file
from tests.lab.docker import DockerError, run_in
from tests.lab.vocabulary.pictures import picture
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    RUN_SECONDS,
    Built,
    Site,
    assert_changes_nothing,
    kill_run,
    run,
    site,
    start,
    system_identifier,
    wait_until_settled,
)

HOSTS = (*MEMBERS, "backup1")
STARTING = "Starting operation: "

# Seconds from the start of an operation to the kill; what comes first changes from operation to operation.
DELAYS = (0.05, 0.5, 0.2, 1.0)
# These take long on fresh hosts, and so are killed twice, the second time later.
LONG = {
    "etcd | Configure and start etcd": (0.1, 1.2),
    "PostgreSQL | Configure and start Patroni": (0.4, 1.2),
    "PostgreSQL | Wait for a leader and streaming standbys": (0.2, 2.0),
}

# One initdb, and one cluster that came of it.
BEGUN = ("The database cluster will be initialized with locale", "INFO: initialized a new cluster")

IDENTIFIER = "cat /var/lib/postgresql/*/*/global/pg_control 2> /dev/null | od -An -N8 -tu8"


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Site]:
    """Hosts on which nothing was ever run."""
    with site("t3", tmp_path, hosts=HOSTS) as ready:
        yield ready


def test_killed_in_every_operation_in_turn(built: Built, fresh: Site) -> None:
    names = [one["name"] for one in built.run.results["operations"]]
    delays = cycle(DELAYS)
    points = [(name, delay) for name in names for delay in LONG.get(name, (next(delays),))]
    assert len(points) >= 10
    identifiers: set[str] = set()
    for name, delay in points:
        ended_in = killed(fresh, f"{STARTING}{name}", delay)
        identifiers |= identifiers_of(fresh)
        print(f"killed {delay:.2f} s into '{name}', in '{ended_in}'; identifiers so far: {sorted(identifiers)}")
    assert_ends_like(built, fresh, identifiers)


@pytest.mark.parametrize(
    ("line", "delay"),
    [
        pytest.param("systemctl start patroni", 0.0, id="its files are written and Patroni is not started"),
        pytest.param(f"{STARTING}PostgreSQL | Wait for a leader", 0.7, id="the first member makes the cluster"),
    ],
)
def test_killed_once_at_a_dangerous_moment(built: Built, fresh: Site, line: str, delay: float) -> None:
    ended_in = killed(fresh, line, delay, "-vvv")
    print(f"killed in '{ended_in}'; units: {states(fresh)}")
    assert_ends_like(built, fresh, identifiers_of(fresh))


def test_a_file_whose_content_is_cut_off_does_not_take_the_old_one_s_place(built: Built) -> None:
    host = built.lab.host("backup1").container
    old, new = "old\n", "new " * 1000 + "\n"
    write = write_file(File("/etc/cut.conf", new)).get_masked_value()
    run_in(host, "cat > /etc/cut.conf", stdin=old)
    try:
        # What a killed run leaves of its standard input: nothing, or the beginning.
        for cut in ("", new[:100]):
            with pytest.raises(DockerError):
                run_in(host, write, stdin=cut)
            assert run_in(host, "cat /etc/cut.conf") == old.strip()
        run_in(host, write, stdin=new)
        assert run_in(host, "cat /etc/cut.conf; ls /etc/cut.conf*") == f"{new}/etc/cut.conf"
    finally:
        run_in(host, "rm -f /etc/cut.conf*")


def killed(where: Site, line: str, delay: float, *extra: str) -> str:
    """
    Start a run, kill it with all its children when it has printed a line and a moment has passed.

    Returns the operation in which that was, the last one that it named.
    """
    process = start(where.inventory, CLUSTER, *extra)
    limit = threading.Timer(RUN_SECONDS, kill_run, [process])
    limit.start()
    seen: list[str] = []
    try:
        assert process.stderr is not None
        for text in process.stderr:
            seen.append(text)
            if line in text:
                break
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            kill_run(process)
        rest, _ = process.communicate(timeout=30)
    finally:
        limit.cancel()
        kill_run(process)
    assert any(line in text for text in seen), f"'{line}' was never printed:\n{''.join(seen)}"
    named = [text.partition(STARTING)[2].strip() for text in chain(seen, rest.splitlines()) if STARTING in text]
    return named[-1] if named else "preparation"


def identifiers_of(where: Site) -> set[str]:
    """The system identifiers of all data directories there are."""
    found = {run_in(where.lab.host(name).container, IDENTIFIER).strip() for name in MEMBERS}
    return found - {"", "0"}


def states(where: Site) -> dict[str, str]:
    ask = "systemctl is-active etcd patroni haproxy || true"
    return {name: " ".join(run_in(where.lab.host(name).container, ask).split()) for name in MEMBERS}


def assert_ends_like(built: Built, where: Site, identifiers: set[str]) -> None:
    """Run to the end; the outcome is that of the run that nobody killed, and the data are those that were begun."""
    last = run(where.inventory)
    print(f"the last run took {last.seconds:.1f} s")
    assert_changes_nothing(where.inventory)
    wait_until_settled(where.lab)
    assert identifiers | {system_identifier(where.lab)} == identifiers_of(where)
    assert len(identifiers_of(where)) == 1
    journals = [run_in(where.lab.host(name).container, "journalctl -u patroni --no-pager -o cat") for name in MEMBERS]
    assert {text: sum(journal.count(text) for journal in journals) for text in BEGUN} == dict.fromkeys(BEGUN, 1)
    assert picture(where.lab, HOSTS) == picture(built.lab, HOSTS)
