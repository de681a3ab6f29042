"""The types of findings about HAProxy: it is down, leads to the wrong primary, or keeps a replica from readers."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.finding_types.finding_type import ALARM, WARNING, FindingType

TYPES: Mapping[str, FindingType] = {
    "haproxy-down": FindingType(
        *(ALARM, "HAProxy", "HAProxy is down on a host"),
        "See `journalctl -u haproxy -n 50` on {where}, fix that, then `systemctl start haproxy` there.",
    ),
    "haproxy-no-primary": FindingType(
        *(ALARM, "HAProxy", "HAProxy has no primary for its clients"),
        "HAProxy asks Patroni on port {port} of each member: compare `curl -k https://MEMBER:{port}/primary`.",
    ),
    "haproxy-two-primaries": FindingType(
        *(ALARM, "HAProxy", "HAProxy sees more than one primary, and accepts no clients meanwhile"),
        "It ends within seconds after a failover; otherwise check Patroni on the members that are named.",
    ),
    "haproxy-other-primary": FindingType(
        *(ALARM, "HAProxy", "HAProxy sends its clients to a member that is not the leader"),
        "It ends within seconds after a failover; otherwise check Patroni on the members that are named.",
    ),
    "haproxy-replica-lags": FindingType(
        *(WARNING, "HAProxy", "a replica gets no readers: it lags by more than `haproxy_replica_max_lag_mib`"),
        "It gets readers again by itself. Look for long queries, a slow disk or a slow network on {where}: "
        "`select * from pg_stat_wal_receiver`.",
    ),
}
