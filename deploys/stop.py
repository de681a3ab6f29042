"""Stop the whole cluster in the safe order, e.g. before a power-off.

    pyinfra inventory.py deploys/stop.py --data confirm=CLUSTER [--data force=true]

STOPS the service: HAProxy first, then PostgreSQL with the same last write on every member, etcd last. Without
``confirm`` it only shows the plan. Everything stays enabled and starts at the next boot. Refuses during a backup
(``force`` aborts it), a restore, a switchover or a pause, and while there is no leader. Repeatable, and can be
interrupted at any point: see docs/runs/stop.md. deploys/start.py starts it again.
"""

from deploys.parts.options import option
from deploys.procedures.power import deploy_stop
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_stop(cluster=cluster, confirmed=bool(option("confirm")), force=option("force"))
