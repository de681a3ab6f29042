"""End a pause of Patroni, so that it acts again.

    pyinfra inventory.py deploys/resume.py

Refuses nothing, and reports what it finds: if the leader died meanwhile, another one is elected now. Repeatable; a
second run changes nothing.
"""

from deploys.parts.begin import running_cluster
from operations.runs.pause import resume

cluster = running_cluster()

if cluster is not None:
    resume(name="Resume", cluster=cluster)
