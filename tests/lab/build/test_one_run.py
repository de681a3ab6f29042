"""Two runs at once: one acts, the other is refused with who and since when; a dead run holds nobody up for long."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.docker import run_in
from tests.lab.paths import ROOT
from tests.lab.vocabulary.runs import (
    CLUSTER,
    MEMBERS,
    RUN_SECONDS,
    Built,
    Run,
    assert_changes_nothing,
    dry,
    etcdctl,
    kill_run,
    leader,
    replicas,
    run,
    start,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

STARTING = "Starting operation: "
REFUSED = re.compile(r"locked by another run: (.*) by (\S+) \(process (\d+)\) since (\S+), run (\w+) \(seen in (\S+)")

# pyinfra as on another machine, whose process ids mean nothing here.
ELSEWHERE = (
    "from pyinfra_cli.main import main; from operations.util import own_process; "
    "own_process.machine = lambda: 'another'; main()"
)
# With a lock that does not end while the run stands still and others are tried beside it, however busy the machine is.
PYINFRA = "from pyinfra_cli.main import main; main()"
PATIENT = (
    "import cluster.verdicts.run_lock as lock; lock.LEASE_SECONDS = 1800; from pyinfra_cli.main import main; main()"
)
# A dead run's lock ends within 45 s; the runs that find that out take some seconds themselves.
ENDS_SECONDS = 75


@contextmanager
def held_up(built: Built, deploy: str, *extra: str, program: str = PATIENT) -> Iterator[subprocess.Popen[str]]:
    """A run that stands still in its first operation, with the lock, until it is sent SIGCONT."""
    process = start(built.inventory, deploy, *extra, program=program)
    limit = threading.Timer(RUN_SECONDS, kill_run, [process])
    limit.start()
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if STARTING in line:
                break
        assert STARTING in said[-1], "".join(said)
        os.killpg(process.pid, signal.SIGSTOP)
        yield process
    finally:
        limit.cancel()
        kill_run(process)
        process.communicate(timeout=30)


def goes_on(process: subprocess.Popen[str]) -> Run:
    """Let it go on to its end."""
    os.killpg(process.pid, signal.SIGCONT)
    said, log = process.communicate(timeout=RUN_SECONDS)
    return Run(process.returncode, 0, {}, log + said)


def from_elsewhere(built: Built, deploy: str, *extra: str) -> Run:
    words = [sys.executable, "-c", ELSEWHERE, "-y", *extra, str(built.inventory), deploy]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, "PYINFRA_PROGRESS": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    return Run(done.returncode, 0, {}, done.stderr + done.stdout)


def refusal(done: Run) -> re.Match[str]:
    """Of the second run: what it names. Nothing was begun by it."""
    found = REFUSED.search(" ".join(done.log.split()))
    assert done.code == 1 and found and STARTING not in done.log, done
    assert "HINT: wait until it has ended" in " ".join(done.log.split()), done
    return found


def assert_refused_beside(process: subprocess.Popen[str], done: Run, deploy: str) -> None:
    found = refusal(done)
    assert (deploy in found[1], int(found[3])) == (True, process.pid), found[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[4]) and "@" in found[2], found[0]


def test_two_builds_at_once(built: Built) -> None:
    with held_up(built, CLUSTER) as first:
        assert_refused_beside(first, run(built.inventory, check=False, as_json=False), CLUSTER)
        assert_refused_beside(first, from_elsewhere(built, CLUSTER), CLUSTER)
        limited = run(built.inventory, CLUSTER, "--limit", built.lab.host("pg2").container, check=False, as_json=False)
        assert_refused_beside(first, limited, CLUSTER)
        shown = run(built.inventory, "deploys/status.py", as_json=False).log
        assert f"process {first.pid}" in shown and CLUSTER in shown, shown
        dry(built.inventory, CLUSTER)
        done = goes_on(first)
    assert done.code == 0, done
    assert "process" not in run(built.inventory, "deploys/status.py", as_json=False).log
    assert_changes_nothing(built.inventory)


def test_a_restart_beside_a_switchover(built: Built) -> None:
    before, restarts = leader(built.lab), "deploys/restart_pending.py"
    with held_up(built, "deploys/switchover.py") as first:
        assert_refused_beside(first, from_elsewhere(built, restarts), "deploys/switchover.py")
        assert leader(built.lab) == before
        done = goes_on(first)
    assert done.code == 0, done
    assert leader(built.lab) != before
    wait_until_settled(built.lab)


def test_a_run_that_was_killed_here_holds_nobody_up(built: Built) -> None:
    with held_up(built, CLUSTER) as first:
        kill_run(first)
        first.communicate(timeout=30)
        done = run(built.inventory)
    assert f"(process {first.pid})" in done.log and "whose process is gone" in " ".join(done.log.split()), done


def test_a_run_whose_machine_died_holds_others_up_for_a_minute_at_most(built: Built) -> None:
    with held_up(built, CLUSTER, program=PYINFRA) as first:
        kill_run(first)
        first.communicate(timeout=30)
        assert_refused_beside(first, from_elsewhere(built, CLUSTER), CLUSTER)
        wait_until(
            "another machine is let in",
            lambda: from_elsewhere(built, CLUSTER).code == 0,
            seconds=ENDS_SECONDS,
        )


def test_a_lock_that_is_broken_stops_its_run_before_its_next_step(built: Built) -> None:
    before = leader(built.lab)
    with held_up(built, "deploys/switchover.py") as first:
        done = from_elsewhere(built, CLUSTER, "--data", "break_lock=true")
        said = " ".join(done.log.split())
        assert done.code == 0 and "breaks the lock of" in said and f"(process {first.pid})" in said, done
        stopped = goes_on(first)
    assert stopped.code == 1 and "this run has lost its lock" in stopped.log, stopped
    assert leader(built.lab) == before


def test_a_host_joins_while_it_leaves(built: Built) -> None:
    leaving = replicas(built.lab)[0]
    node = f"node={leaving.container}"
    with held_up(built, "deploys/remove_node.py", "--data", node) as first:
        assert_refused_beside(first, from_elsewhere(built, "deploys/add_node.py"), "deploys/remove_node.py")
        done = goes_on(first)
    assert done.code == 0, done
    with held_up(built, "deploys/add_node.py") as first:
        done = from_elsewhere(built, "deploys/remove_node.py", "--data", node)
        assert_refused_beside(first, done, "deploys/add_node.py")
        done = goes_on(first)
    assert done.code == 0, done
    wait_until_settled(built.lab)
    assert_changes_nothing(built.inventory)


def test_without_etcd_the_hosts_have_the_lock(built: Built) -> None:
    starts = "deploys/start.py"
    name = built.lab.name
    run(built.inventory, "deploys/stop.py", "--data", f"confirm={name}")
    with held_up(built, starts) as first:
        done = from_elsewhere(built, starts)
        assert_refused_beside(first, done, starts)
        assert refusal(done)[6].startswith(built.lab.host("pg1").container), done
        done = goes_on(first)
    assert done.code == 0, done
    wait_until_settled(built.lab)
    assert_changes_nothing(built.inventory)
    assert etcdctl(built.lab.host("pg1"), f"get --prefix /pyinfra-patroni/{name}/") == ""


def test_the_journal_tells_it_all_from_every_host(built: Built) -> None:
    shown = run(built.inventory, "deploys/journal.py", "--data", "runs=50", as_json=False).log
    assert f"{built.lab.name}: the journals of 4 of 4 hosts" in shown, shown
    for words in ("deploys/switchover.py", "deploys/remove_node.py", "NO END: it was killed", "ended well", CLUSTER):
        assert words in shown, shown
    told = json.loads(journal_json(built))["clusters"][built.lab.name]
    build = next(one for one in told["runs"] if one["acts"] and one["began"]["what"].endswith(CLUSTER))
    assert {act["host"] for act in build["acts"]} == {built.lab.host(one).container for one in (*MEMBERS, "backup1")}
    assert all(act["done"] is not None for act in build["acts"])
    for member in MEMBERS:
        files = run_in(built.lab.host(member).container, "stat -c '%a %U' /var/log/pyinfra-patroni/journal")
        assert files.strip() == "600 root"


def journal_json(built: Built) -> str:
    words = [sys.executable, "-m", "pyinfra", "-y", "--json", str(built.inventory), "deploys/journal.py"]
    words += ["--data", "runs=500"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True, timeout=RUN_SECONDS).stdout
