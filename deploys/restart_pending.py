"""Restart the members with a pending restart, one at a time, in the order that PostgreSQL requires.

    pyinfra inventory.py deploys/restart_pending.py

Prints the plan first, then restarts one member at a time and checks all of them after each. Repeatable at any time:
nothing is done twice, and an interrupted run is resumed by the next. ``--dry`` prints the same plan and changes
nothing.

    --data without=pg3      continue although this member is missing; a later run restarts it
    --data allow_no_failover=true  accept that no standby could take over while a member restarts
    --data force=true       do not wait for the end of a backup on a member that restarts: it breaks off
    --data probe=true       measure client-visible downtime, and print it at the end
"""

from deploys.components.keepalived import deploy_handover
from deploys.parts.begin import running_cluster
from deploys.procedures.restart_pending import deploy_restart

cluster = running_cluster()

if cluster is not None:
    deploy_restart(cluster)
    deploy_handover(cluster=cluster)
