"""Take the cluster back to a moment, from its backups.

    pyinfra inventory.py deploys/restore.py --data latest=true | time=... | lsn=... | name=... | set=LABEL
        [--data set=LABEL] [--data exclusive=true] [--data timeline=N] [--data node=NAME] --data confirm=CLUSTER
    pyinfra inventory.py deploys/restore.py --data cancel=true
    pyinfra inventory.py deploys/restore.py --data source=OTHER --data latest=true --data confirm=CLUSTER

STOPS the cluster. Without ``confirm`` it only says what would happen and what would be lost. One member is restored
from the backup and the archive, leads, and the others are made from it again. Impossible moments are refused before
anything stops; a run that was cut off is gone on with by the next one. See docs/restore.md.

With ``source`` nothing is stopped: CLUSTER does not exist yet, and is built on its own hosts from a backup of OTHER.
"""

from deploys.components.options import member_named, option
from deploys.components.pgbackrest_restore import asked_moment, begun_cluster, deploy_from_source, meant_cluster
from operations.pgbackrest_backup import backup
from operations.pgbackrest_restore import given_back, restored

source = option("source", str, "")
cluster = begun_cluster() if source else meant_cluster()

if cluster is None:
    pass
elif source:
    deploy_from_source(cluster, source, asked_moment())
    backup(name="Backup: full", cluster=cluster, kind="full")
elif option("cancel", bool, False):
    given_back(name="Restore: given back", cluster=cluster)
else:
    restored(
        name="Restore",
        cluster=cluster,
        target=asked_moment(),
        member=member_named(cluster, "node"),
        repository=option("repository", int, 0),
        confirmed=bool(option("confirm", str, "")),
        unarchived=option("unarchived", bool, False),
    )
    # Nothing in the repository belongs to the new timeline yet.
    backup(name="Backup: incr", cluster=cluster, kind="incr")
