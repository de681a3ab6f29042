"""Promote a standby cluster: it accepts writes, and no longer follows its source.

    pyinfra inventory.py deploys/promote.py --data confirm=CLUSTER [--data source_is_lost=true]
        [--data force=true]

Without ``confirm`` it only shows the plan and what would be lost. Refuses while the source runs anywhere, because there
would be two primaries; and while a member of it cannot be reached, unless ``source_is_lost`` confirms that it is off
for good; and during a backup that reads from its leader, which ``force`` aborts. Repeatable: a cluster that accepts
writes is left as it is. See docs/runs/promote.md.
"""

from deploys.parts.options import option
from deploys.procedures.promote import meant_standby
from operations.runs.promote import promote_standby_cluster

cluster = meant_standby()

if cluster is not None:
    promote_standby_cluster(
        name="Promotion",
        cluster=cluster,
        confirmed=bool(option("confirm")),
        lost=option("source_is_lost"),
        force=option("force"),
    )
