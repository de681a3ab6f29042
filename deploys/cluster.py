"""Build the cluster that the inventory declares, or bring it back to what is declared.

    pyinfra inventory.py deploys/cluster.py [--data adopt=true] [--data rotate=NAME,NAME]

Repeatable at any moment, also after it was interrupted: every step asks the hosts what they are before it acts, and a
second run changes nothing. Refuses bad input and unfit hosts in one table before anything is touched. Never restarts
PostgreSQL: a setting that needs a restart stays pending and is named. With ``adopt`` a cluster that etcd does not know
begins with the data that its members have, e.g. those that deploys/destroy.py kept. Secrets of a living cluster change
only when ``rotate`` names them; see docs/secrets.md.
"""

from cluster.preflight.secrets import rotated
from deploys.parts.begin import declared_cluster
from deploys.parts.build import deploy_all
from deploys.parts.options import option

adopts = option("adopt")
rotates = rotated(option("rotate"))
cluster = declared_cluster(adopts=adopts, rotates=rotates)

if cluster is not None:
    deploy_all(cluster, adopts=adopts, rotates=rotates)
