"""Prove that a backup can be restored: on the repository host, beside everything else, and leave the proof there.

    pyinfra inventory.py deploys/verify_backup.py [--data set=LABEL]

Restores the newest backup, or the one that is named, into a scratch instance that nobody can connect to, replays the
archive on it, reads every page, table and index, compares it with the living cluster, verifies the repository, and
removes the copy again. Ends with exit code 1 and the reason when anything is wrong. The drill goes on when this run is
interrupted; a run that finds one under way waits for its end. Refuses a label that no backup has.
"""

from cluster.errors import ConfigError
from deploys.parts.begin import running_cluster
from deploys.parts.options import option
from operations.runs.verify_backup import drilled

cluster = running_cluster()

if cluster is not None:
    if cluster.repository is None:
        raise ConfigError(
            f"cluster {cluster.name} has no repository host\n"
            "HINT: put a host in the group backup, and run deploys/cluster.py; see docs/runs/backup.md."
        )
    drilled(name="Restore drill", cluster=cluster, label=option("set") or None)
