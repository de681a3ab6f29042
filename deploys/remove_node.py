"""Remove a host from the cluster for good, dead or alive.

    pyinfra inventory.py deploys/remove_node.py --data node=NAME [--data wipe=true] [--data allow_no_failover=true]
        [--data drain_seconds=10] [--data force=true]

The host is still in the inventory. A leader hands over first; clients have ``drain_seconds`` to disconnect; its
services are stopped and disabled, its key, slot and certificates are removed, the others are configured without it, and
it leaves etcd last. Its data are kept without ``wipe``. Refuses the last host of a role, the last member that could
take over (``allow_no_failover`` accepts that), the loss of etcd's quorum, and a host that a backup reads from
(``force`` aborts it). Repeatable, and can be interrupted at any point: see docs/runs/remove-node.md.
"""

from deploys.parts.begin import known_cluster
from deploys.parts.held_clients import holding_of
from deploys.parts.options import meant_node, option
from deploys.procedures.remove_node import deploy_removal

cluster = known_cluster()

if cluster is not None:
    node = meant_node(cluster, "node", "that goes")
    deploy_removal(
        declared=cluster,
        leaving=node,
        alone=option("allow_no_failover"),
        wipe=option("wipe"),
        drain_seconds=option("drain_seconds"),
        force=option("force"),
        holding=holding_of(cluster),
    )
