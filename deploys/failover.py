"""Let a member lead where there is no leader and Patroni elects none: the emergency.

    pyinfra inventory.py deploys/failover.py [--exclude DEAD] [--data candidate=NAME] [--data confirm=CLUSTER]

Names what each member has and lacks, and what is lost. Gives Patroni the time to elect a leader itself; refuses while
one answers (deploys/switchover.py), while another PostgreSQL may take writes, and without etcd. Writes that were
acknowledged are given up only with ``confirm``. ``--exclude`` leaves out hosts that cannot be reached. Repeatable: with
``candidate``, a run that finds it as the leader changes nothing. See docs/runs/failover.md.
"""

from deploys.parts.options import member_named, option
from deploys.procedures.restore import meant_cluster
from operations.runs.failover import failover

cluster = meant_cluster()

if cluster is not None:
    failover(
        name="Failover",
        cluster=cluster,
        candidate=member_named(cluster, "candidate"),
        confirmed=bool(option("confirm")),
    )
