"""Measure what clients of the cluster feel, e.g. beside a change of the network.

    pyinfra inventory.py deploys/probe.py --data seconds=10

Writes and reads through the declared endpoints, from the machine that runs it, then says for how long writes and reads
were interrupted and whether an acknowledged write is lost. Refuses when the endpoints cannot be used from here.
Repeatable; its database is dropped at the end.
"""

from deploys.parts.begin import declared_cluster
from deploys.procedures.probe import deploy_probe

cluster = declared_cluster()

if cluster is not None:
    deploy_probe(cluster)
