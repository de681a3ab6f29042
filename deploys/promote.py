"""Promote a standby cluster: it takes writes, and follows its source no longer.

    pyinfra inventory.py deploys/promote.py --data confirm=CLUSTER [--data source_is_lost=true]

Without ``confirm`` it only says what would happen and what would be lost. Refuses while the source runs anywhere, for
there would be two primaries; and while a member of it cannot be reached, unless ``source_is_lost`` says that it is off
for good. Repeatable: a cluster that takes writes is left as it is. See docs/runs/promote.md.
"""

from deploys.parts.options import option
from deploys.procedures.promote import meant_standby
from operations.runs.promote import promoted

cluster = meant_standby()

if cluster is not None:
    promoted(
        name="Promotion",
        cluster=cluster,
        confirmed=bool(option("confirm")),
        lost=option("source_is_lost"),
    )
