"""Let every host join that the inventory declares and the cluster does not have; also one that was taken out before.

    pyinfra inventory.py deploys/add_node.py

Says who joins, and builds as deploys/cluster.py does, which ends in the same state. Members of etcd join one after the
other, as learners until they have the data; members of PostgreSQL get a copy, and are relied on only when they stream.
Refuses where there is no cluster yet, a name or an address that somebody else has, too little room for the data, and
whatever the preflight refuses. Repeatable, and can be cut off anywhere: see docs/runs/add-node.md.
"""

from deploys.parts.begin import ALL, declared_cluster
from deploys.parts.build import deploy_all
from operations.runs.add_node import announced
from operations.runs.replace_node import settled

cluster = declared_cluster(returning=ALL)

if cluster is not None:
    announced(name="Check and announce the hosts that join", cluster=cluster)
    # From here on deploys/cluster.py goes on with it, wherever this run is cut off.
    settled(name="Clear removal markers of hosts that are kept", cluster=cluster, names=[node.name for node in cluster])
    deploy_all(cluster)
