"""The secrets that a run makes, written down on the control machine."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.declared.model import Cluster
from cluster.secrets.secrets import Secrets
from operations.acts.component import Commands
from operations.util.hosts import acts_for
from operations.util.planning import decide_later, dry_run


@operation()
def kept(cluster: Cluster, secrets: Secrets) -> Commands:
    """
    Write down what was generated, before any host gets one of them. A plan writes nothing. Refuses when another run has
    generated the same ones meanwhile.

    + secrets: all of the cluster, as this run uses them
    """
    made = secrets.made
    if not acts_for(cluster.nodes) or (not made and dry_run()):
        host.noop("no secret has to be stored")
        return
    if dry_run():
        yield from decide_later(f"{', '.join(made)}, generated and written into {secrets.path}")
        return
    secrets.keep()
    host.noop(f"generated: {', '.join(made)}" if made else "all secrets were stored already")
