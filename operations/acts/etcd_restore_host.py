"""One host's part in rebuilding etcd: its note, its old data put aside, etcd begun again from a source."""

from __future__ import annotations

import json
from shlex import quote

from pyinfra.api import StringCommand

from cluster.components.etcd import (
    UNIT,
    bootstrap_file,
    declared_peers,
    etcd_component,
    etcd_data_directory,
    etcdctl,
    peer_url,
)
from cluster.components.files import File
from cluster.declared.model import Cluster, Node
from cluster.plans.etcd_restore.order import DATA, NOTES, Order
from operations.acts.act import Act
from operations.acts.brought import brought
from operations.acts.commands import start_unit, write_file
from operations.acts.component import Commands

_COPY = f"{NOTES}/source.db"

# Whatever is there is kept. The marker of a host on which nothing was is the empty directory.
_ASIDE = """
systemctl stop {unit} || exit 1
[ -e {aside} ] && exit 0
if [ -e {data} ]; then mv {data} {aside}; else install -d -o etcd -g etcd -m 700 {aside}; fi
"""

# A new token gives the cluster and its members other identities: a member of the lost one that comes back, on a host
# that was not reached, cannot join, or form a quorum with these. The revision is raised beyond all that clients of the
# lost one can have seen; what they still hold is then known to be old. etcd of 3.4 has neither etcdutl nor that.
_BEGIN = """
set -e
umask 077
[ ! -e {data} ] || exit 0
tool=etcdutl; command -v etcdutl > /dev/null || tool=etcdctl
more=; if ETCDCTL_API=3 $tool snapshot restore --help 2>&1 | grep -q -- --bump-revision; then
  more='--bump-revision 1000000000 --mark-compacted'
fi
rm -rf {new}
ETCDCTL_API=3 $tool snapshot restore {source} --name {name} --initial-cluster {name}={peer} \\
  --initial-cluster-token {token} --initial-advertise-peer-urls {peer} --data-dir {new} {hash} $more > {log} 2>&1 ||
  {{ tail -n 5 {log} >&2; exit 1; }}
chown -R etcd:etcd {new}
sync
mv {new} {data}
"""

# What Patroni remembers of before: who led, who was in step, how far. It may be older than the data, and would keep the
# most advanced member from leading. Configuration, system identifier and history stay.
_FORGET = """
set -e
ectl() {{ {etcdctl} --command-timeout=10s "$@"; }}
for key in leader status optime/leader sync failover failsafe; do ectl del {prefix}$key > /dev/null; done
ectl del --prefix {prefix}members/ > /dev/null
"""


def record_etcd_job(node: Node, order: Order) -> Act:
    """Note on a host what is being done: until it is over no other run begins anything there."""
    write = write_file(File(f"{NOTES}/order.json", json.dumps(order.note) + "\n", mode="600"))
    return Act(node, StringCommand(f"install -d -m 700 {NOTES} &&", *write.bits, **write.connector_arguments))


def forget_etcd_job(node: Node) -> Act:
    """Take the note away: for this host it is over."""
    return Act(node, StringCommand(f"rm -rf {NOTES}"))


def set_etcd_aside(cluster: Cluster, node: Node, order: Order) -> Act:
    """Stop etcd on a host and keep its data beside. Does so once for each rebuilding."""
    data, aside = quote(etcd_data_directory(cluster)), quote(order.aside(cluster))
    return Act(node, StringCommand(_ASIDE.format(unit=UNIT, data=data, aside=aside)))


def begin_etcd(cluster: Cluster, order: Order) -> Commands:
    """Let etcd begin again on its first host, alone, from the source. Does nothing where that was done."""
    home = cluster.node(order.home)
    source = order.source_path(cluster)
    if order.source.host != order.home:
        yield from brought(cluster.node(order.source.host), order.source.path, home, _COPY)
        source = _COPY
    yield Act(home, StringCommand(_restoration(cluster, order, home, source)))
    yield Act(home, write_file(bootstrap_file(cluster, declared_peers(cluster), state="existing")))
    yield Act(home, start_unit(UNIT, etcd_component(cluster, home).units[0].loads))


def _restoration(cluster: Cluster, order: Order, home: Node, source: str) -> str:
    data = etcd_data_directory(cluster)
    return _BEGIN.format(
        data=quote(data),
        new=quote(f"{data}.new"),
        source=quote(source),
        name=quote(home.name),
        peer=quote(peer_url(cluster, home)),
        token=quote(f"{cluster.name}-etcd-{order.token}"),
        # A snapshot has a digest at its end, a database has not; that it is whole was seen when it was chosen.
        hash="--skip-hash-check" if order.source.kind == DATA else "",
        log=f"{NOTES}/log",
    )


def forget_leader(cluster: Cluster, order: Order) -> Act:
    """Take away, in the rebuilt etcd, what Patroni remembers of who led. Only while every Patroni is down."""
    home = cluster.node(order.home)
    endpoint = home.address.url(cluster.settings.etcd_client_port)
    script = _FORGET.format(etcdctl=etcdctl([endpoint]), prefix=quote(cluster.scope_key))
    return Act(home, StringCommand(script))
