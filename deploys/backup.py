"""Take a backup now: before an upgrade, after a failover, or the first one of a new cluster.

    pyinfra inventory.py deploys/backup.py [--data type=full|diff|incr]

By default an incremental one, or a full one if there is none yet. Creates the stanza if it is missing, checks that WAL
is archived, then takes the backup from a standby if one is available. The backup continues if this run is interrupted;
a run that finds a running one waits for it.
"""

from cluster.errors import ConfigError
from deploys.parts.begin import running_cluster
from deploys.parts.options import option
from operations.runs.backup import backup

cluster = running_cluster()

if cluster is not None:
    kind = option("type")
    if cluster.repository is None:
        raise ConfigError(
            f"cluster {cluster.name} has no repository host\n"
            "HINT: put a host in the group backup, and run deploys/cluster.py; see docs/runs/backup.md."
        )
    backup(name=f"Backup: {kind}", cluster=cluster, kind=kind)
