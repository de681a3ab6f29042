"""Whether a standby cluster may be promoted now, and what that loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cluster.declared.model import Cluster
from cluster.measures import MIB
from cluster.observed.member_data import SeenData
from cluster.obstacles import Obstacle
from cluster.verdicts.data_positions import is_running, position_of
from cluster.verdicts.live import Live
from cluster.verdicts.obstacles import backup_obstacles, cluster_obstacles

# A segment begins with a header, which nobody replays: an archive that ends before it has everything.
HEADER_BYTES = 40


@dataclass(frozen=True)
class SourceMember:
    """
    A member of the source as it is now.

    + end: None where its host cannot be reached
    """

    end: SeenData | None

    @property
    def reached(self) -> bool:
        """Whether its host answers at all."""
        return self.end is not None

    @property
    def runs(self) -> bool:
        """Whether it takes writes, or may at any moment: Patroni would start PostgreSQL, and promote it."""
        return self.end is not None and is_running(self.end)


Source = Mapping[str, SourceMember]


def promotion_obstacles(
    cluster: Cluster, live: Live, source: Source, end: SeenData, *, lost: bool, force: bool = False
) -> list[Obstacle]:
    """
    Why a standby cluster is not promoted now.

    + live: the standby cluster
    + source: the members of its source by name
    + end: how far the standby leader is
    + lost: somebody knows that what cannot be reached is off and stays off, and gives up what did not arrive
    + force: also while a backup is under way that reads from its leader, which breaks off
    """
    return [
        *cluster_obstacles(cluster, live),
        *_beyond(live),
        *_source_obstacles(cluster, source, lost),
        *_missing(cluster, source, end, lost),
        *backup_obstacles(live, [live.leader] if live.leader is not None else [], force=force),
    ]


def _beyond(live: Live) -> Iterator[Obstacle]:
    if live.leader is not None and live.leader not in live.within:
        yield Obstacle(f"the leader {live.leader} is left out by --limit", "omit --limit")


def _source_obstacles(cluster: Cluster, source: Source, lost: bool) -> Iterator[Obstacle]:
    if running := [name for name, member in source.items() if member.runs]:
        yield Obstacle(
            f"{name_of(cluster)} still runs on {', '.join(running)}: there would be two primaries",
            f"stop it first, its leader last: `systemctl disable --now patroni` on {', '.join(running)}",
        )
    silent = [name for name, member in source.items() if not member.reached]
    if silent and not lost:
        yield Obstacle(
            f"{', '.join(silent)} cannot be reached, so it is unknown whether {name_of(cluster)} still takes writes",
            "when they are off and stay off, say so: --data source_is_lost=true",
        )


def _missing(cluster: Cluster, source: Source, end: SeenData, lost: bool) -> Iterator[Obstacle]:
    if (missing := missing_bytes(source, end)) and not lost:
        yield Obstacle(
            f"{cluster.name} lacks the last {missing} bytes that {name_of(cluster)} wrote",
            "start that again until they have arrived, or give them up with --data source_is_lost=true",
        )


def missing_bytes(source: Source, end: SeenData) -> int | None:
    """What a source wrote last that its standby cluster does not have; None when the source's last word is unknown."""
    position, written = wal_position(end), list(_last_written(source))
    if not written or position is None:
        return None
    missing = max(written)[1] - position
    return missing if missing > HEADER_BYTES else 0


def _last_written(source: Source) -> Iterator[tuple[int, int]]:
    """
    Timeline and position of the last record of each member that led and is down. One that was stopped ends with a
    checkpoint, which says it; of one that crashed it is known when its WAL was read to its end.
    """
    for name, member in source.items():
        if member.end is None or member.end["server"] or member.end["control"] is None:
            continue
        found, control = position_of(name, member.end), member.end["control"]
        if control["state"] == "shut down":
            yield found.timeline, int(control["checkpoint"])
        elif found.led and found.whole:
            yield found.timeline, found.reach


def wal_position(one: SeenData) -> int | None:
    """What a member that runs has written, or replayed, in bytes; None where its PostgreSQL does not answer."""
    return one["replayed"] if one["in_recovery"] else one["written"]


def promotion_lines(cluster: Cluster, live: Live, source: Source, end: SeenData) -> list[str]:
    """The plan, as it is printed. + live, source, end: as ``promotion_obstacles`` has them"""
    silent = [name for name, member in source.items() if not member.reached]
    state = f"{', '.join(silent)} cannot be reached" if silent else "stopped on all its members"
    return [
        f"Promotion of {cluster.name}, a standby of {name_of(cluster)}: {live.leader} takes writes",
        f"  source  {state}",
        f"  LOST    {_loss(cluster, source, end)}",
        f"  then    {name_of(cluster)} must not start again as it is: it would take writes, too",
    ]


def _loss(cluster: Cluster, source: Source, end: SeenData) -> str:
    missing = missing_bytes(source, end)
    if missing is None:
        since = f"after {end['replayed_at']}, the last transaction that arrived" if end["replayed_at"] else "lately"
        return f"what {name_of(cluster)} committed {since}; how much, only {name_of(cluster)} knows"
    return f"the last {missing} bytes of WAL" if missing else "nothing: all that was written has arrived"


def name_of(cluster: Cluster) -> str:
    """The name of its source. + cluster: a standby cluster"""
    return cluster.source.name if cluster.source is not None else "nobody"


def replication_source_words(cluster: Cluster, source: Sequence[SeenData], own: SeenData) -> str:
    """
    Of what a cluster is a standby, how it is fed and how far it is behind.

    + source: how far the members of its source are, those that were reached; + own: the standby leader
    """
    ends = [position for end in source if (position := wal_position(end)) is not None]
    mine = wal_position(own)
    if not ends or mine is None:
        lag = "whose PostgreSQL runs nowhere" if source else "which cannot be reached"
    else:
        lag = f"{max(0, max(ends) - mine) // MIB} MiB behind"
    feed = "streams from" if cluster.settings.patroni_standby_streams else "reads the archive of"
    return f"{feed} {name_of(cluster)}, {lag}"
