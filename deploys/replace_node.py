"""Replace a lost host with a new one of the same name, at the same or another address.

    pyinfra inventory.py deploys/replace_node.py --data node=NAME

The inventory declares the new host. The lost one's etcd membership is removed, and the cluster is built as
deploys/cluster.py does: the new host joins etcd as a learner, gets its data from the others, and counts only once it
streams. Refuses while the old host still answers or etcd still has its Patroni key, a host with data, and the loss of
etcd's quorum. Repeatable, and can be interrupted at any point: see docs/runs/replace-node.md.
"""

from cluster.plans.replace_node import refuse_irreplaceable
from deploys.parts.begin import declared_cluster
from deploys.parts.build import deploy_all
from deploys.parts.options import meant_node, option
from operations.runs.replace_node import clear_markers, remove_lost_member

cluster = declared_cluster(returning=option("node"))

if cluster is not None:
    node = meant_node(cluster, "node", "that is replaced")
    refuse_irreplaceable(cluster, cluster.node(node))
    remove_lost_member(name=f"Remove what the others keep of the lost {node}", cluster=cluster, newcomer=node)
    # A host that was taken out before would not start Patroni as long as the note says so.
    clear_markers(name=f"Clear removal markers of {node}", cluster=cluster, names=[node])
    deploy_all(cluster)
    clear_markers(name=f"Clear the replacement marker of {node}", cluster=cluster, names=[node], replaced=True)
