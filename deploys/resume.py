"""Let Patroni act again after deploys/pause.py, whoever paused it.

    pyinfra inventory.py deploys/resume.py

Refuses nothing, says what it finds: a leader that died meanwhile is replaced now. Repeatable; a second run changes
nothing.
"""

from deploys.parts.begin import running_cluster
from operations.runs.pause import resume

cluster = running_cluster()

if cluster is not None:
    resume(name="Resume", cluster=cluster)
