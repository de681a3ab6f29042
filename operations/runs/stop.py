"""PostgreSQL of a whole cluster stopped, with the same last write on every member."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.patroni_unit import UNIT
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.member_data import SeenData
from cluster.observed.patroni import SeenPatroni
from cluster.plans.restart_pending.activation import activated
from cluster.plans.stop import is_stopped, refuse_stop, stop_lines, stopped_lines
from cluster.verdicts.data_positions import is_running, last_record, primary_of
from facts.member_data import RUNS
from facts.patroni import PatroniCluster
from facts.postgres import PSQL
from facts.postgres.sessions import ClientsLeft
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.live.member_data import all_members_data, members_data
from operations.live.members import look
from operations.runs.services import within_run
from operations.util.console import print_lines
from operations.util.hosts import acts_for, acts_here
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read_all, read_first

REPLAY_SECONDS = 60

# A suspended Patroni elects nobody, while its PostgreSQL goes on to receive. It knows nothing of it afterwards, and a
# reboot neither: unlike a pause, it cannot be left behind. systemd ends it as any other: after SIGTERM comes SIGCONT.
# https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html#KillSignal=
_SUSPEND = f"kill -STOP $(systemctl show -p MainPID --value {UNIT})"

_STOP = """
systemctl stop {unit} || exit 1
runs() {{ {runs}; }}
! runs || {{ {stop}; }} && ! runs
"""


@operation()
def announce(cluster: Cluster, *, confirmed: bool = False, force: bool = False) -> Commands:
    """
    Judge whether the cluster may be stopped, and say what will happen and whom it cuts off. Refuses what
    ``refuse_stop`` refuses, and whatever nobody has confirmed.

    + confirmed: the operator has named the cluster
    + force: a backup under way breaks off
    """
    if not acts_here(cluster.members):
        return
    here = within_run(cluster)
    live, seen = look(here), all_members_data(cluster, here.members)
    absent = [node.name for node in cluster.members if node.name not in seen]
    refuse_stop(cluster, live, seen, absent, force=force)
    waiting = activated(live, [name for name, one in seen.items() if is_running(one)])
    print_lines(stop_lines(cluster, seen, _clients(cluster, seen), absent, waiting))
    if dry_run():
        yield from decide_later("the stop") if not is_stopped(seen) else ()
        return
    if not confirmed:
        raise UnsafeError(f"nothing was touched\nHINT: add --data confirm={cluster.name} to stop it.")
    host.noop("nothing is in the way")


def _clients(cluster: Cluster, seen: Mapping[str, SeenData]) -> int:
    answering = [cluster.node(name) for name, one in seen.items() if one["in_recovery"] is not None]
    return sum(read_all(answering, ClientsLeft, port=cluster.settings.postgres_port).values())


@operation()
def stop_members(cluster: Cluster) -> Commands:
    """
    Stop PostgreSQL and Patroni on all members: the primary first, while nobody can take over and its standbys still
    receive, so that its last record is on all of them; then these. Goes on with what was begun.
    """
    if not acts_here(cluster.members):
        return
    nodes = within_run(cluster).members
    seen = all_members_data(cluster, nodes)
    if is_stopped(seen):
        host.noop("PostgreSQL and Patroni are stopped")
        return
    if dry_run():
        yield from decide_later("in which order PostgreSQL stops")
        return
    primary = primary_of(seen)
    if primary is not None:
        yield from stop_primary(cluster, cluster.node(primary), seen, stop_member(cluster))
        seen = all_members_data(cluster, nodes)
    await_the_last_record(cluster, seen)
    yield from (Act(node, stop_member(cluster)) for node in _leader_last(cluster, nodes) if is_running(seen[node.name]))
    _refuse_survivors(cluster, all_members_data(cluster, nodes))


def _leader_last(cluster: Cluster, nodes: Sequence[Node]) -> Sequence[Node]:
    """Of a standby cluster, which has no primary: so that no other member takes the lead meanwhile."""
    if cluster.source is None:
        return nodes
    said: SeenPatroni | None = read_first(nodes, PatroniCluster)
    return sorted(nodes, key=lambda node: said is not None and node.name == said["leader"])


def stop_primary(cluster: Cluster, primary: Node, seen: Mapping[str, SeenData], stop: StringCommand) -> Commands:
    """
    Stop the primary while Patroni of all others is suspended.

    + seen: ``MemberData`` of all; + stop: the command
    """
    # What a checkpoint writes now, nobody has to wait for while it stops.
    checkpoint = f"{PSQL} -p {cluster.settings.postgres_port} -d postgres -c CHECKPOINT || true"
    yield Act(primary, StringCommand(checkpoint))
    for name, one in seen.items():
        if name != primary.name and one["patroni"] == "active" and not one["held"]:
            yield Act(cluster.node(name), StringCommand(_SUSPEND))
    yield Act(primary, stop)


def stop_member(cluster: Cluster, *, at_any_price: bool = False) -> StringCommand:
    """
    Stop Patroni and with it PostgreSQL; also a PostgreSQL that Patroni leaves running, as in a pause.

    + at_any_price: even one that cannot write its last checkpoint; it recovers at its next start
    """
    data = quote(cluster.data_directory)
    stop = f"cd / && runuser -u postgres -- {cluster.bin_directory}/pg_ctl stop -D {data} -s"
    stops = f"{stop} -m fast -t 300" + (f" || {stop} -m immediate" if at_any_price else "")
    return StringCommand(_STOP.format(unit=UNIT, runs=RUNS.format(data=data), stop=stops))


def await_the_last_record(cluster: Cluster, seen: Mapping[str, SeenData]) -> None:
    """
    Wait until the standbys have replayed the record with which the primary stopped; as far as they have received it,
    for nobody sends it any more. It is then where their own data end, too.

    + seen: ``MemberData`` of all, after the primary stopped
    """
    last = last_record(seen)
    owing = [cluster.node(name) for name, one in seen.items() if last is not None and (one["received"] or 0) > last]
    if last is not None and owing:
        all_members_data(cluster, owing, beyond=last, wait_seconds=REPLAY_SECONDS)


def _refuse_survivors(cluster: Cluster, seen: Mapping[str, SeenData]) -> None:
    if alive := [name for name, one in seen.items() if is_running(one)]:
        raise UnsafeError(f"{', '.join(alive)} was started again meanwhile\nHINT: see who did that, and run again.")


@operation()
def report(cluster: Cluster) -> Commands:
    """Say where everybody ended."""
    if acts_for(cluster.members) and not dry_run():
        seen = members_data(cluster, within_run(cluster).members)
        print_lines(stopped_lines(cluster, {name: one for name, one in seen.items() if one is not None}))
    host.noop("reported above")
    return
    yield
