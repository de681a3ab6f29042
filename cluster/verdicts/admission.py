"""Who must show a certificate for the cluster's own roles by now, and who is let in without for a while yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cluster.declared.model import Cluster, Node


def still_by_password(
    cluster: Cluster, now: Iterable[Node], in_run: Collection[Node], logins: Mapping[str, bool]
) -> list[Node]:
    """
    Those whose next connection would be refused if it had to have a certificate.

    A member that this run has configured has one, unless it is seen to stream without: its Patroni has not noticed. The
    leader streams from nobody and is not seen at all. Of other hosts only what is seen counts; of a standby cluster
    one member streams for all, and one run gives all of them theirs.

    + now: those who are let in by password alone
    + in_run: the members that this run has configured
    + logins: ``ReplicationLogins`` of all members
    """
    proven = {node.name: logins.get(str(node.address)) for node in (*cluster.members, *cluster.followers)}
    for standby in cluster.standbys:
        seen = [proven[node.name] for node in standby.members if proven[node.name] is not None]
        proven |= dict.fromkeys((node.name for node in standby.members), bool(seen) and all(seen))
    touched = {node.name for node in in_run}
    return [node for node in now if not (proven[node.name] or (proven[node.name] is None and node.name in touched))]
