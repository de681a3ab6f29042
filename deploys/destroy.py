"""Remove the whole cluster: stop it, and remove what deploys/cluster.py installed on its hosts.

    pyinfra inventory.py deploys/destroy.py --data confirm=CLUSTER [--data wipe=true] [--data backups=true]

Removes services, units, timers, configuration, passwords, keys, certificates and etcd's data. Keeps PostgreSQL's data
without ``wipe``, backups without ``backups``, and always packages, logs, and the local CA and secrets. Without
``confirm`` it only shows the plan. Refuses hosts of another cluster, but not a broken cluster. Repeatable, also after
an interruption: see docs/runs/destroy.md. Afterwards deploys/cluster.py builds again.
"""

from deploys.parts.options import option
from deploys.procedures.power import deploy_destroy
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_destroy(
        cluster=cluster,
        confirmed=bool(option("confirm")),
        wipe=option("wipe"),
        backups=option("backups"),
    )
