"""The types of findings about signs of trouble that no step of a run has to know."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, RUN, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "transaction-ids": FindingType(
        *(WARNING, "PostgreSQL", "a database has not been frozen for long: autovacuum does not get it done"),
        "Look for what holds it up: old or prepared transactions, slots with xmin, standbys with hot_standby_feedback; "
        "then `runuser -u postgres -- vacuumdb --freeze {database}` on {where}.",
    ),
    "transaction-ids-end": FindingType(
        *(ALARM, "PostgreSQL", "transaction IDs run out: soon the database accepts no write"),
        "End old and prepared transactions and drop unused slots at once, then "
        "`runuser -u postgres -- vacuumdb --freeze {database}` on {where}.",
    ),
    "checksum-failed": FindingType(
        *(ALARM, "PostgreSQL", "PostgreSQL read a page with a wrong checksum in the last week: data are damaged"),
        f"Find it with pg_amcheck on {{where}}. On a standby: `{RUN}/reinit_node.py --data node={{where}}`; on the "
        f"leader first `{RUN}/switchover.py`, if a standby's data are sound. Check the disk.",
    ),
    "sequence-near-end": FindingType(
        *(WARNING, "PostgreSQL", "a sequence is used to three quarters or more: at its end inserts fail"),
        "`alter sequence ... as bigint no maxvalue`, and its column to bigint, in {database} on {where}.",
    ),
    "index-invalid": FindingType(
        *(WARNING, "PostgreSQL", "an index is invalid and not being built: it costs writes and serves no query"),
        "`drop index concurrently` and create it again, or `reindex index concurrently`, in {database} on {where}.",
    ),
    "failsafe-active": FindingType(
        *(ALARM, "Patroni", "the leader goes on without etcd, because all members answer it: there is no failover"),
        f"Bring etcd back: `{RUN}/status.py` shows its members; see docs/runs/etcd-restore.md if its quorum is lost.",
    ),
    "etcd-unseen": FindingType(
        *(WARNING, "Patroni", "a member's Patroni has had no answer of etcd for a minute or more"),
        "See `journalctl -u patroni -n 50` and the network of {where}; `etcdctl endpoint health` on etcd's hosts.",
    ),
    "leader-changes": FindingType(
        *(
            WARNING,
            "Patroni",
            "the leader has changed four times or more within an hour, and no run of this tool did it",
        ),
        f"See `{RUN}/logs.py --data since=1h`: a slow etcd, hosts that are overloaded, or a network that fails.",
    ),
    "etcd-disk-slow": FindingType(
        *(WARNING, "etcd", "writes to etcd's disk took more than a second, three times or more in an hour"),
        "Give etcd on {where} a disk of its own, or a faster one: Patroni demotes a leader whose etcd does not answer. "
        "See `journalctl -u etcd -n 100` there.",
    ),
    "etcd-elections": FindingType(
        *(WARNING, "etcd", "etcd elected a leader five times or more in an hour"),
        "Look at disks, load and network of etcd's hosts: `journalctl -u etcd -n 100` on {where}.",
    ),
    "inodes-nearly-used": FindingType(
        *(WARNING, "disk", "nine in ten inodes of a file system with data are in use: soon no file can be made in it"),
        "Find many small files on {where}: `du --inodes -xd2 {path} | sort -n | tail`.",
    ),
    "read-only": FindingType(
        *(ALARM, "disk", "a file system with data is read-only, as the kernel makes it after errors of its disk"),
        "See `journalctl -k -n 100` on {where}; replace the disk, then `mount -o remount,rw {path}`.",
    ),
    "out-of-memory": FindingType(
        *(WARNING, "host", "the kernel has killed a process of the cluster for lack of memory in the last day"),
        "See `journalctl -u {unit} --since=-1d` on {where}; lower work_mem, max_connections or postgres_memory_mib, or "
        "give the host more memory.",
    ),
    "haproxy-sessions": FindingType(
        *(WARNING, "HAProxy", "four fifths of the clients that a port takes are connected: soon others are refused"),
        "Look for clients that do not close connections: `select usename, count(*) from pg_stat_activity group by 1`; "
        "pool them (docs/pooling.md), or raise haproxy_max_connections.",
    ),
}
