"""Measure the downtime that clients of the cluster see, e.g. during a network change.

    pyinfra inventory.py deploys/probe.py --data seconds=10 [--data picture=DIR]

Writes and reads through the declared endpoints, from the control machine, then says how long writes and reads were
interrupted and whether an acknowledged write is lost, and draws a picture of it. Refuses if the endpoints cannot be
reached from here. Repeatable; its database is dropped at the end.
"""

from deploys.parts.begin import declared_cluster
from deploys.procedures.probe import deploy_probe

cluster = declared_cluster()

if cluster is not None:
    deploy_probe(cluster=cluster)
