"""Take a snapshot of etcd now: before work on its hosts, or to test that it works.

    pyinfra inventory.py deploys/etcd_snapshot.py

On every etcd host, where a timer does the same every ``etcd_snapshot_interval_minutes``. The newest one is copied to
the repository host. See docs/runs/etcd-snapshot.md. Repeatable. Refuses while etcd has no quorum.
"""

from deploys.parts.begin import running_cluster
from operations.runs.etcd_snapshot import take_snapshot

cluster = running_cluster()

if cluster is not None:
    take_snapshot(name="Take a snapshot of etcd", cluster=cluster)
