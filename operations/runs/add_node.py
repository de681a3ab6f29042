"""Hosts that join a running cluster: named, and refused where a name, an address or the room is taken."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster, Node
from cluster.observed.etcd import SeenEtcd
from cluster.plans.add_node import Room, addition_lines, copying, newcomers, refuse_addition
from cluster.plans.restart_pending.activation import activated
from facts.patroni import DirectorySize
from facts.preflight.host import HostPicture
from operations.acts.component import Commands
from operations.live.etcd import look_at_etcd
from operations.live.members import look
from operations.util.console import print_lines
from operations.util.hosts import acts_here, in_this_run
from operations.util.reading import read, read_first


@operation()
def announce(cluster: Cluster) -> Commands:
    """
    Say who joins. Changes nothing; a build of the whole cluster follows. Refuses what ``refuse_addition`` refuses.
    """
    if not acts_here(cluster.members):
        return
    asked = look_at_etcd(cluster)
    seen = asked[1] if asked is not None else None
    found = newcomers(cluster, seen) if seen is not None else {}
    live = look(cluster) if found else None
    refuse_addition(cluster, seen, _rooms(cluster, seen, copying(cluster, found)), live)
    if live is not None:
        names = [node.name for node in copying(cluster, found)]
        starts = activated(live, names) if names else []
        print_lines([*addition_lines(cluster, found), *(f"  note   {line}" for line in starts)])
    else:
        print_lines([f"{cluster.name} has all its declared hosts"])
    host.noop("reported above")
    return
    yield


def _rooms(cluster: Cluster, seen: SeenEtcd | None, nodes: list[Node]) -> dict[str, Room]:
    """What those have that are to get a copy, and what the leader's data take."""
    leader = ((seen["keys"] if seen is not None else None) or {}).get(cluster.key("leader"))
    leading = [node for node in in_this_run(cluster.members) if node.name == leader]
    size = read_first(leading, DirectorySize, directory=cluster.data_directory) or 0
    pictures = read(in_this_run(nodes), HostPicture, data_directory=cluster.data_directory)
    return {name: Room(_free_mib(cluster, picture), size) for name, picture in pictures.items() if picture is not None}


def _free_mib(cluster: Cluster, picture: dict[str, dict[str, dict[str, int | str | None]]]) -> int | None:
    if picture["data"]["version"] is not None:
        return None
    free = picture["rooms"][cluster.data_directory]["free_mib"]
    return int(free) if free is not None else None
