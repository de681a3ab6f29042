"""Start the whole cluster in the safe order: after deploys/stop.py, after a power cut, or when half of it came up.

    pyinfra inventory.py deploys/start.py [--data without=pg3]

etcd first, until it has its quorum; then the member with the newest data, so that no acknowledged write is lost; then
the others, HAProxy and the timers. Refuses while a declared member cannot be read that may have newer data, unless
``without`` gives it up. Repeatable, and can be cut off anywhere; on a cluster that runs it changes nothing.
See docs/runs/start.md.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.options import members_named
from deploys.procedures.power import deploy_start

cluster = running_cluster()

if cluster is not None:
    deploy_start(cluster, members_named(cluster, "without"))
