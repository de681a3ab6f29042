"""A certificate for each component of a host, issued on the control machine, renewed in good time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation

from cluster.certificates import POSTGRES, SOURCE, CertificatePlace, certificate_places, owner_directories
from cluster.component import Component
from cluster.errors import UnsafeError
from cluster.files import Directory, File
from cluster.leaf_source import LeafSource, leaf_source
from cluster.model import Cluster, Node
from cluster.observed import SeenCertificate
from cluster.pki import public_key_digest
from cluster.render_standby import TRUST
from facts.certificates import HostCertificates
from operations.util.commands import make_directory, write_file
from operations.util.component import Commands, brought_up
from operations.util.remote import here
from operations.util.stage import planning


@operation()
def issued(cluster: Cluster, secrets_directory: Path) -> Commands:
    """
    Give every component of this host a certificate that its peers accept, and the CA that it shall trust.

    What lies on the host decides: a certificate is issued anew when it is absent, by another CA, for other names or
    uses, in the last third of its life, or does not fit its key. The private key is made on the control machine, goes
    over stdin to a file that only the component's user may read, and is kept nowhere else.

    + secrets_directory: ``.secrets/<cluster_name>``, where the cluster's own CA is kept
    """
    node = cluster.node(host.name)
    places = certificate_places(cluster, node)
    source = leaf_source(cluster, secrets_directory, keep=not planning())
    seen = host.get_fact(HostCertificates, places=[[p.certificate, p.key, p.authority] for p in places])
    stale = [place for place in places if _is_stale(source, node, place, seen[place.certificate])]
    untrusted = [place for place in places if seen[place.certificate]["authority"] != source.trust_pem]
    _refuse_another_authority(untrusted, seen)
    for path, user in owner_directories([*stale, *untrusted]).items():
        yield make_directory(Directory(path, user, user, "700"))
    for place in stale:
        yield from _leaf_files(source, node, place)
    for path, user in {place.authority: place.user for place in untrusted}.items():
        yield write_file(File(path, source.trust_pem, user, user, "644"))
    if not stale and not untrusted:
        host.noop("all certificates are valid and fit their keys")


def _refuse_another_authority(untrusted: list[CertificatePlace], seen: Mapping[str, SeenCertificate]) -> None:
    """etcd reads the CA at its start: members that trust different ones part, and the quorum goes with them."""
    if strange := [place.authority for place in untrusted if seen[place.certificate]["authority"] is not None]:
        raise UnsafeError(
            f"{here()} trusts another CA than the declared one ({strange[0]})\n"
            "HINT: use the .secrets directory of the machine that built the cluster; a living cluster keeps its CA."
        )


def _is_stale(source: LeafSource, node: Node, place: CertificatePlace, seen: SeenCertificate) -> bool:
    reason = source.renewal_reason(node, place, seen["pem"], datetime.now(UTC)) or _misfit(place, seen)
    if reason and seen["pem"] is not None:
        host.log(f"new certificate for {place.component}: {reason}")
    return reason is not None


def _misfit(place: CertificatePlace, seen: SeenCertificate) -> str | None:
    certificate = seen["pem"]
    if certificate is None or seen["key_digest"] != public_key_digest(certificate):
        return "it does not fit its private key"
    if seen["key_owner"] != f"{place.user}:600":
        return f"its key is {seen['key_owner']}, not {place.user}:600"
    return None


def _leaf_files(source: LeafSource, node: Node, place: CertificatePlace) -> Commands:
    leaf = source.leaf(node, place)
    if place.bundle:
        yield write_file(_file(place.certificate, leaf.certificate_pem + leaf.key_pem, place))
        return
    # The key first: a run that dies in between leaves a pair that does not fit, which the next run sees and mends.
    yield write_file(_file(place.key, leaf.key_pem, place))
    yield write_file(_file(place.certificate, leaf.certificate_pem, place))


def _file(path: str, content: str, place: CertificatePlace) -> File:
    return File(path, content, place.user, place.user, "600")


@operation()
def lent(cluster: Cluster, secrets_directory: Path, source_secrets: Path) -> Commands:
    """
    What a member of a standby cluster needs to believe its source and to be believed: a file with both CAs, and a
    certificate of the source's CA for its repository. Hosts of other clusters are left alone.

    + secrets_directory: ``.secrets/<cluster_name>``
    + source_secrets: that of the source
    """
    node = cluster.node(host.name)
    if cluster.source is None or "postgres" not in node.roles:
        host.noop("no source to be believed")
        return
    kept = not planning()
    own = leaf_source(cluster, secrets_directory, keep=kept)
    source = leaf_source(cluster.source, source_secrets, keep=kept)
    user = POSTGRES.user
    bundle = File(TRUST, own.trust_pem.rstrip("\n") + "\n" + source.trust_pem, user, user, "644")
    yield from brought_up(Component(files=(bundle,)))
    if cluster.reads_source(node):
        yield from _client(source, node)


def _client(source: LeafSource, node: Node) -> Commands:
    seen = host.get_fact(HostCertificates, places=[[SOURCE.certificate, SOURCE.key, SOURCE.authority]])
    stale = _is_stale(source, node, SOURCE, seen[SOURCE.certificate])
    trusts = seen[SOURCE.certificate]["authority"] == source.trust_pem
    if not stale and trusts:
        return
    yield make_directory(Directory(SOURCE.directory, SOURCE.user, SOURCE.user, "700"))
    if stale:
        yield from _leaf_files(source, node, SOURCE)
    yield write_file(File(SOURCE.authority, source.trust_pem, SOURCE.user, SOURCE.user, "644"))
