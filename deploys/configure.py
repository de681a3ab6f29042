"""Apply the declared shared configuration: Patroni's settings, PostgreSQL's parameters, pg_hba.

    pyinfra inventory.py deploys/configure.py

One step of ``deploys/cluster.py``, alone. Says which settings become active at once and which need a restart. Names,
units and ranges are checked against the running PostgreSQL before anything is written.

What follows the configuration on the hosts is brought along: HAProxy's limits and PgBouncer's sizes, which depend on
max_connections; for clients that a new line of pg_hba lets in the firewall of ours, and PgBouncer's own lines; and what
hosts that judge themselves know of the declaration.

It is allowed during an unfinished restore, whose PostgreSQL may not start with what was declared.

    --data restart=true     continue with the ordered restart, as deploys/restart_pending.py does
    --data without=pg3      for that restart: continue although this member is missing
    --data allow_no_failover=true  for that restart: accept that no standby could take over meanwhile
    --data force=true       for that restart: do not wait for the end of a backup
    --data probe=true       measure client-visible downtime, and print it at the end
"""

from deploys.components.findings import deploy_declaration
from deploys.components.firewall import deploy_opening
from deploys.components.haproxy import deploy_haproxy_limits
from deploys.components.pgbouncer import deploy_pgbouncer_limits
from deploys.parts.begin import declared_cluster
from deploys.parts.options import option
from deploys.parts.secrets import cluster_secrets
from deploys.procedures.restart_pending import deploy_restart
from operations.patroni_configuration import configuration

# An unfinished restore may need just this: a value with which PostgreSQL starts.
cluster = declared_cluster(restores=True)

if cluster is not None:
    restart = option("restart")
    configuration(name="Apply the dynamic configuration", cluster=cluster, restart_follows=restart)
    deploy_opening(cluster=cluster)  # to the clients of a new line of pg_hba
    if restart:
        deploy_restart(cluster, configured=True)
    deploy_haproxy_limits(cluster=cluster, secrets=cluster_secrets(cluster))
    deploy_pgbouncer_limits(cluster=cluster, secrets=cluster_secrets(cluster))
    deploy_declaration(cluster=cluster, secrets=cluster_secrets(cluster))
