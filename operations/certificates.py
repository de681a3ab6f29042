"""A certificate for each component of a host, issued on the control machine, renewed in good time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.all import certificate_places
from cluster.components.component import Component
from cluster.components.files import Directory, File
from cluster.components.patroni_unit import hup
from cluster.components.standby_cluster import TRUST
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.host import SeenCertificate
from cluster.pki.certificates import POSTGRES, SOURCE, CertificatePlace, Issuer, owner_directories
from cluster.pki.issuers import Duty, LeafSource, is_known_trust, leaf_source, leaf_sources, trust_pem
from cluster.pki.verdicts import public_key_digest
from cluster.verdicts.etcd_trust import authorities
from facts.certificates import HostCertificates
from operations.acts.commands import write_files
from operations.acts.component import Commands, apply_component
from operations.live.etcd_trust import etcd_duties
from operations.util.first_look import looks_again
from operations.util.hosts import current_node
from operations.util.planning import dry_run
from operations.util.said import said


@operation()
@looks_again
def issued(cluster: Cluster, secrets_directory: Path, source_secrets: Path | None = None) -> Commands:
    """
    Give every component of this host a certificate that its peers accept, and the CA that it shall trust.

    What lies on the host decides: a certificate is issued anew when it is absent, by another CA, for other names or
    uses, in the last third of its life, or does not fit its key. Of etcd's a host may have to keep, for now, one of the
    CA that vouched for them before; see ``etcd_trust.own``. The private key is made on the control machine, goes
    over stdin to a file that only the component's user may read, and is kept nowhere else.

    + secrets_directory: ``.secrets/<cluster_name>``, where the CAs of our own are kept
    + source_secrets: that of the source, which lets the members of its standby in
    """
    node = cluster.node(host.name)
    places = certificate_places(cluster, node)
    seen = said(HostCertificates, places=[[p.certificate, p.key, p.authority] for p in places])
    # Before a CA of ours is made: where its files were lost, another one would only be in the way of the copy.
    _refuse_another_authority(leaf_sources(cluster, secrets_directory, source_secrets, plans=True), places, seen)
    sources = leaf_sources(cluster, secrets_directory, source_secrets, plans=dry_run())
    duties = [*_duties(sources, places), *etcd_duties(cluster, node, sources, seen)]
    stale = [duty for duty in duties if _is_stale(duty, node, seen[duty.place.certificate])]
    untrusted = [duty for duty in duties if seen[duty.place.certificate]["authority"] != duty.trust]
    if stale or untrusted:
        yield _written(stale, untrusted, node)
    if POSTGRES.authority in {duty.place.authority for duty in untrusted}:
        # Before anybody knocks with a certificate of a CA that PostgreSQL has not read.
        yield StringCommand(hup(cluster))
    if not stale and not untrusted:
        host.noop("all certificates are valid and fit their keys")


def _written(stale: Sequence[Duty], untrusted: Sequence[Duty], node: Node) -> StringCommand:
    owners = owner_directories(duty.place for duty in (*stale, *untrusted))
    directories = [Directory(path, user, user, "700") for path, user in owners.items()]
    trust = {duty.place.authority: trust_file(duty) for duty in untrusted}
    return write_files(directories, [*(leaf_files(duty, node) for duty in stale), *([file] for file in trust.values())])


def _duties(sources: Mapping[Issuer, LeafSource], places: Iterable[CertificatePlace]) -> Iterable[Duty]:
    """All certificates but those of etcd."""
    own = (place for place in places if place.issuer != "etcd")
    return (Duty(place, sources[place.issuer], trust_pem(place, sources)) for place in own)


def _refuse_another_authority(
    sources: Mapping[Issuer, LeafSource], places: Iterable[CertificatePlace], seen: Mapping[str, SeenCertificate]
) -> None:
    """Members that trust different CAs part, and etcd's quorum may go with them. + seen: ``HostCertificates``"""
    between = authorities(sources)
    strange = [
        place
        for place in places
        if (there := seen[place.certificate])["authority"] is not None
        and not is_known_trust(place, there["authority"], sources)
        and (place.issuer != "etcd" or between.trust(there) == "foreign")
    ]
    if strange:
        raise UnsafeError(
            f"{current_node()} trusts another CA than the declared one ({strange[0].authority})\n"
            "HINT: use the .secrets directory of the machine that built the cluster; a living cluster keeps its CA."
        )


def _is_stale(duty: Duty, node: Node, seen: SeenCertificate) -> bool:
    reason = duty.renewal_reason(node, seen, datetime.now(UTC)) or _misfit(duty.place, seen)
    if reason and seen["pem"] is not None:
        host.log(f"new certificate for {duty.place.component}: {reason}")
    return reason is not None


def _misfit(place: CertificatePlace, seen: SeenCertificate) -> str | None:
    certificate = seen["pem"]
    if certificate is None or seen["key_digest"] != public_key_digest(certificate):
        return "it does not fit its private key"
    if seen["key_owner"] != f"{place.user}:600":
        return f"its key is {seen['key_owner']}, not {place.user}:600"
    return None


def leaf_files(duty: Duty, node: Node) -> list[File]:
    """A new certificate with its key, to be written together. + duty: of that host, ``node``"""
    leaf, place = duty.leaf(node), duty.place
    if place.bundle:
        return [_file(place.certificate, leaf.certificate_pem + leaf.key_pem, place)]
    return [_file(place.key, leaf.key_pem, place), _file(place.certificate, leaf.certificate_pem, place)]


def trust_file(duty: Duty) -> File:
    """The CA file beside a certificate."""
    return File(duty.place.authority, duty.trust, duty.place.user, duty.place.user)


def _file(path: str, content: str, place: CertificatePlace) -> File:
    return File(path, content, place.user, place.user, "600")


@operation()
@looks_again
def trust_source(cluster: Cluster, secrets_directory: Path, source_secrets: Path) -> Commands:
    """
    What a member of a standby cluster needs to believe its source and to be believed: a file with both CAs, and a
    certificate of the source's CA for its repository. Hosts of other clusters are left alone.

    + secrets_directory: ``.secrets/<cluster_name>``
    + source_secrets: that of the source
    """
    node = cluster.node(host.name)
    if cluster.source is None or "postgres" not in node.roles:
        host.noop("no source cluster to trust")
        return
    own = leaf_source(cluster, secrets_directory, plans=dry_run())
    source = leaf_sources(cluster.source, source_secrets, plans=dry_run())
    user = POSTGRES.user
    bundle = File(TRUST, own.trust_pem.rstrip("\n") + "\n" + source["cluster"].trust_pem, user, user, "644")
    yield from apply_component(Component(files=(bundle,)))
    if cluster.reads_source(node):
        yield from lent(SOURCE, source[SOURCE.issuer], node)


def lent(place: CertificatePlace, source: LeafSource, node: Node) -> Commands:
    """A certificate of another cluster's CA, and the CA file beside it. + place: on that host, ``node``"""
    seen = said(HostCertificates, places=[[place.certificate, place.key, place.authority]])
    duty = Duty(place, source, source.trust_pem)
    stale = _is_stale(duty, node, seen[place.certificate])
    trusts = seen[place.certificate]["authority"] == source.trust_pem
    if not stale and trusts:
        return
    yield _written([duty] if stale else [], [duty], node)
