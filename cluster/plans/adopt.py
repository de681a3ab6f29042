"""Whether the data from which a cluster is bootstrapped all have one history."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.measures import lsn_text
from cluster.observed.member_data import SeenData
from cluster.verdicts.data_positions import PRIMARY_STATES, position_of
from cluster.verdicts.lives import parted


def refuse_two_lives(cluster: Cluster, chosen: str, seen: Mapping[str, SeenData]) -> None:
    """
    Refuse data of a copy beside those of its original: Patroni would make the one out of the other, and etcd, which
    could tell, knows nothing of either.

    + chosen: the member to begin with; + seen: ``MemberData`` by member
    """
    turns = seen[chosen]["turns"]
    for name, one in seen.items():
        control = one["control"]
        if name == chosen or control is None:
            continue
        turn = parted(one["turns"], turns)
        if turn is not None:
            both = f"at {lsn_text(one['turns'][turn])}, those of {chosen} at {lsn_text(turns[turn])}"
            raise UnsafeError(_refusal(cluster, name, f"left timeline {turn} {both}"))
        timeline, end = control["timeline"], position_of(name, one).reach
        if timeline in turns and control["state"] in PRIMARY_STATES and end > turns[timeline]:
            went_on = f"go on to {lsn_text(end)} on timeline {timeline}, which those of {chosen} left at"
            raise UnsafeError(_refusal(cluster, name, f"{went_on} {lsn_text(turns[timeline])}"))


def _refusal(cluster: Cluster, name: str, what: str) -> str:
    path = cluster.data_directory
    return (
        f"the data of {name} are of another life of {cluster.name}: they {what}\n"
        f"HINT: only one of them can be used. Move the others away, on their host: `mv {path} {path}.old`."
    )
