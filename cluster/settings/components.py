"""The settings themselves, one class a component: name, type, default, range, unit and reason."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from pydantic import field_validator, model_validator

from cluster.settings.base import Strict, port, refuse, setting
from cluster.settings.slot_matchers import matcher_problem
from cluster.settings.text_rules import host_address_problem
from cluster.tags import tag_problems


class ClusterSettings(Strict):
    """Which hosts belong together, and by which address they know each other."""

    cluster_name: str = setting(
        "main",
        "the name of the cluster: Patroni's scope, the directory of its secrets; hosts with one name form one cluster",
        per_host=True,
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
    )
    cluster_address: str | None = setting(
        None, "the address, v4 or v6, by which the other hosts of the cluster reach this host", per_host=True
    )
    cluster_network: str | None = setting(
        None, "a network such as 10.0.0.0/24: a host without cluster_address takes its one address in it"
    )
    cluster_extra_names: list[str] = setting(
        [], "further DNS names and addresses that clients use (a VIP, an alias), for the certificates"
    )
    cluster_published_ports: dict[int, int] = setting(
        {}, "port: port on the control machine's loopback, for hosts behind NAT such as containers", per_host=True
    )

    @field_validator("cluster_address")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_address(value)
            refuse(host_address_problem(value))
        return value

    @field_validator("cluster_network")
    @classmethod
    def _network(cls, value: str | None) -> str | None:
        if value is not None:
            ipaddress.ip_network(value)
        return value


class PreflightSettings(Strict):
    """How much is enough before anything is touched."""

    preflight_free_gib: float = setting(2, "GiB that must be free where PostgreSQL and etcd store their data", ge=0.1)
    preflight_clock_skew_seconds: float = setting(
        2, "seconds that two hosts' clocks may differ: certificates, logs and scheduled switchovers depend on it", gt=0
    )

    @field_validator("preflight_free_gib", "preflight_clock_skew_seconds", mode="before")
    @classmethod
    def _whole_numbers_too(cls, value: Any) -> Any:
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


class CertificatesSettings(Strict):
    """Who vouches for the hosts."""

    certificates_ca_certificate: str | None = setting(
        None, "your own CA's certificate (with its chain) on the control machine; absent: a CA is made for the cluster"
    )
    certificates_ca_key: str | None = setting(None, "your own CA's private key on the control machine")
    certificates_directory: str | None = setting(
        None, "directory on the control machine with certificates of your own: <host>/<component>.crt and .key, ca.crt"
    )
    certificates_days: int = setting(
        365, "days that a host's certificate is valid; renewed in its last third", ge=7, le=825
    )

    @model_validator(mode="after")
    def _authority_is_whole(self) -> CertificatesSettings:
        if (self.certificates_ca_certificate is None) != (self.certificates_ca_key is None):
            raise ValueError("certificates_ca_certificate and certificates_ca_key are given together or not at all")
        return self


class EtcdSettings(Strict):
    """The store that decides who leads."""

    etcd_client_port: int = port(2379, "etcd listens here for Patroni")
    etcd_peer_port: int = port(2380, "etcd's members talk to each other here")
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


class PatroniSettings(Strict):
    """Who leads, and how fast that is decided. https://patroni.readthedocs.io/en/latest/dynamic_configuration.html"""

    patroni_rest_port: int = port(8008, "Patroni's REST API, for HAProxy's checks and for this tool")
    patroni_ttl: int = setting(
        30, "seconds that the leader's lock lives without renewal: a dead primary is noticed after at most this", ge=20
    )
    patroni_loop_wait: int = setting(10, "seconds between two looks of Patroni at its cluster", ge=1)
    patroni_retry_timeout: int = setting(
        10, "seconds that Patroni retries etcd and PostgreSQL before it gives up", ge=3
    )
    patroni_maximum_lag_mib: int = setting(1, "MiB of WAL that a standby may lag and still be promoted", ge=0)
    patroni_primary_start_seconds: int = setting(
        60, "seconds that a crashed primary has to come back before a standby takes over", ge=0
    )
    patroni_restart_seconds: int = setting(
        300, "seconds that a member may take in an ordered restart to be back and stream again", ge=10
    )
    patroni_failsafe: bool | None = setting(
        None, "keep the primary while etcd is down and all members answer it; absent: on where Patroni does it soundly"
    )
    patroni_watchdog: Literal["off", "automatic", "required"] = setting(
        "automatic", "let the kernel's watchdog reset a host whose Patroni hangs while it leads"
    )
    patroni_standby_of: str | None = setting(
        None,
        "name of the cluster of this inventory of which this one is a standby: read-only, fed by it, promotable",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
    )
    patroni_standby_streams: bool = setting(
        True,
        "a standby cluster streams from its source's members; False: it only reads the archive in their repository",
    )
    patroni_namespace: str = setting("/service/", "prefix of Patroni's keys in etcd", pattern=r"^/([A-Za-z0-9_-]+/)+$")
    patroni_synchronous_mode: Literal["off", "on", "quorum"] = setting(
        "off", "on: a commit waits for named standbys, and only they take over; quorum: for any of them (Patroni 4)"
    )
    patroni_synchronous_mode_strict: bool = setting(
        False, "without a synchronous standby writes wait for one, instead of going on with the primary alone"
    )
    patroni_synchronous_node_count: int = setting(1, "standbys that a commit waits for", ge=1, le=16)
    patroni_ignore_slots: list[dict[str, str]] | None = setting(
        None,
        "replication slots that Patroni leaves alone: [{'name': 'cdc'}], each by any of name, type, database, plugin; "
        "[]: none; absent: what is set by hand stays",
    )
    patroni_tags: dict[str, bool | int | str] = setting(
        {}, "tags of a member, e.g. {'nofailover': True}; docs/replication.md says what each does", per_host=True
    )

    @field_validator("patroni_ignore_slots")
    @classmethod
    def _slots_are_matched(cls, matchers: list[dict[str, str]] | None) -> list[dict[str, str]] | None:
        if problem := next(filter(None, map(matcher_problem, matchers or ())), None):
            raise ValueError(problem)
        return matchers

    @field_validator("patroni_tags")
    @classmethod
    def _tags_are_known(cls, tags: dict[str, Any]) -> dict[str, Any]:
        if problem := next(tag_problems(tags), None):
            raise ValueError(problem)
        return tags

    @model_validator(mode="after")
    def _synchronous_settings_have_a_mode(self) -> PatroniSettings:
        if self.patroni_synchronous_mode == "off" and self.patroni_synchronous_mode_strict:
            raise ValueError("patroni_synchronous_mode_strict True has no effect with patroni_synchronous_mode 'off'")
        if self.patroni_synchronous_mode == "off" and self.patroni_synchronous_node_count > 1:
            raise ValueError(
                f"patroni_synchronous_node_count {self.patroni_synchronous_node_count} has no effect with "
                "patroni_synchronous_mode 'off'"
            )
        return self

    @model_validator(mode="after")
    def _lock_outlives_two_retries(self) -> PatroniSettings:
        floor = self.patroni_loop_wait + 2 * self.patroni_retry_timeout
        if floor > self.patroni_ttl:  # Patroni would silently lower loop_wait and retry_timeout
            raise ValueError(
                f"patroni_ttl {self.patroni_ttl} is below patroni_loop_wait + 2 * patroni_retry_timeout = {floor}: "
                "a healthy leader that retries twice would lose its lock"
            )
        return self


class HaproxySettings(Strict):
    """The ports that clients connect to."""

    haproxy_listen: list[str] = setting(
        [],
        "addresses on which HAProxy takes clients, besides loopback; empty: cluster_address and the addresses in "
        "cluster_extra_names; ['*']: all that the host has",
        per_host=True,
    )
    haproxy_primary_port: int = port(5000, "the primary, for reading and writing")
    haproxy_replicas_port: int = port(5001, "the replicas, for reading")
    haproxy_synchronous_port: int = port(5002, "the synchronous replicas; closed while patroni_synchronous_mode is off")
    haproxy_asynchronous_port: int = port(5003, "the others; closed while patroni_synchronous_mode is off")
    haproxy_any_port: int = port(5004, "any healthy member")
    haproxy_stats_port: int = port(7000, "the statistics page, over TLS and with a login")
    haproxy_stats_user: str = setting("admin", "login of the statistics page", pattern=r"^[A-Za-z0-9_.-]{1,63}$")
    haproxy_max_connections: int = setting(2000, "client connections that one HAProxy accepts", ge=10)
    haproxy_replicas_fallback: Literal["primary", "none"] = setting(
        "primary", "where the replicas' port leads when no replica is fit: to the primary, or nowhere"
    )

    @field_validator("haproxy_listen")
    @classmethod
    def _listens_on_addresses(cls, listed: list[str]) -> list[str]:
        for text in listed if listed != ["*"] else ():
            ipaddress.ip_address(text)
        return listed
