"""Keep Patroni from acting, e.g. while you work on etcd or restart Patroni itself. PostgreSQL runs on.

    pyinfra inventory.py deploys/pause.py

While it is paused there is no failover. Refuses while nobody leads. Repeatable; a second run changes nothing. The end
of it is deploys/resume.py.
"""

from deploys.parts.begin import running_cluster
from operations.runs.pause import pause

cluster = running_cluster()

if cluster is not None:
    pause(name="Pause", cluster=cluster)
