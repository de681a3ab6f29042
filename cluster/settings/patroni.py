"""The settings of Patroni."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from cluster.settings.base import Strict, port, setting
from cluster.settings.slot_matchers import matcher_problem
from cluster.tags import tag_problems


class PatroniSettings(Strict):
    """Leader election and failover. https://patroni.readthedocs.io/en/latest/dynamic_configuration.html"""

    patroni_rest_port: int = port(8008, "Patroni's REST API, for HAProxy's checks and for this tool")
    patroni_ttl: int = setting(
        30, "seconds until the leader's lock expires: a dead primary is detected after at most this time", ge=20
    )
    patroni_loop_wait: int = setting(10, "seconds between two of Patroni's checks of the cluster", ge=1)
    patroni_retry_timeout: int = setting(
        10, "seconds that Patroni retries etcd and PostgreSQL before it gives up", ge=3
    )
    patroni_maximum_lag_mib: int = setting(1, "MiB of WAL that a standby may lag and still be promoted", ge=0)
    patroni_primary_start_seconds: int = setting(
        60, "seconds that a crashed primary has to come back before a standby takes over", ge=0
    )
    patroni_restart_seconds: int = setting(
        300, "seconds that a member may take in an ordered restart until it streams again", ge=10
    )
    patroni_failsafe: bool | None = setting(
        None, "keep the primary while etcd is down and all members answer; absent: on if Patroni's version is safe"
    )
    patroni_watchdog: Literal["off", "automatic", "required"] = setting(
        "automatic", "let the kernel's watchdog reset a leader's host if Patroni hangs"
    )
    patroni_standby_of: str | None = setting(
        None,
        "name of the source cluster in this inventory, which makes this one its standby cluster: read-only",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
    )
    patroni_standby_streams: bool = setting(
        True,
        "a standby cluster streams from its source's members; False: it reads only the source's archive",
    )
    patroni_namespace: str = setting("/service/", "prefix of Patroni's keys in etcd", pattern=r"^/([A-Za-z0-9_-]+/)+$")
    patroni_synchronous_mode: Literal["off", "on", "quorum"] = setting(
        "off", "on: commits wait for named standbys, only these take over; quorum: for any of them (Patroni 4)"
    )
    patroni_synchronous_mode_strict: bool = setting(
        False, "without a synchronous standby, writes wait for one instead of continuing on the primary alone"
    )
    patroni_synchronous_node_count: int = setting(1, "standbys that a commit waits for", ge=1, le=16)
    patroni_ignore_slots: list[dict[str, str]] | None = setting(
        None,
        "replication slots that Patroni leaves alone: [{'name': 'cdc'}], each by any of name, type, database, plugin; "
        "[]: none; absent: keep what was set by hand",
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
