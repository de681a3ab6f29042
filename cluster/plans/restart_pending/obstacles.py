"""Why no member may be restarted now, all reasons at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cluster.declared.model import Cluster
from cluster.observed.patroni import SeenPatroni
from cluster.observed.postgres import SeenPostgres
from cluster.obstacles import Obstacle
from cluster.parameters.values import given_by_patroni
from cluster.plans.configure import file_error
from cluster.plans.restart_pending.members import wanted_five
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import cluster_obstacles
from cluster.verdicts.standby_role import is_standby

Postgres = Mapping[str, SeenPostgres | None]


def restart_obstacles(
    cluster: Cluster, live: Live, without: Iterable[str] = (), source: Mapping[str, int] | None = None
) -> list[Obstacle]:
    """
    Everything that makes a restart of members unsafe.

    + live: the whole picture
    + without: members that the operator knows to be away
    + source: the five ordered settings with which the source of a standby cluster runs, as far as it can be asked
    """
    patroni, postgres = live.patroni, live.postgres
    found = cluster_obstacles(cluster, live)
    if live.leader is None:
        return found
    return [
        *found,
        *_limits(cluster, live, set(without)),
        *_absences(cluster, patroni, postgres, set(without)),
        *_leaders(cluster, patroni, postgres),
        *_unread(postgres),
        *_below_the_source(cluster, live, source or {}),
    ]


def _below_the_source(cluster: Cluster, live: Live, source: Mapping[str, int]) -> Iterator[Obstacle]:
    """A standby with less than its primary replays no more: Patroni never starts it so, and it would wait for ever."""
    lead = live.postgres.get(str(live.leader))
    if not is_standby(live.patroni["config"]) or lead is None or not lead["answers"]:
        return
    parameters = (live.patroni["config"] or {}).get("postgresql", {}).get("parameters", {})
    of, replayed = cluster.source.name if cluster.source is not None else "its source", lead["control"] or {}
    for name, wanted in wanted_five(parameters).items():
        least = max(int(replayed.get(name, 0)), source.get(name, 0))
        if wanted < least:
            yield Obstacle(
                f"{name} {wanted} is below the {least} of {of}: {cluster.name} would stop replaying",
                f"declare at least {least} for {cluster.name}, or lower it in {of} first",
            )


def _limits(cluster: Cluster, live: Live, without: set[str]) -> Iterator[Obstacle]:
    def is_away(name: str) -> bool:
        seen = live.postgres[name]
        return name in without and (seen is None or not seen["answers"])

    if left_out := [node.name for node in cluster.members if node.name not in live.within and not is_away(node.name)]:
        yield Obstacle(f"--limit leaves out {', '.join(left_out)}", "an ordered restart may have to touch every member")


def _absences(cluster: Cluster, patroni: SeenPatroni, postgres: Postgres, without: set[str]) -> Iterator[Obstacle]:
    declared = [node.name for node in cluster.members]
    if unknown := sorted(without - set(declared)):
        yield Obstacle(f"without={','.join(unknown)} names no member", f"the members are {', '.join(declared)}")
    for name in declared:
        seen = postgres[name]
        if name in without or (seen is not None and seen["answers"] and name in patroni["members"]):
            continue
        reason = "cannot be reached" if seen is None else "is down" if not seen["answers"] else "is not in the cluster"
        yield Obstacle(f"{name} {reason}", f"bring it back, or go on without it: --data without={name}")


def _leaders(cluster: Cluster, patroni: SeenPatroni, postgres: Postgres) -> Iterator[Obstacle]:
    name, follows = str(patroni["leader"]), is_standby(patroni["config"])
    writable = [one for one, seen in postgres.items() if seen is not None and seen["in_recovery"] is False]
    if name not in postgres:
        yield Obstacle(f"{name} leads and is not in the inventory", "add it to the inventory, or switch over")
    elif others := [one for one in writable if one != name]:
        yield Obstacle(f"{', '.join(others)} accepts writes beside the leader {name}", "stop Patroni there first")
    elif name not in writable and not follows:
        yield Obstacle(f"{name} leads and does not accept writes", "wait until its start or promotion has ended")


def _unread(postgres: Postgres) -> Iterator[Obstacle]:
    for name, seen in postgres.items():
        if seen is not None and (errors := seen.get("file_errors", [])):
            listed = "; ".join(map(file_error, errors))
            yield Obstacle(f"{name} would not start again: {listed}", "correct that file, or what is declared, first")


def lowering_obstacles(live: Live) -> list[Obstacle]:
    """
    Why PostgreSQL would refuse to start, or clients would be turned away, with the declared lower values.

    The primary is the first to restart with them, so no standby can try them out.
    """
    parameters = (live.patroni["config"] or {}).get("postgresql", {}).get("parameters", {})
    lead = live.postgres[str(live.leader)]
    return [] if lead is None else [*_too_few(parameters, lead), *slot_obstacles(live)]


def _too_few(parameters: Mapping[str, object], lead: SeenPostgres) -> Iterator[Obstacle]:
    wanted = wanted_five(parameters)
    prepared = (lead["prepared"] or {}).get("count", 0)
    if prepared > wanted["max_prepared_transactions"]:
        yield Obstacle(
            f"max_prepared_transactions {wanted['max_prepared_transactions']} is below the {prepared} prepared ones: "
            "PostgreSQL would not start",
            "commit or roll them back ('select * from pg_prepared_xacts')",
        )
    used, reserved = lead["connections"] or 0, _running(lead, "superuser_reserved_connections")
    if wanted["max_connections"] < _running(lead, "max_connections") and wanted["max_connections"] - reserved < used:
        yield Obstacle(
            f"max_connections {wanted['max_connections']} is below the {used} connections in use "
            f"and {reserved} reserved ones",
            "declare more, or let clients use fewer",
        )


def _running(seen: SeenPostgres, name: str) -> int:
    return int(seen["settings"][name]["setting"])


def slot_obstacles(live: Live) -> Iterator[Obstacle]:
    """That a member has more slots than it would start with, by the configuration as it is now."""
    parameters = (live.patroni["config"] or {}).get("postgresql", {}).get("parameters", {})
    wanted = given_by_patroni(parameters, "max_replication_slots")
    for name, seen in live.postgres.items():
        if seen is not None and len(seen["slots"]) > wanted:
            yield Obstacle(
                f"max_replication_slots {wanted} is below the {len(seen['slots'])} slots on {name}: "
                "PostgreSQL would not start",
                "drop slots that are not used ('select * from pg_replication_slots'), or declare more",
            )
