"""What members have of a new configuration, waited for; and a leader that comes with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra import host

from cluster.declared.model import Cluster, Node
from cluster.declared.replication import may_become_synchronous
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenParameter
from cluster.plans.configure import Change
from cluster.verdicts.health import synchronous_standbys
from facts.patroni import PatroniCluster
from facts.postgres import HbaAwaited, SettingsAwaited, hba_digest
from operations.acts.last_lines import Watch
from operations.util.hosts import in_this_run
from operations.util.reading import read, read_all, read_each

# Beyond two of Patroni's looks at the configuration: on a busy host each takes a moment.
ACTIVE_SECONDS = 10
# A PostgreSQL that did not start is started again at once; before anybody leads it may have to recover.
LEAD_SECONDS = 90
# A leader and its only standby.
PAIR = 2


def noticed_seconds(cluster: Cluster) -> int:
    """How long every Patroni needs at most to see a change and to act on it. + cluster: as declared"""
    return 2 * cluster.settings.patroni_loop_wait + ACTIVE_SECONDS


def running(members: Sequence[Node], seen: SeenPatroni) -> list[Node]:
    """Those of the members whose PostgreSQL runs, so that it can be asked. + seen: ``PatroniCluster``"""
    return [node for node in members if (found := seen["members"].get(node.name)) and found["running"]]


def await_leader(cluster: Cluster, node: Node) -> None:
    """
    Wait until somebody leads again, with what was just sent. Refuses, in the words of the member that holds it up, when
    PostgreSQL does not start with it either; names it where none of them says anything.

    + node: whose Patroni is asked
    """
    watch, members = Watch(cluster.data_directory), in_this_run(cluster.members)
    seen = watch.until_settled(lambda seconds: _asked(node, seconds), members, LEAD_SECONDS)
    if seen["settled"]:
        host.log(f"{seen['leader']} leads with it")
    elif watch.causes(members):
        watch.refuse(node, f"{cluster.name} has no leader with the new configuration either", members)
    else:
        host.log(f"{cluster.name} has no leader yet, and no PostgreSQL says why")


def _asked(node: Node, seconds: int) -> SeenPatroni:
    return read_all([node], PatroniCluster, wait_seconds=seconds)[node.name]


def await_standbys(cluster: Cluster) -> None:
    """Wait until commits wait for whom they shall, and say who that is."""
    mode, seconds = cluster.settings.patroni_synchronous_mode, noticed_seconds(cluster)
    seen = host.get_fact(PatroniCluster, wait_seconds=seconds, synchronous=mode != "off")
    names = ", ".join(synchronous_standbys(seen))
    if mode == "off":
        host.log(f"{names} still synchronous" if names else "commits wait for no standby")
    else:
        host.log(f"synchronous: {names}" if names else f"no standby is synchronous after {seconds} s; see check.py")
    if cluster.settings.patroni_synchronous_mode_strict and len(may_become_synchronous(cluster)) == PAIR:
        host.log("strict, with one standby that may be synchronous: while it is away or restarts, all writes wait")


def await_hba(cluster: Cluster, members: Sequence[Node], lines: Sequence[str]) -> None:
    """Wait until members have these lines, and no longer those of a host that was taken out; name others."""
    digest = hba_digest(lines)
    question = {"directory": cluster.data_directory, "digest": digest, "wait_seconds": noticed_seconds(cluster)}
    for name, has in read(members, HbaAwaited, **question).items():
        if has != digest:
            host.log(f"{name} {'cannot be reached' if has is None else 'does not have the new pg_hba yet'}")


def await_active(
    cluster: Cluster,
    members: Sequence[Node],
    leader: str | None,
    changes: list[Change],
    catalog: Mapping[str, SeenParameter],
) -> None:
    """Wait until these members run with the settings that need no restart; name where one does not."""
    questions = {node.name: _question(cluster, changes, catalog, leads=node.name == leader) for node in members}
    asked = {name: (SettingsAwaited, question) for name, question in questions.items() if question["wanted"]}
    for name, missing in read_each(asked).items():
        if missing is None:
            host.log(f"{name} cannot be reached: it is unknown what it runs with")
        elif missing:
            host.log(f"{name} does not have {', '.join(missing)} yet; something there may override the configuration")


def _question(
    cluster: Cluster, changes: list[Change], catalog: Mapping[str, SeenParameter], *, leads: bool
) -> dict[str, Any]:
    shown = {change: value for change in changes if (value := change.setting(catalog)) is not None}
    wanted = {change.name: value for change, value in shown.items() if change.is_there(leads=leads)}
    return {"port": cluster.settings.postgres_port, "wait_seconds": noticed_seconds(cluster), "wanted": wanted}
