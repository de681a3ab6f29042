"""Start the whole cluster in the safe order: after deploys/stop.py, a power cut, or when only some hosts came up.

    pyinfra inventory.py deploys/start.py [--data without=pg3]

etcd first, until it has its quorum; then the member with the newest data, so that no acknowledged write is lost; then
the others, HAProxy and the timers. Refuses while a declared member that may have newer data cannot be read, unless
``without`` leaves it out. Repeatable, and can be interrupted at any point; on a running cluster it changes nothing.
See docs/runs/start.md.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.options import members_named
from deploys.procedures.power import deploy_start

cluster = running_cluster()

if cluster is not None:
    deploy_start(cluster=cluster, without=members_named(cluster, "without"))
