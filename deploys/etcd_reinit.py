"""Rebuild etcd's data on one host from the other members, when they are damaged or lost.

    pyinfra inventory.py deploys/etcd_reinit.py --data node=NAME

Moves the present data aside, removes the host's etcd membership, and adds it as a learner until it has the data. Leaves
PostgreSQL alone. Refuses while the other members have no quorum without it: deploys/etcd_restore.py is for that.
Changes nothing if that etcd is healthy. Repeatable, and can be interrupted at any point: see docs/runs/etcd-reinit.md.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.options import meant_node
from operations import etcd
from operations.runs import etcd_reinit

cluster = running_cluster()

if cluster is not None:
    node = meant_node(cluster, "node", "whose data of etcd are rebuilt")
    etcd_reinit.set_data_aside(
        name=f"Set {node}'s etcd data aside and end its membership", cluster=cluster, member=node
    )
    etcd.quorum(name=f"Let {node} join etcd again", cluster=cluster)
