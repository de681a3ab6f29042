"""Move a live host to the address that the inventory now has for it.

    pyinfra inventory.py deploys/move_node.py --data node=NAME [--data drain_seconds=N] [--data force=true]

One host at a time, with the quorum and a leader among the others; its data are kept. Repeatable: an interrupted run is
resumed by the next one. To move back, declare the former address and run it again. Refuses a cluster that is not
healthy, a host that no other can stand in for, one that a backup reads from (``force`` aborts it), and whatever the
preflight of deploys/cluster.py refuses.
"""

from cluster.plans.move_node import refuse_immovable
from deploys.components.firewall import deploy_opening
from deploys.parts.begin import declared_cluster
from deploys.parts.build import deploy_all
from deploys.parts.held_clients import holding_of
from deploys.parts.options import meant_node, option
from operations.runs import move_node

cluster = declared_cluster(returning=option("node"))

if cluster is not None:
    node = meant_node(cluster, "node", "that moves")
    refuse_immovable(cluster, cluster.node(node))
    deploy_opening(cluster=cluster)  # until it is stopped, it may come from either address
    move_node.begin(
        name=f"Check that {node} may move",
        cluster=cluster,
        moving=node,
        force=option("force"),
        holding=holding_of(cluster),
    )
    drain_seconds = option("drain_seconds")
    move_node.stop_services(name=f"Stop {node}'s services", cluster=cluster, moving=node, drain_seconds=drain_seconds)
    move_node.leave_etcd(name=f"Remove {node} from etcd", cluster=cluster, moving=node)
    move_node.clear_etcd(name=f"Clear {node}'s etcd data so that it joins again", cluster=cluster, moving=node)
    deploy_all(cluster)
