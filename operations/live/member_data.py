"""How far the data of members go, asked live."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.declared.model import Cluster, Node
from cluster.observed.member_data import SeenData
from facts.member_data import MemberData
from operations.util.reading import read, refuse_silence


def members_data(
    cluster: Cluster, nodes: Iterable[Node], beyond: int = 0, wait_seconds: int = 0
) -> dict[str, SeenData | None]:
    """
    ``MemberData`` by member; None for one that cannot be reached.

    + nodes: members of the cluster
    + beyond, wait_seconds: the fact's own
    """
    return read(nodes, MemberData, **data_question(cluster), beyond=beyond, wait_seconds=wait_seconds)


def all_members_data(
    cluster: Cluster, nodes: Iterable[Node], beyond: int = 0, wait_seconds: int = 0
) -> dict[str, SeenData]:
    """The same for those who need every one of them. Refuses while one cannot be reached."""
    seen = members_data(cluster, nodes, beyond, wait_seconds)
    refuse_silence(seen)
    return {name: one for name, one in seen.items() if one is not None}


def data_question(cluster: Cluster) -> dict[str, str | int]:
    """The arguments that ``MemberData`` takes for the members of a cluster."""
    place = {"data": cluster.data_directory, "programs": cluster.bin_directory}
    return {**place, "port": cluster.settings.postgres_port}
