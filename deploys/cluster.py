"""Build the cluster that the inventory declares, or bring it back to what is declared.

    pyinfra inventory.py deploys/cluster.py

Repeatable at any moment, also after it was interrupted: every step asks the hosts what they are before it acts, and a
second run changes nothing. Refuses bad input and unfit hosts in one table before anything is touched. Never restarts
PostgreSQL: a setting that needs a restart stays pending and is named.
"""

from deploys.components.certificates import deploy_certificates
from deploys.components.etcd import deploy_etcd
from deploys.components.haproxy import deploy_haproxy
from deploys.components.packages import deploy_packages
from deploys.components.patroni import deploy_patroni
from deploys.components.pgbackrest import deploy_pgbackrest, deploy_stanza
from deploys.components.proof import deploy_proof
from deploys.components.secrets import cluster_secrets
from deploys.components.start import declared_cluster

cluster = declared_cluster()

if cluster is not None:
    # Every host of the cluster calls every operation: that alone keeps pyinfra to this order across hosts.
    deploy_packages(cluster)
    deploy_certificates(cluster)
    deploy_etcd(cluster)
    deploy_pgbackrest(cluster)
    deploy_patroni(cluster)
    deploy_stanza(cluster)
    deploy_haproxy(cluster, cluster_secrets(cluster))
    deploy_proof(cluster)
