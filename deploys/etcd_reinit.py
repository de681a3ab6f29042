"""Let one host of etcd begin anew with the data of the others: when its own are damaged or lost.

    pyinfra inventory.py deploys/etcd_reinit.py --data node=NAME

Keeps what lies there beside, ends the host's membership, and lets it join as a learner until it has the data. Leaves
PostgreSQL alone. Refuses while the other members have no quorum among themselves: that is for deploys/etcd_restore.py.
Changes nothing where that etcd is healthy. Repeatable, and can be cut off anywhere: see docs/runs/etcd-reinit.md.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.options import meant_node
from operations import etcd
from operations.runs import etcd_reinit

cluster = running_cluster()

if cluster is not None:
    node = meant_node(cluster, "node", "whose data of etcd are made anew")
    etcd_reinit.put_aside(name=f"Set {node}'s etcd data aside and end its membership", cluster=cluster, member=node)
    etcd.quorum(name=f"Let {node} join etcd again", cluster=cluster)
