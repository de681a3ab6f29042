"""Rebuild an etcd that has lost its quorum for good, from what is left of it.

    pyinfra inventory.py deploys/etcd_restore.py [--data from=HOST] [--data without=HOST,HOST --exclude HOST,HOST]
        --data confirm=CLUSTER

STOPS the cluster. Without ``confirm`` it only says what it found and what would happen. etcd begins again on one host,
from a member's data or a snapshot, whichever is newer; the member of PostgreSQL leads whose data go furthest; all
others follow. Old data of etcd are kept beside. Refuses while etcd has its quorum, and while a host cannot be read that
is not named in ``without``. A run that was cut off is gone on with by the next one. See docs/runs/etcd-restore.md.
"""

from deploys.procedures.etcd_restore import deploy_etcd_restore
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_etcd_restore(cluster)
