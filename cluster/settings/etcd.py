"""The settings of etcd."""

from __future__ import annotations

from pydantic import model_validator

from cluster.settings.base import Strict, port, setting


class EtcdSettings(Strict):
    """The store for Patroni's leader lock and shared configuration."""

    etcd_client_port: int = port(2379, "etcd listens here for Patroni")
    etcd_peer_port: int = port(2380, "etcd's members connect to each other here")
    etcd_quota_mib: int = setting(2048, "MiB that etcd's database may grow to before it refuses writes", ge=64, le=8192)
    etcd_compaction_hours: int = setting(1, "hours of history that etcd keeps", ge=1, le=720)
    etcd_heartbeat_ms: int = setting(
        100, "milliseconds between heartbeats: about the round trip between members", ge=10
    )
    etcd_election_ms: int = setting(
        1000, "milliseconds without a heartbeat before an election; ten heartbeats", le=50000
    )
    etcd_snapshot_interval_minutes: int = setting(
        30, "minutes between two snapshots of etcd, on each of its hosts", ge=5, le=1440
    )
    etcd_snapshots_kept: int = setting(
        48, "snapshots of etcd that each of these hosts keeps, and the repository host of its copies", ge=2, le=1000
    )

    @model_validator(mode="after")
    def _election_outlives_heartbeats(self) -> EtcdSettings:
        floor = 5 * self.etcd_heartbeat_ms
        if self.etcd_election_ms < floor:  # https://etcd.io/docs/v3.5/tuning/
            raise ValueError(f"etcd_election_ms {self.etcd_election_ms} is below 5 * etcd_heartbeat_ms = {floor}")
        return self
