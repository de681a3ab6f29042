"""The types of findings about etcd."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "etcd-no-quorum": FindingType(
        *(ALARM, "etcd", "etcd has lost its quorum: no member can become the leader"),
        "Run `systemctl start etcd` on the hosts that are named here; if the data of too many are damaged or lost, "
        f"`{RUN}/etcd_restore.py`.",
    ),
    "etcd-unhealthy": FindingType(
        *(ALARM, "etcd", "an endpoint of etcd is not healthy"),
        "See `journalctl -u etcd -n 50` on {where}, fix that, then `systemctl start etcd` there; if it reports "
        f"damaged data, `{RUN}/etcd_reinit.py --data node={{where}}`.",
    ),
    "etcd-one-left": FindingType(
        *(WARNING, "etcd", "if one more etcd member fails, the quorum is lost"),
        "Bring back the members that are named here before you work on any other.",
    ),
    "etcd-alarm": FindingType(
        *(ALARM, "etcd", "etcd has raised an alarm; with NOSPACE it refuses writes"),
        "Compact, `etcdctl defrag` one member after the other, then `etcdctl alarm disarm`; see docs/failure-guide.md.",
    ),
    "etcd-learner": FindingType(
        *(WARNING, "etcd", "a member is a learner and has no vote: a join was interrupted"),
        f"Run `{RUN}/cluster.py`, which promotes it.",
    ),
    "etcd-never-started": FindingType(
        *(WARNING, "etcd", "a member was added and has never started; it counts for the quorum anyway"),
        f"Run `{RUN}/cluster.py`, which starts it; if it is gone for good, `etcdctl member remove {{id}}`.",
    ),
    "etcd-not-joined": FindingType(
        *(WARNING, "etcd", "a host of the inventory is not a member of etcd"), f"Run `{RUN}/cluster.py`, which adds it."
    ),
    "etcd-undeclared": FindingType(
        *(WARNING, "etcd", "a member of etcd is not in the inventory"),
        f"Put it back in the inventory; or `{RUN}/remove_node.py --data node={{name}}` removes it for good, dead or "
        "alive. One without a name has never started: `etcdctl member remove {id}` on a host of etcd.",
    ),
    "member-moved": FindingType(
        *(
            WARNING,
            "host",
            "a member has another address or role than in the inventory",
        ),
        f"Declare it as it was. To move a host: `{RUN}/move_node.py --data node={{where}}`.",
    ),
    "etcd-database": FindingType(
        *(WARNING, "etcd", "etcd's database has more than 80 % of `etcd_quota_mib`"),
        "`etcdctl defrag` one member after the other, the leader last; or raise etcd_quota_mib.",
    ),
    "etcd-snapshot-old": FindingType(
        *(WARNING, "etcd", "a host has no snapshot of etcd, or none from the last three intervals"),
        "See `journalctl -u etcd-snapshot -n 20` on {where}; `deploys/etcd_snapshot.py` takes one now.",
    ),
    "etcd-copy-old": FindingType(
        *(REMARK, "etcd", "the repository host has no snapshot of etcd from the last week; etcd's own hosts have"),
        f"Run `{RUN}/etcd_snapshot.py`, which copies one there.",
    ),
    "etcd-restore-unfinished": FindingType(
        *(ALARM, "etcd", "the restore of a lost etcd was started and has not finished"),
        f"Run `{RUN}/etcd_restore.py` again, which resumes it.",
    ),
}
