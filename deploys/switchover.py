"""Let another member lead: before work on the leader's host, or to bring the leader back to where it belongs.

    pyinfra inventory.py deploys/switchover.py [--data candidate=NAME] [--data without=NAME,NAME] [--data probe=true]
        [--data force=true]

Without a candidate it takes the best one: synchronous before asynchronous, then the least lag. Refuses what Patroni
would refuse later, and what it would regret: see docs/runs/switchover.md; with ``force`` it lets a backup that is under
way break off. Repeatable: with ``candidate`` given, a run that finds it leading changes nothing.
"""

from deploys.parts.begin import running_cluster
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
    )
