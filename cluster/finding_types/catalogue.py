"""The types of findings: how severe, what it means and how to fix it. docs/runs/check.md lists them."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.chrony import CHRONY_KINDS
from cluster.finding_types.etcd import ETCD_KINDS
from cluster.finding_types.finding_type import ALARM, REMARK, RUN, SEVERITIES, WARNING, Kind
from cluster.finding_types.pgbackrest import PGBACKREST_KINDS
from cluster.finding_types.postgres import POSTGRES_KINDS
from cluster.finding_types.replication import REPLICATION_KINDS

__all__ = ["ALARM", "KINDS", "REMARK", "SEVERITIES", "WARNING", "Kind"]

_CTL = "patronictl -c /etc/patroni/config.yml"
_RENEW = f"Run `{RUN}/cluster.py`, which renews it; your own ones you renew first, see docs/certificates.md."

KINDS: Mapping[str, Kind] = {
    "host-silent": Kind(
        *(ALARM, "host", "cannot be reached by ssh, or answers nothing in time"),
        "Start it, or mend the way to it until `ssh {where} true` works; a member comes back by itself then.",
    ),
    "answer-missing": Kind(
        *(WARNING, "host", "was reached, but one question got no answer"),
        "Look at {where} itself: `systemctl --failed`, `df -h`, `journalctl -p err -n 50`.",
    ),
    "host-removed": Kind(
        *(WARNING, "host", "a host was taken out of the cluster, and the inventory still declares it"),
        f"Take {{where}} out of the inventory; `{RUN}/add_node.py` brings it back instead.",
    ),
    "removal-unfinished": Kind(
        *(WARNING, "host", "the removal of a host was begun, and is not finished or came to nothing"),
        f"Run `{RUN}/remove_node.py --data node={{where}}` again; `{RUN}/add_node.py` keeps the host instead.",
    ),
    "unit-down": Kind(
        *(ALARM, "unit", "a systemd unit of the cluster is not active"),
        "{more}See `journalctl -u {unit} -n 50` on {where}, mend that, then `systemctl start {unit}` there.",
    ),
    "standby-role": Kind(
        *(WARNING, "standby cluster", "it is declared as a standby and takes writes, or is one and not declared"),
        f"Correct patroni_standby_of in the inventory; a standby that shall take writes: `{RUN}/promote.py`.",
    ),
    "standby-not-streaming": Kind(
        *(WARNING, "standby cluster", "it lives on its source's archive, if on that: the source or the way is down"),
        "See deploys/status.py of the source, and `journalctl -u patroni -n 50` and PostgreSQL's log on {where}.",
    ),
    "unit-disabled": Kind(
        *(WARNING, "unit", "a unit would not come back after a reboot"), "`systemctl enable {unit}` on {where}."
    ),
    "unit-stale": Kind(
        *(WARNING, "unit", "a unit runs with older files than those that lie there"),
        f"Run `{RUN}/cluster.py`, which lets it load them.",
    ),
    "file-differs": Kind(
        *(WARNING, "file", "a configuration file is not the declared one"),
        f"Run `{RUN}/cluster.py`, which writes it; `--dry` first tells what else it would do.",
    ),
    "mount-missing": Kind(
        *(ALARM, "mount", "a file system with data is not mounted; what would begin anew without it is kept down"),
        "Mount it on {where} (`findmnt --fstab`, `mount PLACE`): what waits for it starts by itself. If the data shall "
        "begin anew where their directory lies now: `rm {path}` there.",
    ),
    "disk-full": Kind(
        *(ALARM, "disk", "a file system with data is filled to 95 % or more"),
        "Make room now: `du -xhd2 {path} | sort -h | tail` on {where}; never delete anything in pg_wal by hand.",
    ),
    "disk-nearly-full": Kind(
        *(WARNING, "disk", "a file system with data is filled to 85 % or more"),
        "Make room: `du -xhd2 {path} | sort -h | tail` on {where}; slots that keep WAL are named here too.",
    ),
    "versions-differ": Kind(
        *(WARNING, "packages", "hosts run different versions, or different releases of their system"),
        "Finish the upgrade: set packages_versions to one of them, and upgrade the other hosts one at a time.",
    ),
    **ETCD_KINDS,
    "no-leader": Kind(
        *(ALARM, "Patroni", "no member leads, so nobody takes writes"),
        f"See `{_CTL} list` and `journalctl -u patroni -n 50` on the members.",
    ),
    "two-primaries": Kind(
        *(ALARM, "PostgreSQL", "more than one member is not in recovery: both may take writes"),
        "Keep clients away from all but {leader}, compare the data by hand, and stop the others only then.",
    ),
    "patroni-silent": Kind(
        *(ALARM, "Patroni", "Patroni does not answer on a host that was reached"),
        "See `journalctl -u patroni -n 50` on {where}, mend that, then `systemctl start patroni` there.",
    ),
    "member-missing": Kind(
        *(ALARM, "Patroni", "a member of the inventory is not in Patroni's list"),
        "See `journalctl -u patroni -n 50` on {where}; a host that is new gets its member by `deploys/cluster.py`.",
    ),
    "member-stranger": Kind(
        *(WARNING, "Patroni", "a member of the cluster is not in the inventory"),
        f"Put it back in the inventory; `{RUN}/remove_node.py --data node={{name}}` takes it out for good.",
    ),
    "member-down": Kind(
        *(ALARM, "PostgreSQL", "a member's PostgreSQL is not running"),
        "{more}See the newest file in /var/log/postgresql and `journalctl -u patroni -n 50` on {where}.",
    ),
    "postgres-silent": Kind(
        *(ALARM, "PostgreSQL", "a PostgreSQL that runs takes no connection, not even a superuser's on its own host"),
        "See the newest file in /var/log/postgresql on {where}; Patroni cannot look after it either.",
    ),
    "not-streaming": Kind(
        *(ALARM, "PostgreSQL", "a standby does not stream"),
        f"See `journalctl -u patroni -n 50` on {{where}}; when it does not catch up, "
        f"`{RUN}/reinit_node.py --data node={{where}}` makes a new copy.",
    ),
    "other-timeline": Kind(
        *(ALARM, "PostgreSQL", "a standby is on another timeline than the leader"),
        f"When it does not follow by itself, `{RUN}/reinit_node.py --data node={{where}}` makes a new copy.",
    ),
    "lag": Kind(
        *(WARNING, "PostgreSQL", "a standby lags by more than `patroni_maximum_lag_mib`; it would not be promoted"),
        "Look for long queries, a slow disk or a slow network on {where}: `select * from pg_stat_wal_receiver`.",
    ),
    "replay-paused": Kind(
        *(WARNING, "PostgreSQL", "somebody has paused the replay of WAL on a standby"),
        "`select pg_wal_replay_resume()` on {where}; Patroni does it itself while the cluster is not paused.",
    ),
    "other-data": Kind(
        *(ALARM, "PostgreSQL", "a member's data has another system identifier than the leader's"),
        f"It is another cluster's. If nobody needs it, `{RUN}/reinit_node.py --data node={{where}}`.",
    ),
    "paused": Kind(
        *(WARNING, "Patroni", "the cluster is paused: nobody takes over when the leader dies"),
        f"Run `{RUN}/resume.py` when the maintenance is over.",
    ),
    "switchover-scheduled": Kind(
        *(WARNING, "Patroni", "a switchover is scheduled"),
        f"If nobody wants it any more: `{_CTL} flush {{where}} switchover`.",
    ),
    "restart-scheduled": Kind(
        *(WARNING, "Patroni", "a restart of a member is scheduled"),
        f"If nobody wants it any more: `{_CTL} flush {{cluster}} restart {{where}}`.",
    ),
    "restart-pending": Kind(
        *(WARNING, "PostgreSQL", "settings wait for a restart"), f"Run `{RUN}/restart_pending.py` when it suits you."
    ),
    "configuration-differs": Kind(
        *(WARNING, "Patroni", "the dynamic configuration is not the declared one"),
        f"Run `{RUN}/cluster.py`, which sends the difference; or declare what was set by hand.",
    ),
    "parameter-undeclared": Kind(
        *(REMARK, "Patroni", "parameters that nobody declares; they are left alone"),
        "Declare them in postgres_parameters, or take them away there with None.",
    ),
    "altered": Kind(
        *(WARNING, "PostgreSQL", "ALTER SYSTEM has set a parameter, which wins over the configuration of the cluster"),
        "`alter system reset {name}` and `select pg_reload_conf()` on {where}; declare it if it is wanted.",
    ),
    "file-unread": Kind(
        *(ALARM, "PostgreSQL", "PostgreSQL would not take a line of its files: it runs on with what it had"),
        f"Before anything restarts there: `{RUN}/configure.py` where it is declared, else mend the file on {{where}}.",
    ),
    "parameter-overridden": Kind(
        *(
            ALARM,
            "PostgreSQL",
            "a parameter that belongs to this tool, or is dangerous, has a value that nobody declares",
        ),
        "On {where} take {name} out of {source}, with `alter system reset {name}` out of postgresql.auto.conf, then "
        f"`select pg_reload_conf()`; what is in Patroni's configuration `{RUN}/configure.py` mends.",
    ),
    "danger-accepted": Kind(
        *(REMARK, "PostgreSQL", "a dangerous value, which is declared and accepted in `postgres_accepted_dangers`"),
        "Take `{name}` out of postgres_parameters when it is not needed any more.",
    ),
    "slot-lost": Kind(
        *(ALARM, "slot", "a slot has lost WAL that its consumer needs"),
        "Its consumer begins anew; then `select pg_drop_replication_slot('{slot}')` on {where}, if Patroni does not.",
    ),
    "slot-inactive": Kind(
        *(WARNING, "slot", "nobody reads from a slot, and it keeps WAL"),
        "Bring its consumer back, or `select pg_drop_replication_slot('{slot}')` on {where}.",
    ),
    "slot-stranger": Kind(
        *(WARNING, "slot", "a slot that nobody declares: Patroni drops it when it next looks at all of them"),
        "Name it in patroni_ignore_slots and run deploys/configure.py, and Patroni leaves it alone; or as one of "
        "Patroni's permanent `slots`. If it is nobody's: `select pg_drop_replication_slot('{slot}')` on {where}.",
    ),
    "slot-keeps-much": Kind(
        *(WARNING, "slot", "a slot keeps more WAL than a tenth of the disk"),
        "Mend or speed up its consumer; max_slot_wal_keep_size is where PostgreSQL gives it up.",
    ),
    "transaction-old": Kind(
        *(WARNING, "PostgreSQL", "a transaction has been open for more than an hour; vacuum waits for it"),
        "Ask its owner, or `select pg_terminate_backend({pid})` on {where}.",
    ),
    "prepared-old": Kind(
        *(WARNING, "PostgreSQL", "a prepared transaction is older than an hour; it keeps its locks over restarts"),
        "See pg_prepared_xacts on {where}, then `commit prepared` or `rollback prepared`.",
    ),
    "archiver-failing": Kind(
        *(ALARM, "PostgreSQL", "WAL is not archived: no restore to now, and pg_wal grows"),
        "See archive_command's words in /var/log/postgresql on {where}.",
    ),
    "connections": Kind(
        *(WARNING, "PostgreSQL", "more than 90 % of `max_connections` are taken"),
        "Look for idle ones in pg_stat_activity on {where}; pool them, or raise max_connections.",
    ),
    "haproxy-down": Kind(
        *(ALARM, "HAProxy", "HAProxy is down on a host"),
        "See `journalctl -u haproxy -n 50` on {where}, mend that, then `systemctl start haproxy` there.",
    ),
    "haproxy-no-primary": Kind(
        *(ALARM, "HAProxy", "HAProxy leads its clients to no primary"),
        "HAProxy asks Patroni on port {port} of each member: compare `curl -k https://MEMBER:{port}/primary`.",
    ),
    "haproxy-two-primaries": Kind(
        *(ALARM, "HAProxy", "HAProxy takes more than one member for the primary, and lets no client in meanwhile"),
        "It ends within seconds after a failover; otherwise look at Patroni on the members that are named.",
    ),
    "haproxy-other-primary": Kind(
        *(ALARM, "HAProxy", "HAProxy leads its clients to another member than the one that leads"),
        "It ends within seconds after a failover; otherwise look at Patroni on the members that are named.",
    ),
    "certificate-absent": Kind(
        *(ALARM, "certificate", "a certificate is not there"), f"Run `{RUN}/cluster.py`, which issues it."
    ),
    "certificate-expired": Kind(*(ALARM, "certificate", "a certificate is expired, or not valid yet"), _RENEW),
    "certificate-old": Kind(*(WARNING, "certificate", "a certificate is in the last third of its life"), _RENEW),
    "certificate-misfit": Kind(
        *(ALARM, "certificate", "a certificate does not fit its private key, or others may read that key"),
        f"Run `{RUN}/cluster.py`, which issues both anew.",
    ),
    "etcd-ca-shared": Kind(
        *(
            WARNING,
            "certificate",
            "etcd lets in every certificate of the cluster's CA, and whoever has one is root there",
        ),
        f"Run `{RUN}/cluster.py`, which gives etcd a CA of its own while the cluster runs; see docs/certificates.md.",
    ),
    "certificate-other-ca": Kind(
        *(ALARM, "certificate", "a host trusts another CA, or has a certificate of another one"),
        "Run from the machine that built the cluster, or copy its .secrets directory; see docs/certificates.md.",
    ),
    "authority-old": Kind(
        *(WARNING, "certificate", "the CA's own certificate ends within a quarter of a year"),
        "Plan its replacement: a living cluster keeps its CA, see docs/certificates.md.",
    ),
    **CHRONY_KINDS,
    **POSTGRES_KINDS,
    **REPLICATION_KINDS,
    **PGBACKREST_KINDS,
}
