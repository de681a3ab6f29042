"""Destroy the whole cluster: stop it, and remove what deploys/cluster.py put on its hosts.

    pyinfra inventory.py deploys/destroy.py --data confirm=CLUSTER [--data wipe=true] [--data backups=true]

Services, units, timers, configuration, passwords, keys, certificates and etcd's data go. PostgreSQL's data are kept
without ``wipe``, backups without ``backups``; packages, logs, and here the CA and the secrets always. Without
``confirm`` it only says what would go. Refuses hosts of another cluster, and nothing that is broken. Repeatable, also
after it was cut off: see docs/destroy.md. Afterwards deploys/cluster.py builds again.
"""

from deploys.components.options import option
from deploys.components.pgbackrest_restore import meant_cluster
from deploys.components.power import deploy_destroy

cluster = meant_cluster()

if cluster is not None:
    deploy_destroy(
        cluster,
        confirmed=bool(option("confirm")),
        wipe=option("wipe"),
        backups=option("backups"),
    )
