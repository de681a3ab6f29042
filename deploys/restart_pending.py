"""Restart the members on which a setting waits for it, in the order that PostgreSQL demands.

    pyinfra inventory.py deploys/restart_pending.py

Prints the plan first, then acts on one member at a time and looks at all of them again after each. Repeatable at any
moment: what is done is not done again, and a run that was interrupted is finished by the next. ``--dry`` prints the
same plan and touches nothing.

    --data without=pg3      go on although this member is away; it is served by a later run
    --data allow_no_failover=true       accept that for the seconds of a restart nobody could take over
    --data probe=true       measure what clients feel, and say it at the end
"""

from deploys.parts.begin import running_cluster
from deploys.procedures.restart_pending import deploy_restart

cluster = running_cluster()

if cluster is not None:
    deploy_restart(cluster)
