"""What the operator reads of a restore before it is begun: where to, with what, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.declared.model import Cluster
from cluster.inventory.clusters import slot_name
from cluster.measures import duration_text, moment_text, size_text
from cluster.plans.restart_pending.activation import activated
from cluster.plans.restore.backup_set import timeline_of
from cluster.plans.restore.in_place import Restore
from cluster.verdicts.live import Live


def restore_lines(
    cluster: Cluster,
    live: Live,
    plan: Restore,
    now: int,
    aside: Sequence[str] = (),
    *,
    unarchived: bool = False,
) -> list[str]:
    """
    The plan.

    + now: seconds since the epoch; + aside: lines of what is moved aside
    + unarchived: what is not in the archive is given up
    """
    others = [node.name for node in cluster.members if node.name != plan.member]
    return [
        f"Restore of {cluster.name} to {plan.target}",
        *(["  resumes a restore that an earlier run has started"] if plan.goes_on else []),
        *source_lines(plan),
        f"  on      {plan.member}; then {', '.join(others) or 'nobody'} from it and the backup",
        *aside,
        f"  costs   no writes and no reads from the stop until {plan.member} leads; every connection ends",
        *(f"  LOST    {loss}" for loss in _losses(cluster, live, plan, now, unarchived=unarchived)),
        *(f"  note    {line}" for line in activated(live, [node.name for node in cluster.members])),
    ]


def source_lines(plan: Restore) -> list[str]:
    """What it begins with, and what is wrong with that."""
    backup = plan.backup
    damage = "  note    this backup has DAMAGED pages: its log names them; an older backup, set=LABEL, may have none"
    return [
        f"  from    {backup['label']}, {size_text(backup['size'])}, complete at {moment_text(backup['stopped_at'])}, "
        f"timeline {timeline_of(backup)}; then WAL on timeline {plan.timeline}",
        *([damage] if backup["damaged"] else []),
    ]


def _losses(cluster: Cluster, live: Live, plan: Restore, now: int, *, unarchived: bool) -> list[str]:
    target = plan.target
    if target.kind == "latest":
        kept = f"nothing that {plan.leader} has acknowledged: its last WAL is archived first"
        if unarchived:
            kept = f"what {plan.leader} has written and is not in the archive: it is given up, and not waited for"
        lost = "what was not archived: there is no leader that could do it now"
        yet = [kept if plan.leader is not None else lost] if not plan.goes_on else ["what the archive does not have"]
    elif target.kind == "time":
        yet = [f"everything committed after {target.value}: the last {duration_text(now - target.epoch)}"]
    elif target.kind == "set":
        yet = [f"everything committed since {moment_text(plan.backup['stopped_at'])}"]
    else:
        yet = [f"everything committed after {target}"]
    slots = sorted(
        {slot["name"] for state in live.postgres.values() if state for slot in state["slots"] if _is_own(cluster, slot)}
    )
    return [*yet, *([f"the replication slots {', '.join(slots)}: backups have none"] if slots else [])]


def _is_own(cluster: Cluster, slot: Mapping[str, Any]) -> bool:
    """Whether a slot is the user's, not Patroni's for a member."""
    return slot["name"] not in {slot_name(node.name) for node in cluster.members}
