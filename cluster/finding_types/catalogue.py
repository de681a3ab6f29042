"""The types of findings: how severe, what it means and how to fix it. docs/runs/check.md lists them."""

from __future__ import annotations

from collections.abc import Mapping

import cluster.finding_types
from cluster.discovery import contributions
from cluster.finding_types.finding_type import ALARM, PATRONICTL, REMARK, RUN, SEVERITIES, WARNING, FindingType

__all__ = ["ALARM", "FINDING_TYPES", "REMARK", "SEVERITIES", "WARNING", "FindingType"]

_RENEW = f"Run `{RUN}/cluster.py`, which renews it; renew your own certificates first, see docs/certificates.md."

_OTHERS: Mapping[str, FindingType] = {
    "host-silent": FindingType(
        *(ALARM, "host", "cannot be reached by ssh, or answers nothing in time"),
        "Start it, or fix the connection until `ssh {where} true` works; a member then comes back by itself.",
    ),
    "answer-missing": FindingType(
        *(WARNING, "host", "answered, but not to one question"),
        "Check {where} itself: `systemctl --failed`, `df -h`, `journalctl -p err -n 50`.",
    ),
    "host-removed": FindingType(
        *(WARNING, "host", "a host was removed from the cluster, and is still in the inventory"),
        f"Remove {{where}} from the inventory; or `{RUN}/add_node.py` brings it back.",
    ),
    "removal-unfinished": FindingType(
        *(WARNING, "host", "the removal of a host was started, and has not finished or has failed"),
        f"Run `{RUN}/remove_node.py --data node={{where}}` again; `{RUN}/add_node.py` keeps the host instead.",
    ),
    "unit-down": FindingType(
        *(ALARM, "unit", "a systemd unit of the cluster is not active"),
        "{more}See `journalctl -u {unit} -n 50` on {where}, fix that, then `systemctl start {unit}` there.",
    ),
    "standby-role": FindingType(
        *(WARNING, "standby cluster", "it is declared as a standby and accepts writes, or is one and is not declared"),
        f"Correct patroni_standby_of in the inventory; to let a standby accept writes: `{RUN}/promote.py`.",
    ),
    "standby-not-streaming": FindingType(
        *(WARNING, "standby cluster", "it does not stream from its source; at best it replays the archive"),
        "See deploys/status.py of the source, and `journalctl -u patroni -n 50` and PostgreSQL's log on {where}.",
    ),
    "unit-disabled": FindingType(
        *(WARNING, "unit", "a unit would not start after a reboot"), "`systemctl enable {unit}` on {where}."
    ),
    "unit-stale": FindingType(
        *(WARNING, "unit", "a unit runs with older files than those on the host"),
        f"Run `{RUN}/cluster.py`, which makes it load them.",
    ),
    "file-differs": FindingType(
        *(WARNING, "file", "a configuration file differs from the declared one"),
        f"Run `{RUN}/cluster.py`, which writes it; `--dry` first prints what else it would do.",
    ),
    "mount-missing": FindingType(
        *(
            ALARM,
            "mount",
            "a file system with data is not mounted; services that would start empty without it are kept down",
        ),
        "Mount it on {where} (`findmnt --fstab`, `mount PLACE`): what waits for it starts by itself. To start "
        "with an empty directory in its present place: `rm {path}` there.",
    ),
    "disk-full": FindingType(
        *(ALARM, "disk", "a file system with data is at least 95 % full"),
        "Free space now: `du -xhd2 {path} | sort -h | tail` on {where}; never delete anything in pg_wal by hand.",
    ),
    "disk-nearly-full": FindingType(
        *(WARNING, "disk", "a file system with data is at least 85 % full"),
        "Free space: `du -xhd2 {path} | sort -h | tail` on {where}; slots that keep WAL are listed here too.",
    ),
    "versions-differ": FindingType(
        *(WARNING, "packages", "hosts run different versions, or different releases of their system"),
        "Finish the upgrade: set packages_versions to one of them, and upgrade the other hosts one at a time.",
    ),
    "no-leader": FindingType(
        *(ALARM, "Patroni", "there is no leader, so no member accepts writes"),
        f"See `{PATRONICTL} list` and `journalctl -u patroni -n 50` on the members.",
    ),
    "two-primaries": FindingType(
        *(ALARM, "PostgreSQL", "more than one member is not in recovery: both may accept writes"),
        "Keep clients away from all but {leader}, compare the data by hand, and stop the others only then.",
    ),
    "patroni-silent": FindingType(
        *(ALARM, "Patroni", "Patroni does not answer on a reachable host"),
        "See `journalctl -u patroni -n 50` on {where}, fix that, then `systemctl start patroni` there.",
    ),
    "member-missing": FindingType(
        *(ALARM, "Patroni", "a member of the inventory is not in Patroni's list"),
        "See `journalctl -u patroni -n 50` on {where}; a new host becomes a member with `deploys/cluster.py`.",
    ),
    "member-undeclared": FindingType(
        *(WARNING, "Patroni", "a member of the cluster is not in the inventory"),
        f"Put it back in the inventory; or `{RUN}/remove_node.py --data node={{name}}` removes it for good.",
    ),
    "member-down": FindingType(
        *(ALARM, "PostgreSQL", "a member's PostgreSQL is not running"),
        "{more}See the newest file in /var/log/postgresql and `journalctl -u patroni -n 50` on {where}.",
    ),
    "postgres-silent": FindingType(
        *(ALARM, "PostgreSQL", "a running PostgreSQL accepts no connection, not even from a superuser on its own host"),
        "See the newest file in /var/log/postgresql on {where}; Patroni cannot manage it either.",
    ),
    "not-streaming": FindingType(
        *(ALARM, "PostgreSQL", "a standby does not stream"),
        f"See `journalctl -u patroni -n 50` on {{where}}; if it does not catch up, "
        f"`{RUN}/reinit_node.py --data node={{where}}` makes a new copy.",
    ),
    "other-timeline": FindingType(
        *(ALARM, "PostgreSQL", "a standby is on another timeline than the leader"),
        f"If it does not follow by itself, `{RUN}/reinit_node.py --data node={{where}}` makes a new copy.",
    ),
    "lag": FindingType(
        *(WARNING, "PostgreSQL", "a standby lags by more than `patroni_maximum_lag_mib`; it would not be promoted"),
        "Look for long queries, a slow disk or a slow network on {where}: `select * from pg_stat_wal_receiver`.",
    ),
    "replay-paused": FindingType(
        *(WARNING, "PostgreSQL", "WAL replay was paused on a standby"),
        "`select pg_wal_replay_resume()` on {where}; Patroni does it itself while the cluster is not paused.",
    ),
    "other-data": FindingType(
        *(ALARM, "PostgreSQL", "a member's data has another system identifier than the leader's"),
        f"It belongs to another cluster. If it is not needed, `{RUN}/reinit_node.py --data node={{where}}`.",
    ),
    "paused": FindingType(
        *(WARNING, "Patroni", "the cluster is paused: there is no failover if the leader dies"),
        f"Run `{RUN}/resume.py` when the maintenance is over.",
    ),
    "switchover-scheduled": FindingType(
        *(WARNING, "Patroni", "a switchover is scheduled"),
        f"If it is no longer wanted: `{PATRONICTL} flush {{where}} switchover`.",
    ),
    "restart-scheduled": FindingType(
        *(WARNING, "Patroni", "a restart of a member is scheduled"),
        f"If it is no longer wanted: `{PATRONICTL} flush {{cluster}} restart {{where}}`.",
    ),
    "restart-pending": FindingType(
        *(WARNING, "PostgreSQL", "settings need a restart"), f"Run `{RUN}/restart_pending.py` when it suits you."
    ),
    "configuration-differs": FindingType(
        *(WARNING, "Patroni", "the dynamic configuration differs from the declared one"),
        f"Run `{RUN}/cluster.py`, which sends the difference; or declare what was set by hand.",
    ),
    "parameter-undeclared": FindingType(
        *(REMARK, "Patroni", "undeclared parameters; they are left alone"),
        "Declare them in postgres_parameters, or remove them there with None.",
    ),
    "altered": FindingType(
        *(WARNING, "PostgreSQL", "ALTER SYSTEM has set a parameter, which overrides the configuration of the cluster"),
        "`alter system reset {name}` and `select pg_reload_conf()` on {where}; declare it if it is wanted.",
    ),
    "file-unread": FindingType(
        *(ALARM, "PostgreSQL", "PostgreSQL would not accept a line of its files: it keeps the former configuration"),
        f"Before anything restarts there: `{RUN}/configure.py` where it is declared, else fix the file on {{where}}.",
    ),
    "parameter-overridden": FindingType(
        *(ALARM, "PostgreSQL", "a parameter of this tool, or a dangerous one, has an undeclared value"),
        "On {where} remove {name} from {source} (`alter system reset {name}` for postgresql.auto.conf), then "
        f"`select pg_reload_conf()`; `{RUN}/configure.py` fixes Patroni's configuration.",
    ),
    "danger-accepted": FindingType(
        *(REMARK, "PostgreSQL", "a dangerous value, which is declared and accepted in `postgres_accepted_dangers`"),
        "Remove `{name}` from postgres_parameters when it is no longer needed.",
    ),
    "slot-lost": FindingType(
        *(ALARM, "slot", "a slot has lost WAL that its consumer needs"),
        "Its consumer must start over; `select pg_drop_replication_slot('{slot}')` on {where}, if Patroni does not.",
    ),
    "slot-inactive": FindingType(
        *(WARNING, "slot", "a slot is inactive, and keeps WAL"),
        "Bring its consumer back, or `select pg_drop_replication_slot('{slot}')` on {where}.",
    ),
    "slot-undeclared": FindingType(
        *(WARNING, "slot", "an undeclared slot: Patroni drops it when it next checks all slots"),
        "Name it in patroni_ignore_slots and run deploys/configure.py, and Patroni leaves it alone; or declare it in "
        "Patroni's permanent `slots`. If it is not needed: `select pg_drop_replication_slot('{slot}')` on {where}.",
    ),
    "slot-keeps-much": FindingType(
        *(WARNING, "slot", "a slot keeps WAL of more than a tenth of the disk"),
        "Fix or speed up its consumer; beyond max_slot_wal_keep_size PostgreSQL invalidates the slot.",
    ),
    "transaction-old": FindingType(
        *(WARNING, "PostgreSQL", "a transaction has been open for more than an hour; vacuum waits for it"),
        "Ask its owner, or `select pg_terminate_backend({pid})` on {where}.",
    ),
    "prepared-old": FindingType(
        *(WARNING, "PostgreSQL", "a prepared transaction is older than an hour; it keeps its locks across restarts"),
        "See pg_prepared_xacts on {where}, then `commit prepared` or `rollback prepared`.",
    ),
    "archiver-failing": FindingType(
        *(ALARM, "PostgreSQL", "WAL is not archived: recent changes cannot be restored, and pg_wal grows"),
        "See archive_command's errors in /var/log/postgresql on {where}.",
    ),
    "connections": FindingType(
        *(WARNING, "PostgreSQL", "more than 90 % of `max_connections` are in use"),
        "Look for idle ones in pg_stat_activity on {where}; pool them, or raise max_connections.",
    ),
    "certificate-absent": FindingType(
        *(ALARM, "certificate", "a certificate is missing"), f"Run `{RUN}/cluster.py`, which issues it."
    ),
    "certificate-expired": FindingType(
        *(ALARM, "certificate", "a certificate has expired, or is not valid yet"), _RENEW
    ),
    "certificate-old": FindingType(
        *(WARNING, "certificate", "a certificate is in the last third of its lifetime"), _RENEW
    ),
    "certificate-misfit": FindingType(
        *(ALARM, "certificate", "a certificate does not match its private key, or others can read that key"),
        f"Run `{RUN}/cluster.py`, which reissues both.",
    ),
    "etcd-ca-shared": FindingType(
        *(WARNING, "certificate", "etcd accepts every certificate of the cluster's CA, which amounts to root access"),
        f"Run `{RUN}/cluster.py`, which gives etcd its own CA while the cluster runs; see docs/certificates.md.",
    ),
    "certificate-other-ca": FindingType(
        *(ALARM, "certificate", "a host trusts another CA, or has a certificate of another one"),
        "Run from the machine that built the cluster, or copy its .secrets directory; see docs/certificates.md.",
    ),
    "authority-old": FindingType(
        *(WARNING, "certificate", "the CA's own certificate expires within three months"),
        "Plan its replacement: a running cluster keeps its CA, see docs/certificates.md.",
    ),
}

# Those of a component are in the file of its name.
FINDING_TYPES: Mapping[str, FindingType] = {
    **_OTHERS,
    **{name: one for types in contributions(cluster.finding_types, "TYPES") for name, one in types.items()},
}
