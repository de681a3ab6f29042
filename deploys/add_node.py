"""Add every host that is in the inventory but not in the cluster; also one that was removed before.

    pyinfra inventory.py deploys/add_node.py

Prints which hosts join, and builds as deploys/cluster.py does, which ends in the same state. etcd members are added one
after the other, as learners until they have the data; PostgreSQL members get a copy, and count only once they stream.
Refuses if there is no cluster yet, a name or an address of another member, too little disk space for the data, and
whatever the preflight refuses. Repeatable, and can be interrupted at any point: see docs/runs/add-node.md.
"""

from deploys.parts.begin import ALL, declared_cluster
from deploys.parts.build import deploy_all
from operations.runs.add_node import announce
from operations.runs.replace_node import clear_markers

cluster = declared_cluster(returning=ALL)

if cluster is not None:
    announce(name="Check and announce the hosts that join", cluster=cluster)
    # From here on deploys/cluster.py goes on with it, wherever this run is cut off.
    clear_markers(
        name="Clear removal markers of hosts that are kept", cluster=cluster, names=[node.name for node in cluster]
    )
    deploy_all(cluster)
