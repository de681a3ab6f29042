"""Take the cluster back to a moment, from its backups.

    pyinfra inventory.py deploys/restore.py --data latest=true | time=... | lsn=... | name=... | set=LABEL
        [--data set=LABEL] [--data exclusive=true] [--data timeline=N] [--data node=NAME] --data confirm=CLUSTER
    pyinfra inventory.py deploys/restore.py --data cancel=true

STOPS the cluster. Without ``confirm`` it only says what would happen and what would be lost. One member is restored
from the backup and the archive, leads, and the others are made from it again. Impossible moments are refused before
anything stops; a run that was cut off is gone on with by the next one. See docs/restore.md.
"""

from deploys.components.options import member_named, option
from deploys.components.restore import asked_moment, is_confirmed
from deploys.components.start import running_cluster
from operations.pgbackrest_backup import backup
from operations.pgbackrest_restore import given_back, restored

cluster = running_cluster()

if cluster is not None and option("cancel", bool, False):
    given_back(name="Restore: given back", cluster=cluster)
elif cluster is not None:
    restored(
        name="Restore",
        cluster=cluster,
        target=asked_moment(),
        member=member_named(cluster, "node"),
        confirmed=is_confirmed(cluster),
        unarchived=option("unarchived", bool, False),
    )
    # Nothing in the repository belongs to the new timeline yet.
    backup(name="Backup: incr", cluster=cluster, kind="incr")
