"""Restore the cluster to a point in time from its backups, or bootstrap a new cluster from a backup.

    pyinfra inventory.py deploys/restore.py --data latest=true | time=... | lsn=... | name=... | set=LABEL
        [--data set=LABEL] [--data exclusive=true] [--data timeline=N] [--data node=NAME] --data confirm=CLUSTER
    pyinfra inventory.py deploys/restore.py --data cancel=true
    pyinfra inventory.py deploys/restore.py --data source=OTHER --data latest=true --data confirm=CLUSTER

STOPS the cluster. Without ``confirm`` it only shows the plan and what would be lost. One member is restored
from the backup and the archive and becomes the leader, and the others are rebuilt from it. Impossible targets are
refused before anything stops; an interrupted run is resumed by the next one. See docs/runs/restore.md.

With ``source`` nothing is stopped: CLUSTER does not exist yet, and is built on its own hosts from a backup of OTHER.
"""

from deploys.parts.options import option
from deploys.procedures.restore import begun_cluster, deploy_copy, deploy_in_place, meant_cluster
from operations.runs.restore.in_place import give_back

source = option("source")
cluster = begun_cluster(source) if source else meant_cluster()

if cluster is not None:
    if source:
        deploy_copy(cluster, source)
    elif option("cancel"):
        give_back(name="Hand restored members back to Patroni", cluster=cluster)
    else:
        deploy_in_place(cluster)
