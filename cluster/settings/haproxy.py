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
        "addresses on which HAProxy accepts clients, besides loopback; empty: cluster_address and the addresses in "
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
    haproxy_max_connections: int = setting(2000, "client connections that one HAProxy accepts", ge=10)
    haproxy_replicas_fallback: Literal["primary", "none"] = setting(
        "primary", "where the replicas' port leads if no replica is available: to the primary, or nowhere"
    )

    @field_validator("haproxy_listen")
    @classmethod
    def _listens_on_addresses(cls, listed: list[str]) -> list[str]:
        for text in listed if listed != ["*"] else ():
            ipaddress.ip_address(text)
        return listed
