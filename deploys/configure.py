"""Bring the configuration that all members share to what is declared: Patroni's settings, PostgreSQL's, pg_hba.

    pyinfra inventory.py deploys/configure.py

The same step that ``deploys/cluster.py`` takes, alone. Says which settings become active at once and which wait for a
restart. Names, units and ranges are judged by what the running PostgreSQL says of itself, before anything is written.

Goes through while a restore is unfinished, whose PostgreSQL may not start with what was declared.

    --data restart=true     go on with the ordered restart, as deploys/restart_pending.py does
    --data without=pg3      for that restart: go on although this member is away
    --data allow_no_failover=true       for that restart: accept that for its seconds nobody could take over
    --data probe=true       measure what clients feel, and say it at the end
"""

from deploys.parts.begin import declared_cluster
from deploys.parts.options import option
from deploys.procedures.restart_pending import deploy_restart
from operations.patroni_configuration import configuration

# An unfinished restore may need just this: a value with which PostgreSQL starts.
cluster = declared_cluster(restores=True)

if cluster is not None:
    restart = option("restart")
    configuration(name="dynamic configuration", cluster=cluster, restart_follows=restart)
    if restart:
        deploy_restart(cluster, configured=True)
