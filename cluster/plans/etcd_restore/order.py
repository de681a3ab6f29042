"""The rebuilding of a lost etcd as a note on every host: what a run that was cut off left for the next one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from cluster.components.etcd import etcd_data_directory
from cluster.components.etcd_snapshot import STATE
from cluster.declared.model import Cluster
from cluster.observed.etcd import SeenEtcdRecovery

NOTES = f"{STATE}/etcd-restore"
DATA, SNAPSHOT = "data", "snapshot"


@dataclass(frozen=True)
class Source:
    """
    What etcd can be rebuilt from.

    + kind: ``data`` of a member that is left, or a ``snapshot``
    + at: when it was written, seconds since the epoch
    """

    host: str
    kind: str
    path: str
    revision: int
    at: int

    def __str__(self) -> str:
        what = "the data of its member" if self.kind == DATA else "a snapshot"
        return f"{what} on {self.host}, revision {self.revision}"


@dataclass(frozen=True)
class Order:
    """
    What is being done.

    + token: names this rebuilding: the new etcd's, and the directories that the old data are put aside in
    + home: the host on which etcd begins again; the others join it
    + primary: the member that was the primary when this began; None when none was
    + leads: the member that is to lead; None until all are stopped and compared
    """

    token: str
    source: Source
    home: str
    primary: str | None
    leads: str | None = None

    @property
    def note(self) -> dict[str, Any]:
        """As the hosts keep it."""
        return asdict(self)

    def led_by(self, name: str) -> Order:
        """The same, with the member that is to lead. + name: the node's"""
        return replace(self, leads=name)

    def aside(self, cluster: Cluster) -> str:
        """Where a host keeps the etcd data that it had."""
        return f"{etcd_data_directory(cluster)}.before-{self.token}"

    def source_path(self, cluster: Cluster) -> str:
        """Where the source lies once all data are put aside."""
        data, path = etcd_data_directory(cluster), self.source.path
        return path.replace(f"{data}/", f"{self.aside(cluster)}/", 1) if path.startswith(f"{data}/") else path


def order_of(remains: Mapping[str, SeenEtcdRecovery | None]) -> Order | None:
    """
    The rebuilding that was begun, as the host knows it that knows most. + remains: ``EtcdRecovery`` by host
    """
    notes = [seen["order"] for seen in remains.values() if seen is not None and seen["order"] is not None]
    orders = [Order(**{**note, "source": Source(**note["source"])}) for note in notes]
    return max(orders, key=lambda one: (one.token, one.leads is not None), default=None)
