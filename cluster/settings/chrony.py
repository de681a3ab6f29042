"""The settings of chrony, which keeps the clock of hosts that have no other clock service."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from cluster.settings.base import Strict, refuse, setting
from cluster.settings.text_rules import endpoint_problem, listed_problem


class ChronySettings(Strict):
    """Who keeps the clocks of the hosts."""

    chrony_mode: Literal["where_needed", "never"] = setting(
        "where_needed",
        "where_needed: chrony is installed on hosts that may set their clock and have no clock service; never: nowhere",
    )
    chrony_servers: list[str] = setting(
        [], "time servers, names or addresses, besides those that chrony's package names itself"
    )

    @field_validator("chrony_servers")
    @classmethod
    def _servers_are_hosts(cls, servers: list[str]) -> list[str]:
        refuse(listed_problem(servers, endpoint_problem))
        return servers
