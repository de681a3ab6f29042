"""Run a restore drill: prove on the repository host that a backup can be restored, and keep the report there.

    pyinfra inventory.py deploys/verify_backup.py [--data set=LABEL]

Restores the newest backup, or the named one, into an isolated scratch instance, replays the archive on it, reads every
page, table and index, compares it with the running cluster, verifies the repository, and removes the copy again. Exits
with 1 and the reason if anything is wrong. The drill continues if this run is interrupted; a run that finds a running
one waits for it. Refuses an unknown label.
"""

from cluster.errors import ConfigError
from deploys.parts.begin import running_cluster
from deploys.parts.options import option
from operations.runs.verify_backup import drill

cluster = running_cluster()

if cluster is not None:
    if cluster.repository is None:
        raise ConfigError(
            f"cluster {cluster.name} has no repository host\n"
            "HINT: put a host in the group backup, and run deploys/cluster.py; see docs/runs/backup.md."
        )
    drill(name="Restore drill", cluster=cluster, label=option("set") or None)
