"""Destroy the whole cluster: stop it, and remove what deploys/cluster.py put on its hosts.

    pyinfra inventory.py deploys/destroy.py --data confirm=CLUSTER [--data wipe=true] [--data backups=true]

Services, units, timers, configuration, passwords, keys, certificates and etcd's data go. PostgreSQL's data are kept
without ``wipe``, backups without ``backups``; packages, logs, and here the CA and the secrets always. Without
``confirm`` it only says what would go. Refuses hosts of another cluster, and nothing that is broken. Repeatable, also
after it was cut off: see docs/runs/destroy.md. Afterwards deploys/cluster.py builds again.
"""

from deploys.parts.options import option
from deploys.procedures.power import deploy_destroy
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_destroy(
        cluster,
        confirmed=bool(option("confirm")),
        wipe=option("wipe"),
        backups=option("backups"),
    )
