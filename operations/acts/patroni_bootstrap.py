"""Restart a bootstrap that was interrupted because its host died."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import StringCommand

from cluster.components.component import Component
from cluster.components.etcd import etcdctl
from cluster.declared.model import Cluster
from cluster.errors import UnsafeError
from cluster.observed.patroni import SeenPatroni
from cluster.verdicts.health import was_cut_off
from facts.etcd import EtcdCluster
from facts.host import HostComponent
from facts.pgbackrest_restore import RestoreState
from operations.acts.act import Act
from operations.acts.component import Commands, apply_component
from operations.util.hosts import coordinator, current_node
from operations.util.reading import read, read_all


def begun_again(cluster: Cluster, seen: SeenPatroni, beginning: Component) -> Commands:
    """
    Take away what a cut-off bootstrap left, and let the first member begin anew; nothing when there is no such thing.

    The half-made data directory is moved aside, not removed. The key in etcd goes only if it is
    still what was seen. Refused while another member holds data.

    + seen: ``PatroniCluster``, after enough waiting that a healthy bootstrap would be over
    + beginning: the first member's component with its bootstrap section
    """
    first, witness = cluster.members[0], coordinator(cluster.etcd)
    question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key}
    etcd = read([witness], EtcdCluster, **question)[witness.name]
    if (
        current_node() != first.name
        or etcd is None
        or etcd["keys"] is None
        or not was_cut_off(cluster, seen, etcd["keys"])
    ):
        return
    if host.get_fact(RestoreState, data=cluster.data_directory)["order"] is not None:
        return  # what looks half made are restored data, which Patroni is about to take over
    _refuse_if_others_have_data(cluster)
    host.log("the bootstrap was interrupted before anything could be stored; it is started again")
    data = cluster.data_directory
    aside = f"if [ -e {data} ]; then mv {data} {data}.interrupted-$(date +%s); fi"
    yield StringCommand(f"systemctl stop patroni && {aside}")
    yield Act(witness, StringCommand(_forget(cluster, etcd["keys"])))
    yield from apply_component(beginning)


def _refuse_if_others_have_data(cluster: Cluster) -> None:
    """A cut-off bootstrap has no standbys yet: where one has data, the key in etcd was lost otherwise."""
    version = f"{cluster.data_directory}/PG_VERSION"
    seen = read_all(cluster.members[1:], HostComponent, paths=[version], units={})
    if filled := [name for name, picture in seen.items() if picture["paths"][version] is not None]:
        raise UnsafeError(
            f"etcd knows no configuration of {cluster.name}, and {', '.join(filled)} holds data\n"
            "HINT: nothing is started again while data is there; restore etcd, or move that data away by hand."
        )


def _forget(cluster: Cluster, keys: Mapping[str, str]) -> str:
    """Delete the key in one transaction with a look at its value."""
    key = cluster.key("initialize")
    transaction = f"""value("{key}") = "{keys[key]}"\\n\\ndel {key}\\n\\n\\n"""
    return f"printf '{transaction}' | {etcdctl(cluster.etcd_endpoints)} txn | grep -qx SUCCESS"
