"""Rebuild an etcd that has lost its quorum for good, from what is left of it.

    pyinfra inventory.py deploys/etcd_restore.py [--data from=HOST] [--data without=HOST,HOST --exclude HOST,HOST]
        --data confirm=CLUSTER

STOPS the cluster. Without ``confirm`` it only shows what it found and the plan. etcd is restored on one host, from a
member's data or a snapshot, whichever is newer; the PostgreSQL member with the newest data becomes the leader, and the
others follow. etcd's old data are kept aside. Refuses while etcd has its quorum, and while a host cannot be read that
is not named in ``without``. An interrupted run is resumed by the next one. See docs/runs/etcd-restore.md.
"""

from deploys.procedures.etcd_restore import deploy_etcd_restore
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_etcd_restore(declared=cluster)
