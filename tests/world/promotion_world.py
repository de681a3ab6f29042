"""A standby cluster and its source, as far as a promotion asks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pyinfra.api.exceptions import ConnectError

from cluster.declared.model import Cluster
from facts.host import HostComponent
from facts.member_data import MemberData
from facts.patroni import PatroniCluster
from facts.postgres.state import PostgresState
from operations.acts import leadership
from operations.patroni_configuration import patch_command
from operations.runs import promote
from tests.cluster.declared.test_standby_clusters import both
from tests.cluster.live_members import patroni_member, postgres_state
from tests.world.component import paths as path_lines
from tests.world.etcd import SilentEtcd
from tests.world.known import Act
from tests.world.patroni import patroni
from tests.world.postgres import control, ends_at, member_data, postgres
from tests.world.world import FailsError, Lines, answer

FOLLOWS = {"standby_cluster": {"host": "10.0.0.1", "port": 5432}}
WRITTEN = "0/40000000"


@dataclass
class PromotionWorld(SilentEtcd):
    """
    What the hosts of both clusters answer, and what was done to whom. The source is stopped, and all has arrived.

    + running: members of the source whose PostgreSQL and Patroni run; + off: its hosts that cannot be reached
    + promoted: whether the standby leader takes writes
    + cut_off_after: the act after which the run is cut off
    """

    acts: ClassVar = {
        "rm -rf": promote._taken_over,
        "create temporary": leadership.until_it_writes,
        "/config": patch_command,
    }

    running: set[str] = field(default_factory=set)
    off: set[str] = field(default_factory=set)
    config: dict[str, Any] = field(default_factory=lambda: dict(FOLLOWS))
    promoted: bool = False
    has_access: bool = True
    cut_off_after: str | None = None

    def cluster(self) -> Cluster:
        return both()[1]

    def reached(self, host: str) -> None:
        """See World."""
        if host in self.off:
            raise ConnectError(f"{host} cannot be reached")

    def noted(self, word: str, host: str, act: Act) -> None:
        """With what is sent."""
        self.done.append(f"{word} {host}" + (f" {act.stdin}" if act.stdin else ""))

    def obeyed(self, word: str, host: str, act: Act) -> Lines | None:
        """See World."""
        if word == "/config":
            self.config = {}
        elif word == "create temporary":
            self.promoted = True
        else:
            self.has_access = False
        if word == self.cut_off_after:
            raise FailsError
        return None

    @answer(PatroniCluster)
    def _patroni(self, host: str, **_: Any) -> Lines:
        member = patroni_member(True, timeline=2 if self.promoted else 1)
        return patroni("d1", {"d1": member}, config=self.config)

    @answer(PostgresState)
    def _postgres(self, host: str, **_: Any) -> Lines:
        return postgres(postgres_state(self.promoted), ("Database system identifier: 76", 1))

    @answer(MemberData)
    def _end(self, host: str, **_: Any) -> Lines:
        source, at = host.startswith("s"), (1 << 30) + 120
        sql = {"in_recovery": not source, "written": at, "replayed": at, "replayed_at": "2026-11-21 14:30:07+00"}
        runs = host in self.running or not source
        file = control("shut down", timeline=1, further=ends_at(WRITTEN))
        return member_data(sql if runs else None, file, patroni=runs)

    @answer(HostComponent)
    def _access(self, host: str, paths: Sequence[str], **_: Any) -> Lines:
        return path_lines(paths, paths if self.has_access else (), "directory|700|postgres|postgres")
