"""The leader is changed on purpose, under a load of writes; pause and resume; a member's data is made anew."""

import statistics
import time
from collections.abc import Iterator
from itertools import pairwise, takewhile

import pytest

from tests.lab.docker import run_in
from tests.lab.spec import Host
from tests.lab.vocabulary.load import Attempt, Load, Outcome
from tests.lab.vocabulary.runs import (
    RUN_SECONDS,
    Built,
    assert_changes_nothing,
    changed,
    dry,
    dsn,
    kill_run,
    leader,
    members,
    patroni,
    replicas,
    run,
    site,
    start,
    system_identifier,
    wait_until_settled,
)
from tests.lab.vocabulary.waiting import wait_until

SWITCHOVER, PAUSE, RESUME, REINIT = (f"deploys/{name}.py" for name in ("switchover", "pause", "resume", "reinit_node"))
TIMES = 10
GAP_SECONDS = 5.0
WARM_UP_WRITES = 50


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Three members of this file's own."""
    with site("w-switch", tmp_path_factory.mktemp("w-switch")) as ready:
        first = run(ready.inventory)
        wait_until_settled(ready.lab)
        yield Built(ready.lab, ready.inventory, first)


def words(text: str) -> str:
    """What a run said, without the places where its lines end."""
    return " ".join(text.split())


def refused(cluster: Built, deploy: str, *data: str) -> str:
    """What a run said that had to be refused."""
    done = run(cluster.inventory, deploy, *(word for one in data for word in ("--data", one)), check=False)
    assert done.code == 1, str(done)
    return words(done.log)


def switched(cluster: Built, candidate: Host) -> str:
    """Switch over with the deploy file. Returns what it said."""
    done = run(cluster.inventory, SWITCHOVER, "--data", f"candidate={candidate.container}")
    assert leader(cluster.lab) == candidate
    return words(done.log)


def tag(host: Host, edit: str) -> None:
    """Edit Patroni's own file ``$f`` on a host, and let Patroni read it."""
    run_in(host.container, f"f=/etc/patroni/config.yml; {edit} && systemctl reload patroni")


def known_tags(cluster: Built, host: Host) -> dict[str, object]:
    return dict(members(cluster.lab)[host.container].get("tags", {}))


def timeline(cluster: Built) -> int:
    return max(int(one["timeline"]) for one in members(cluster.lab).values())


def gap(attempts: list[Attempt], since: float, until: float) -> float:
    """The longest time without an acknowledged write within a window."""
    ended = (one.ended for one in attempts if one.outcome is Outcome.ACKNOWLEDGED and since <= one.ended <= until)
    return max(after - before for before, after in pairwise(sorted([since, *ended, until])))


def test_ten_switchovers_in_a_row_lose_nothing(cluster: Built) -> None:
    before, gaps, seconds = timeline(cluster), [], []
    with Load(dsn(cluster.lab, connect_timeout=2)) as load:
        wait_until("the load runs", lambda: load.report().acknowledged >= WARM_UP_WRITES, seconds=20)
        for _ in range(TIMES):
            candidate, began = replicas(cluster.lab)[0], time.monotonic()
            said = switched(cluster, candidate)
            wait_until("writes go on", lambda: load.attempts[-1].outcome is Outcome.ACKNOWLEDGED, seconds=20)
            ended = time.monotonic()
            seconds.append(ended - began)
            gaps.append(gap(load.attempts, began, ended))
            assert f"{candidate.container} leads {cluster.lab.name}" in said
            print(f"{candidate.container}: run {seconds[-1]:.1f} s, no write for {gaps[-1]:.2f} s")
    verdict, seen = load.verdict(), load.report()
    p95 = statistics.quantiles(gaps, n=20, method="inclusive")[-1]
    print(
        f"{TIMES} switchovers: gap p50 {statistics.median(gaps):.2f} s, p95 {p95:.2f} s, max {max(gaps):.2f} s; "
        f"run p50 {statistics.median(seconds):.1f} s; acknowledged {seen.acknowledged}, refused {seen.refused}, "
        f"unknown {seen.unknown}, lost {len(verdict.lost)}, reasons {seen.reasons}"
    )
    assert verdict.is_clean
    assert p95 <= GAP_SECONDS
    assert timeline(cluster) == before + TIMES
    assert_changes_nothing(cluster.inventory)


def test_who_leads_already_is_left_alone(cluster: Built) -> None:
    leading = leader(cluster.lab)
    again = run(cluster.inventory, SWITCHOVER, "--data", f"candidate={leading.container}")
    assert changed(again) == {}
    assert f"{leading.container} leads {cluster.lab.name} already: nothing is done" in words(again.log)


def test_the_plan_is_shown_and_nothing_done(cluster: Built) -> None:
    leading, best = leader(cluster.lab), replicas(cluster.lab)[0]
    said = words(dry(cluster.inventory, SWITCHOVER))
    assert (
        f"Switchover of {cluster.lab.name}: {leading.container} -> {best.container} why the best of 2: streaming"
        in said
    )
    assert leader(cluster.lab) == leading


def test_a_candidate_that_patroni_does_not_know_or_want_is_refused(cluster: Built) -> None:
    name = cluster.lab.name
    said = refused(cluster, SWITCHOVER, f"candidate={name}-pg9")
    assert f"{name}-pg9 is no member of {name} HINT: did you mean {name}-pg" in said
    lame, other = replicas(cluster.lab)
    tag(lame, "cp -p $f $f.kept && sed -i 's/^tags:/&\\n  nofailover: true/' $f")
    wait_until("the tag is known", lambda: "nofailover" in known_tags(cluster, lame), seconds=60)
    try:
        said = refused(cluster, SWITCHOVER, f"candidate={lame.container}")
    finally:
        tag(lame, "mv $f.kept $f")
        wait_until("it is gone", lambda: "nofailover" not in known_tags(cluster, lame), seconds=60)
    leading = leader(cluster.lab).container
    assert f"{lame.container} cannot take over from {leading}: has the tag nofailover" in said
    assert f"HINT: {other.container} could; leave the candidate out to let it." in said


def test_a_killed_run_is_gone_on_with(cluster: Built) -> None:
    old, candidate, before = leader(cluster.lab), replicas(cluster.lab)[0], timeline(cluster)

    def requested() -> bool:
        journal = run_in(old.container, "journalctl -u patroni -n 30 -o cat --no-pager")
        return f"received switchover request with leader={old.container} candidate={candidate.container}" in journal

    for moment in (lambda: True, requested):
        process = start(cluster.inventory, SWITCHOVER, "--data", f"candidate={candidate.container}")
        assert process.stderr is not None
        seen = list(takewhile(lambda line: "Switchover of" not in line, process.stderr))
        wait_until("the moment to kill it", moment, seconds=60)
        assert process.poll() is None, "".join(seen)
        kill_run(process)
        process.communicate(timeout=RUN_SECONDS)
        print(f"killed; {old.container} is {members(cluster.lab)[old.container]['state']}")
    switched(cluster, candidate)
    wait_until_settled(cluster.lab)
    assert timeline(cluster) == before + 1


def test_pause_and_resume(cluster: Built) -> None:
    names = [host.short_name for host in (leader(cluster.lab), *replicas(cluster.lab))]
    first = run(cluster.inventory, PAUSE)
    assert changed(first).keys() == {"Pause"} and "there is NO failover now" in words(first.log)
    assert [patroni(cluster.lab, name, "patroni").get("pause") for name in names] == [True, True, True]
    assert changed(run(cluster.inventory, PAUSE)) == {}
    assert f"no switchover now: {cluster.lab.name} is paused" in refused(cluster, SWITCHOVER)
    last = run(cluster.inventory, RESUME)
    assert changed(last).keys() == {"Resume"} and "every standby streams" in words(last.log)
    assert [patroni(cluster.lab, name, "patroni").get("pause") for name in names] == [None, None, None]


def test_spoiled_data_is_made_anew(cluster: Built) -> None:
    leading, lame, identifier = leader(cluster.lab), replicas(cluster.lab)[0], system_identifier(cluster.lab)
    said = refused(cluster, REINIT, f"node={lame.container}")
    assert f"{lame.container} streams from {leading.container} and needs no new copy" in said
    # Nothing that Patroni fixes by itself: PostgreSQL comes up no more.
    spoil = "cd /var/lib/postgresql/*/*/ && mv global/pg_filenode.map spoiled && kill -9 $(head -1 postmaster.pid)"
    run_in(lame.container, spoil)
    wait_until("it does not stream", lambda: members(cluster.lab)[lame.container]["state"] != "streaming", seconds=60)
    rebuilt = run(cluster.inventory, REINIT, "--data", f"node={lame.container}")
    print(words(rebuilt.log).partition("Rebuild of")[2][:400])
    assert f"{lame.container} streams from {leading.container} on timeline {timeline(cluster)}" in words(rebuilt.log)
    assert system_identifier(cluster.lab, lame.short_name) == identifier
    assert run_in(lame.container, "ls /var/lib/postgresql/*/*/spoiled 2>/dev/null || true") == ""
    wait_until_settled(cluster.lab)
    assert_changes_nothing(cluster.inventory)
