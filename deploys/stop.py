"""Stop the whole cluster in the safe order, e.g. before the power goes off.

    pyinfra inventory.py deploys/stop.py --data confirm=CLUSTER [--data force=true]

STOPS the service: HAProxy first, then PostgreSQL with the same last write on every member, etcd last. Without
``confirm`` it only says what would happen. Everything stays enabled and comes up at the next boot. Refuses during a
backup (``force`` breaks it off), a restore, a switchover, a pause, and while nobody leads. Repeatable, and can be cut
off anywhere: see docs/runs/stop.md. The way back is deploys/start.py.
"""

from deploys.parts.options import option
from deploys.procedures.power import deploy_stop
from deploys.procedures.restore import meant_cluster

cluster = meant_cluster()

if cluster is not None:
    deploy_stop(cluster, confirmed=bool(option("confirm")), force=option("force"))
