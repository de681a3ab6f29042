"""What is known of a cluster that has lost its leader, and how far each member's data go."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from cluster.declared.model import Cluster
from cluster.observed.member_data import SeenData
from cluster.plans.start import last_leader
from cluster.verdicts.data_positions import DataPosition, data_positions
from cluster.verdicts.health import is_synchronous
from cluster.verdicts.live import Live


@dataclass(frozen=True)
class Scene:
    """
    The whole picture.

    + data: ``MemberData`` by member; None for one whose host cannot be reached
    """

    cluster: Cluster
    live: Live
    data: Mapping[str, SeenData | None]

    @cached_property
    def positions(self) -> Mapping[str, DataPosition]:
        """
        How far the data of each member go that has some, and can be read. The control file of a standby knows of a new
        timeline only after its next restartpoint; its Patroni asks PostgreSQL itself.
        """
        return {one.name: self._on_its_timeline(one) for one in data_positions(self.data)}

    def _on_its_timeline(self, one: DataPosition) -> DataPosition:
        member = self.live.member(one.name)
        told = int(member["timeline"] or 0) if member is not None and one.name not in self.live.silent else 0
        return replace(one, timeline=max(one.timeline, told))

    @cached_property
    def timeline(self) -> int:
        """The newest one: on a member, or in what Patroni notes about each promotion."""
        turns = self._noted("history")
        noted = int(turns[-1][0]) + 1 if turns else 0
        return max([noted, *(one.timeline for one in self.positions.values())])

    @cached_property
    def former(self) -> str | None:
        """The member that led last; None: etcd does not know it."""
        return (self._sync.get("leader") if self._is_synchronous else None) or last_leader(self.cluster, self.live.keys)

    @property
    def synchronous(self) -> tuple[str, ...]:
        """The standbys for which commits of the last leader waited, as it noted in etcd before it was gone."""
        if not self._is_synchronous:
            return ()
        return tuple(name for name in str(self._sync.get("sync_standby") or "").split(",") if name)

    @property
    def quorum(self) -> int | None:
        """How many of them, less one, have to be asked for one at least to have each commit; None: each has each."""
        config = self.live.patroni["config"] or {}
        return int(self._sync.get("quorum") or 0) if config.get("synchronous_mode") == "quorum" else None

    @property
    def is_strict(self) -> bool:
        """Whether commits wait until there is a synchronous standby."""
        strict = (self.live.patroni["config"] or {}).get("synchronous_mode_strict")
        return self._is_synchronous and strict not in (None, False, "off", "false")

    @property
    def noted_end(self) -> int:
        """How far the last leader said in etcd that its WAL goes, in bytes: it said so once in ``loop_wait``."""
        return int(self._noted("status").get("optime") or 0) if self._noted("status") else 0

    @property
    def leader_works(self) -> bool:
        """Whether there is a leader that takes writes, and whose Patroni answers."""
        leader = self.live.leader
        seen = self.live.postgres.get(leader) if leader is not None else None
        return leader not in self.live.silent and seen is not None and seen["in_recovery"] is False

    @property
    def _is_synchronous(self) -> bool:
        return is_synchronous(self.live.patroni)

    @property
    def _sync(self) -> Mapping[str, Any]:
        return self._noted("sync") or {}

    def _noted(self, key: str) -> Any:
        return json.loads(self.live.keys.get(self.cluster.key(key)) or "null")
