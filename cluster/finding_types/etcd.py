"""The kinds of findings about etcd, for cluster/finding_types/catalogue.py."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, REMARK, RUN, WARNING, Kind

ETCD_KINDS: Mapping[str, Kind] = {
    "etcd-no-quorum": Kind(
        *(ALARM, "etcd", "etcd has lost its quorum: nobody can become the leader"),
        "Run `systemctl start etcd` on the hosts that are named here; when the data of so many are damaged or lost, "
        f"`{RUN}/etcd_restore.py`.",
    ),
    "etcd-unhealthy": Kind(
        *(ALARM, "etcd", "an endpoint of etcd is not healthy"),
        "See `journalctl -u etcd -n 50` on {where}, mend that, then `systemctl start etcd` there; where it complains "
        f"of its data, `{RUN}/etcd_reinit.py --data node={{where}}`.",
    ),
    "etcd-one-left": Kind(
        *(WARNING, "etcd", "the next failure of an etcd member costs the quorum"),
        "Bring back the members that are named here before you touch any other.",
    ),
    "etcd-alarm": Kind(
        *(ALARM, "etcd", "etcd has raised an alarm; with NOSPACE it refuses writes"),
        "Compact, `etcdctl defrag` one member after the other, then `etcdctl alarm disarm`; see docs/failure-guide.md.",
    ),
    "etcd-learner": Kind(
        *(WARNING, "etcd", "a member is a learner and has no vote: a join was cut off"),
        f"Run `{RUN}/cluster.py`, which promotes it.",
    ),
    "etcd-never-started": Kind(
        *(WARNING, "etcd", "a member was added and has never started; it counts for the quorum all the same"),
        f"Run `{RUN}/cluster.py`, which starts it; if it is gone for good, `etcdctl member remove {{id}}`.",
    ),
    "etcd-not-joined": Kind(
        *(WARNING, "etcd", "a host of the inventory is no member of etcd"), f"Run `{RUN}/cluster.py`, which adds it."
    ),
    "etcd-stranger": Kind(
        *(WARNING, "etcd", "a member of etcd is not in the inventory"),
        f"Put it back in the inventory; `{RUN}/remove_node.py --data node={{name}}` takes it out for good, dead or "
        "alive. One without a name has never started: `etcdctl member remove {id}` on a host of etcd.",
    ),
    "member-moved": Kind(
        *(
            WARNING,
            "host",
            "a member lives elsewhere than the inventory has it, or with a role that it lacks there",
        ),
        f"Declare it as it was. To let a host move: `{RUN}/move_node.py --data node={{where}}`.",
    ),
    "etcd-database": Kind(
        *(WARNING, "etcd", "etcd's database has more than 80 % of `etcd_quota_mib`"),
        "`etcdctl defrag` one member after the other, the leader last; or raise etcd_quota_mib.",
    ),
    "etcd-snapshot-old": Kind(
        *(WARNING, "etcd", "a host has no snapshot of etcd, or none of the last three intervals"),
        "See `journalctl -u etcd-snapshot -n 20` on {where}; `deploys/etcd_snapshot.py` takes one now.",
    ),
    "etcd-copy-old": Kind(
        *(REMARK, "etcd", "the repository host has no snapshot of etcd of the last week; etcd's own hosts have theirs"),
        f"Run `{RUN}/etcd_snapshot.py`, which brings one there.",
    ),
    "etcd-restore-unfinished": Kind(
        *(ALARM, "etcd", "the rebuilding of a lost etcd was begun and is not finished"),
        f"Run `{RUN}/etcd_restore.py` again, which goes on with it.",
    ),
}
