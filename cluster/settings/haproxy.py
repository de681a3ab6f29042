"""The settings of HAProxy: its ports, and where it listens."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import field_validator

from cluster.settings.base import Strict, port, setting


class HaproxySettings(Strict):
    """The ports that clients connect to."""

    haproxy_listen: list[str] = setting(
        [],
        "addresses on which HAProxy accepts clients, besides loopback; empty: client_address and the addresses in "
        "cluster_extra_names; ['*']: all addresses of the host",
        per_host=True,
    )
    haproxy_primary_port: int = port(5000, "the primary, for reading and writing")
    haproxy_replicas_port: int = port(5001, "the replicas, for reading")
    haproxy_synchronous_port: int = port(5002, "the synchronous replicas; closed while patroni_synchronous_mode is off")
    haproxy_asynchronous_port: int = port(5003, "the others; closed while patroni_synchronous_mode is off")
    haproxy_any_port: int = port(5004, "any healthy member")
    haproxy_stats_port: int = port(7000, "the statistics page, over TLS and with a login")
    haproxy_stats_user: str = setting("admin", "login of the statistics page", pattern=r"^[A-Za-z0-9_.-]{1,63}$")
    haproxy_max_connections: int | None = setting(
        None,
        "clients that a port of one HAProxy accepts, with those that wait for a member; absent: twice what all members "
        "take",
        ge=10,
    )
    haproxy_queue_seconds: int = setting(
        30, "seconds that a client waits for a connection to a member before HAProxy ends it", ge=1
    )
    haproxy_member_share: Literal["whole", "divided"] = setting(
        "whole",
        "what one port of one HAProxy may take of a member's max_connections: whole, all that clients can have; "
        "divided, an equal share, so that all ports of all HAProxy hosts together never exceed it",
    )
    haproxy_unanswered_seconds: int = setting(
        120,
        "seconds after which HAProxy ends a connection whose peer acknowledges nothing, or reads nothing; 0: 15 "
        "minutes, or never",
        ge=0,
        le=86400,
    )
    haproxy_replicas_fallback: Literal["primary", "none"] = setting(
        "primary", "where the replicas' port leads if no replica is available: to the primary, or nowhere"
    )

    haproxy_replica_max_lag_mib: int | None = setting(
        None,
        "MiB of WAL that a replica may have yet to replay and still get readers; absent or 0: no limit",
        ge=0,
    )
    haproxy_zone: str | None = setting(
        None,
        "where a host is, e.g. a data center: HAProxy sends readers to the members of its own zone, and to the others "
        "while none of those is fit; absent: to all alike",
        per_host=True,
        pattern=r"^[A-Za-z0-9_.-]{1,63}$",
    )
    haproxy_weight: int = setting(
        100,
        "a member's share of readers, compared with the other members'; 0: none, sessions that it has go on",
        per_host=True,
        ge=0,
        le=256,
    )

    @field_validator("haproxy_listen")
    @classmethod
    def _listens_on_addresses(cls, listed: list[str]) -> list[str]:
        for text in listed if listed != ["*"] else ():
            ipaddress.ip_address(text)
        return listed
