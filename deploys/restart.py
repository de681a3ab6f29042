"""Restart PostgreSQL on demand: standbys first, one at a time, then the leader.

    pyinfra inventory.py deploys/restart.py
    pyinfra inventory.py deploys/restart.py --data node=pg2,pg3

Prints the plan, then restarts one member after the other, each when the one before is well again. Refuses while one of
the settings waits for a restart whose order matters: deploys/restart_pending.py restarts for those. Every full run
restarts again, also the one after an interrupted one. ``--dry`` prints the same plan and changes nothing.

    --data node=pg2,pg3     these members; without it all
    --data by=switchover    restart the leader by a switchover to another member, instead of in place
    --data without=pg3      continue although this member is missing
    --data allow_no_failover=true  accept that no standby could take over while a member restarts
    --data force=true       do not wait for the end of a backup on a member that restarts: it breaks off
    --data probe=true       measure client-visible downtime, and print it at the end
"""

from deploys.parts.begin import running_cluster
from deploys.parts.held_clients import holding_of
from deploys.parts.options import members_named, option
from deploys.procedures.probe import probe_of
from operations.runs.restart import restart

cluster = running_cluster()

if cluster is not None:
    restart(
        name="Restart members",
        cluster=cluster,
        names=members_named(cluster, "node"),
        by=option("by"),
        without=members_named(cluster, "without"),
        alone=option("allow_no_failover"),
        probe=probe_of(cluster),
        force=option("force"),
        holding=holding_of(cluster, members_named(cluster, "without")),
    )
