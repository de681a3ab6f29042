"""Build the cluster that the inventory declares, or bring an existing one to the declared state.

    pyinfra inventory.py deploys/cluster.py [--data adopt=true] [--data rotate=NAME,NAME]

Repeatable at any time, also after an interruption: every step checks the hosts before it acts, and a second run changes
nothing. Reports invalid settings and unsuitable hosts in one table before anything is changed. Never restarts
PostgreSQL: a setting that needs a restart stays pending and is named. With ``adopt`` a cluster that etcd does not know
is bootstrapped from the data of its members, e.g. those that deploys/destroy.py kept. Secrets of an existing cluster
change only if ``rotate`` names them; see docs/secrets.md.
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
