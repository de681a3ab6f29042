"""A lost etcd rebuilt: the order of it, over all hosts."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.verdicts.removal_notes import remaining
from cluster.verdicts.standby_role import refuse_standby
from deploys.parts.options import node_named, nodes_named, option
from operations import etcd
from operations.runs.etcd_restore import procedure


@deploy("etcd rebuilt")
def deploy_etcd_restore(declared: Cluster) -> None:
    """
    Rebuild etcd on the hosts that are left. Every host calls the steps over all of them.

    + declared: the cluster, hosts that are gone for good in it
    """
    refuse_standby(declared, "It holds only a copy: deploys/destroy.py --data wipe=true, then deploys/cluster.py.")
    cluster = remaining(declared, set(nodes_named(declared, "without")))
    if not cluster.etcd or not cluster.members:
        raise ConfigError("without: nothing of the cluster is left\nHINT: name only hosts that are gone for good.")
    procedure.rebuild(
        name="Rebuild etcd, start one member as leader",
        cluster=cluster,
        source=node_named(declared, "from"),
        confirmed=option("confirm") == declared.name,
    )
    etcd.quorum(name="Join the other hosts to etcd", cluster=cluster)
    procedure.finish(name="Wait for streaming standbys", cluster=cluster)
