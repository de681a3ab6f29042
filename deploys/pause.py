"""Pause Patroni, e.g. while you work on etcd or restart Patroni itself. PostgreSQL keeps running.

    pyinfra inventory.py deploys/pause.py

During a pause there is no failover. Refuses while there is no leader. Repeatable; a second run changes nothing.
deploys/resume.py ends the pause.
"""

from deploys.parts.begin import running_cluster
from operations.runs.pause import pause

cluster = running_cluster()

if cluster is not None:
    pause(name="Pause", cluster=cluster)
