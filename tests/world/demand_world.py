"""A cluster whose members restart on demand: when each PostgreSQL began, and a switchover as one way to begin anew."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from operations.acts import leadership
from operations.acts.member_restart import restart_command
from operations.acts.patroni_rest import Post
from operations.runs import switchover
from operations.util.planning import decide_later
from tests.cluster.simulated_cluster import SimulatedMember
from tests.world.known import Act
from tests.world.restart_world import RestartWorld
from tests.world.world import Lines


@dataclass
class DemandWorld(RestartWorld):
    """
    As its base, and when PostgreSQL of each member began.

    + began: by member; one that starts anew is a second later
    + stays: members that Patroni says it restarted, and did not
    """

    acts: ClassVar = {
        "restart": restart_command,
        "plan": decide_later,
        "CHECKPOINT": switchover._checkpoint,
        "post": Post,
        "create temporary": leadership.until_it_writes,
    }

    began: dict[str, float] = field(default_factory=dict)
    stays: set[str] = field(default_factory=set)

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word != "post":
            return super().obeyed(word, host, act)
        old, candidate = self.cluster.leader.name, json.loads(act.stdin)["candidate"]
        self.done.append(f"{old} -> {candidate}")
        self.lead(candidate)
        self._begin(old)
        return [json.dumps({"status": 200, "text": "Successfully switched over"})]

    def _start(self, one: SimulatedMember) -> None:
        super()._start(one)
        if one.name not in self.stays:
            self._begin(one.name)

    def _begin(self, name: str) -> None:
        self.began[name] = self.began.get(name, 1000.0) + 1

    def _sql(self, one: SimulatedMember) -> dict[str, Any]:
        said = super()._sql(one)
        for standby in said["replication"]:
            standby["behind"] = 0
        return {**said, "started_at": self.began.get(one.name, 1000.0)}
