"""Rebuild one member's data from the backups or another member, if it cannot follow or its data is damaged.

    pyinfra inventory.py deploys/reinit_node.py --data node=NAME [--data force=true]

REMOVES that member's data. Refuses the leader, a paused cluster, a second member at the same time, and, without
``force``, a member that needs no rebuild or has WAL that the leader does not have. If a copy is in progress, also from
an interrupted run, it waits for that one.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.options import meant_member, option
from operations.runs.reinit_node import reinit

cluster = running_cluster()

if cluster is not None:
    node = meant_member(cluster, "node", "whose data is rebuilt")
    reinit(name=f"Rebuild {node}", cluster=cluster, member=node, force=option("force"))
