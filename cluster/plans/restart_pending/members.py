"""What the restart plan needs to know of each member, out of what Patroni and every PostgreSQL say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cluster.declared.model import Cluster
from cluster.inventory.parameters import problems_of
from cluster.measures import MIB
from cluster.observed.patroni import SeenMember, SeenPatroni
from cluster.observed.postgres import SeenPostgres
from cluster.parameters.values import CONTROLLED, ORDERED, PATRONIS, given_by_patroni, same_value
from cluster.plans.restart_pending.plan import Member
from cluster.tags import may_lead
from cluster.verdicts.health import upstream
from cluster.verdicts.live import Live
from cluster.verdicts.standby_role import is_standby

# A standby further behind than this cannot take over soon; what is being sent right now is far less.
CAUGHT_UP_MIB = 16


def restart_members(cluster: Cluster, live: Live) -> list[Member]:
    """The declared members as the plan sees them. + live: the whole picture; Patroni answers and names a leader"""
    parameters = (live.patroni["config"] or {}).get("postgresql", {}).get("parameters", {})
    lead = live.postgres[str(live.leader)]
    return [_member(node.name, live.patroni, live.postgres[node.name], lead, parameters) for node in cluster.members]


def wanted_five(parameters: Mapping[str, Any]) -> dict[str, int]:
    """The five ordered settings as Patroni would give them to PostgreSQL. + parameters: of the dynamic configuration"""
    return {name: given_by_patroni(parameters, name) for name in ORDERED}


def _member(
    name: str,
    patroni: SeenPatroni,
    seen: SeenPostgres | None,
    lead: SeenPostgres | None,
    parameters: Mapping[str, Any],
) -> Member:
    leads, listed = name == patroni["leader"], patroni["members"].get(name)
    wanted = wanted_five(parameters)
    running, replayed, others = wanted, wanted, dict[str, str]()
    if seen is not None and seen["answers"]:
        running = {one: int(seen["settings"][one]["setting"]) for one in ORDERED}
        replayed = {one: int((seen["control"] or running)[one]) for one in ORDERED}
        others = {one: text for one, text in waiting_settings(seen, parameters).items() if one not in ORDERED}
    unfit = "" if leads else _unfit(listed, seen, lead)
    return Member(
        name,
        leads,
        wanted,
        running,
        replayed,
        others,
        unfit,
        runs=seen is not None and seen["answers"],
        eligible=not leads and not unfit and _may_take_over(listed, seen, lead),
        synchronous=listed is not None and listed["synchronous"],
        cascades=len(upstream(patroni, name)),
        follows=leads and is_standby(patroni["config"]),
    )


def waiting_settings(seen: SeenPostgres, parameters: Mapping[str, Any]) -> dict[str, str]:
    """
    The settings that a restart of this PostgreSQL would change, with what they change from and to: those that differ
    from the dynamic configuration, and those that PostgreSQL itself names, because somebody changed them past Patroni.

    Patroni before 3.3 has one flag for all of them, and leaves it raised when a value is set back.
    """
    changes = {name: f"{known['shown']} -> ?" for name, known in seen["settings"].items() if known.get("pending")}
    for name in (name for name, value in parameters.items() if value is not None and name.lower() not in PATRONIS):
        value = given_by_patroni(parameters, name) if name in CONTROLLED else parameters[name]
        known = seen["settings"].get(name.lower())
        if known is None or _is_nothing(name.lower(), value, seen.get("version", 0)):
            continue
        if not same_value(value, known["setting"], known["type"], known["unit"]):
            changes[name.lower()] = f"{known['shown']} -> {value}"
    return changes


# With these PostgreSQL chooses for itself, and shows what it chose.
_OWN_CHOICE = {
    "wal_buffers": -1,
    "io_max_concurrency": -1,
    "commit_timestamp_buffers": 0,
    "subtransaction_buffers": 0,
    "transaction_buffers": 0,
}


def _is_nothing(name: str, value: object, version: int) -> bool:
    """
    Whether a value changes nothing, however often PostgreSQL is restarted: Patroni keeps what is no value of the
    parameter out of PostgreSQL's file, e.g. what somebody wrote into the configuration by hand.
    """
    return str(value) == str(_OWN_CHOICE.get(name)) or bool(problems_of(name, value, version // 10000))


def _unfit(listed: SeenMember | None, seen: SeenPostgres | None, lead: SeenPostgres | None) -> str:
    """Why a standby is not restarted now; empty when it is well."""
    if seen is None:
        return "cannot be reached"
    if listed is None:
        return "has no Patroni that etcd knows of"
    if not seen["answers"]:
        return "is down"
    if lead is None or _is_short(seen, lead):
        return ""  # it has stopped replaying because of its low value: its restart is the cure
    if seen["replay"] != "not paused":
        return "has its replay paused by hand; a restart would resume it"
    if seen["apply_delay_ms"]:
        return ""  # it comes back to streaming only when it has replayed what it has, late on purpose
    if not listed["tags"].get("nostream") and not seen["receiving"]:
        return "does not stream"
    # It has none while it does not stream, as with nostream, and as the leader of a standby cluster beside an archive.
    if None not in (seen["timeline"], lead["timeline"]) and seen["timeline"] != lead["timeline"]:
        return f"is on timeline {seen['timeline']}, the leader on {lead['timeline']}"
    return ""


def _is_short(seen: SeenPostgres, lead: SeenPostgres) -> bool:
    return any(int(seen["settings"][name]["setting"]) < int(lead["settings"][name]["setting"]) for name in ORDERED)


def _may_take_over(listed: SeenMember | None, seen: SeenPostgres | None, lead: SeenPostgres | None) -> bool:
    if listed is None or seen is None or lead is None:
        return False
    behind = (lead["written"] or 0) - (seen["replayed"] or 0)
    streams = seen["receiving"] and seen["replay"] == "not paused"
    return may_lead(listed["tags"]) and streams and behind <= CAUGHT_UP_MIB * MIB
