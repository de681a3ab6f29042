"""Take a snapshot of etcd now: before its hosts are touched, or to see that it can be done.

    pyinfra inventory.py deploys/etcd_snapshot.py

On every host with etcd, where a timer does the same every ``etcd_snapshot_interval_minutes``. The newest one is brought
to the repository host. See docs/runs/etcd-snapshot.md. Repeatable. Refuses while etcd has no quorum.
"""

from deploys.parts.begin import running_cluster
from operations.runs.etcd_snapshot import taken

cluster = running_cluster()

if cluster is not None:
    taken(name="Take a snapshot of etcd", cluster=cluster)
