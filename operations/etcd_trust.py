"""Migrate a running etcd from the cluster's CA to its own: the last steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import PATRONI, PATRONI_ETCD, CertificatePlace
from cluster.pki.issuers import LeafSource, leaf_sources
from cluster.verdicts.etcd_trust import Authorities, authorities, etcd_holders, etcd_places
from operations.acts.act import Act
from operations.acts.commands import write_file, write_files
from operations.acts.component import Commands
from operations.certificates import leaf_files, trust_file
from operations.etcd import refuse_unloaded, restarts
from operations.live.etcd_trust import held, is_between, own_duty
from operations.util.hosts import acts_for, in_this_run
from operations.util.planning import decide_later, dry_run

SHOWN_SECONDS = 60

# Patroni takes the new paths of its REST API when its loop comes round. Until then it shows other members, as a client,
# what lies under the old ones, and they believe nobody whom etcd's CA vouches for.
_SHOWN = r"""timeout {seconds} sh -c '
  serial() {{ openssl x509 -noout -serial 2>/dev/null; }}
  until [ "$(openssl s_client -connect {rest} </dev/null 2>/dev/null | serial)" = "$(serial < {certificate})" ]
  do sleep 0.2; done' || {{ echo "Patroni does not show {certificate} on {rest}" >&2; false; }}"""

Held = Mapping[tuple[str, str], SeenCertificate]


@operation()
def own(cluster: Cluster, secrets_directory: Path) -> Commands:
    """
    Let etcd believe nobody but whom its own CA vouches for. Clusters of earlier versions had one CA for everything, and
    whoever had a certificate of it was root in etcd.

    By now all of etcd's members and clients trust both, and have loaded it. Each gets a certificate of the new CA; when
    all have one, the trust in the other goes, and etcd's members are restarted one at a time, each only while all are
    healthy. Cut off anywhere, the next run goes on with it by what the hosts have. Called on every host; one acts.

    Left for a later run while ``--limit`` leaves out a host of etcd or a member: it would not be let in any more.
    """
    nodes = etcd_holders(cluster)
    if not acts_for(cluster.etcd):  # from where etcd is asked before each restart
        host.noop("another host looks after it")
        return
    if not is_between(cluster):
        host.noop("etcd accepts only certificates of its own CA")
        return
    if dry_run():
        yield from decide_later("etcd's certificates, by a CA of its own")
        return
    if left := [node.name for node in nodes if node not in in_this_run(nodes)]:
        host.noop(f"etcd continues with the cluster's CA: {', '.join(left)} is not in this run")
        return
    sources = leaf_sources(cluster, secrets_directory)
    between = authorities(sources)
    yield from _issued(cluster, between, sources["etcd"], _refused_unless_all_trust(cluster, between))
    yield from _parted(cluster, between, sources["etcd"], held(cluster))
    yield from restarts(cluster)


def _refused_unless_all_trust(cluster: Cluster, between: Authorities) -> Held:
    """What lies on the hosts. Refuses while somebody would not believe a certificate of etcd's own CA."""
    seen = held(cluster)
    if deaf := [name for (name, _), one in seen.items() if between.trust(one) not in ("both", "own")]:
        raise UnsafeError(
            f"{deaf[0]} does not trust etcd's own CA yet\nHINT: run deploys/cluster.py again, which resumes it."
        )
    refuse_unloaded(cluster)
    return seen


def _places(cluster: Cluster) -> Iterable[tuple[Node, CertificatePlace]]:
    """Clients first: with etcd's own files the change is over, and they say so to the next run."""
    listed = [(node, place) for node in etcd_holders(cluster) for place in etcd_places(cluster, node)]
    return sorted(listed, key=lambda one: one[1] != PATRONI_ETCD)


def _issued(cluster: Cluster, between: Authorities, source: LeafSource, seen: Held) -> Commands:
    for node, place in _places(cluster):
        mine = seen[node.name, place.certificate]
        if between.is_own(mine):
            continue
        host.log(f"{node.name}: {place.component} gets a certificate of etcd's own CA")
        if place == PATRONI_ETCD:
            yield Act(node, _shown(cluster, node))
        yield Act(node, write_files((), [leaf_files(own_duty(between, source, place, mine), node)]))


def _shown(cluster: Cluster, node: Node) -> StringCommand:
    rest = node.address.endpoint(cluster.settings.patroni_rest_port)
    return StringCommand(_SHOWN.format(seconds=SHOWN_SECONDS, rest=rest, certificate=PATRONI.certificate))


def _parted(cluster: Cluster, between: Authorities, source: LeafSource, seen: Held) -> Commands:
    """Take the former CA out of the files. Refuses while a host has a certificate of it."""
    if late := [name for (name, _), one in seen.items() if not between.is_own(one)]:
        raise UnsafeError(
            f"{late[0]} has no certificate of etcd's own CA\nHINT: run deploys/cluster.py again, which issues it."
        )
    for node, place in _places(cluster):
        mine = seen[node.name, place.certificate]
        if mine["authority"] != between.own:
            duty = own_duty(between, source, place, {**mine, "authority": None})
            yield Act(node, write_file(trust_file(duty)))
