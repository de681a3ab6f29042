"""Make another member the leader: before work on the leader's host, or to move the leader back.

    pyinfra inventory.py deploys/switchover.py [--data candidate=NAME] [--data without=NAME,NAME] [--data probe=true]
        [--data force=true]

By default it chooses the best candidate: synchronous before asynchronous, then the least lag. Refuses what Patroni
would refuse later, and what would cause damage: see docs/runs/switchover.md; with ``force`` it aborts a running
backup. Repeatable: with ``candidate``, a run that finds it as the leader changes nothing.
"""

from deploys.parts.begin import running_cluster
from deploys.parts.held_clients import holding_of
from deploys.parts.options import member_named, members_named, option
from deploys.procedures.probe import probe_of
from operations.runs.switchover import switchover

cluster = running_cluster()

if cluster is not None:
    switchover(
        name="Switchover",
        cluster=cluster,
        candidate=member_named(cluster, "candidate"),
        without=members_named(cluster, "without"),
        probe=probe_of(cluster),
        force=option("force"),
        holding=holding_of(cluster, members_named(cluster, "without")),
    )
