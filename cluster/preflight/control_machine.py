"""What the control machine brings to a cluster: passwords, a store's keys, and certificates that the user made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from cluster.components.all import certificate_places
from cluster.components.bgp import is_wanted, password_of
from cluster.components.monitoring.alertmanager import mail_password
from cluster.components.monitoring.prometheus import is_wanted as monitors
from cluster.components.pgbackrest import store_of
from cluster.declared.model import Cluster, Node
from cluster.errors import ConfigError
from cluster.finding_types.finding_type import RUN
from cluster.findings import Finding
from cluster.pki.certificates import CertificatePlace, leaf_request
from cluster.pki.issuers import SuppliedLeaves
from cluster.pki.verdicts import Authority, check_user_leaf
from cluster.secrets.secrets import repeated_secrets, weak_password_reason

ENVIRONMENT = "environment"
# Of a role that a run makes, and gives this password: it is new where no host has one, whatever a restored role has.
LATER = ("PGBOUNCER_PASSWORD", "MONITORING_PASSWORD")

T = TypeVar("T")


@dataclass(frozen=True)
class HeldSecrets:
    """
    What the control machine holds of a cluster's secrets before a run makes any.

    + values, origin: by name: the secret, and the file or the environment that it comes from
    + complete: nothing would have to be made, the CA included
    + place: the directory where they are kept
    + foreign: names whose value is not that of the cluster of which this one is a standby
    + unknown: what of its source's secrets, and whether its CA, is not on this machine
    + missing: names that would have to be made; + has_authority: the CA would not have to be
    + authority: the CA's certificates as they would lie on hosts; None where there are none
    """

    values: Mapping[str, str]
    origin: Mapping[str, str]
    complete: bool
    place: str
    foreign: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    has_authority: bool = True
    authority: str | None = None
    unknown: tuple[str, ...] = ()


def inheritance_findings(cluster: Cluster, held: HeldSecrets, *, alone: bool = False) -> Iterable[Finding]:
    """
    Passwords of a standby cluster that are not those of the roles which it gets with its source's data.

    + alone: the source is not built in the same run, so what is not known of it would be made up
    """
    if held.unknown and alone and cluster.source is not None and set(held.unknown) <= set(LATER):
        problem = (
            f"{cluster.source.name}, whose standby cluster {cluster.name} is, has no {', '.join(held.unknown)} yet"
        )
        hint = f"Run `{RUN}/cluster.py` for {cluster.source.name} first, which makes it."
        yield Finding(held.place, "source", problem, hint)
    elif held.unknown and alone and cluster.source is not None:
        problem = f"of {cluster.source.name} not known here, whose standby cluster {cluster.name} is"
        hint = f"Copy the .secrets directory of {cluster.source.name} from the machine that built it."
        yield Finding(held.place, "source", f"{', '.join(held.unknown)} {problem}", hint)
    for name in held.foreign:
        source = "" if cluster.source is None else cluster.source.name
        problem = f"is not that of {source}, whose roles the standby cluster {cluster.name} has"
        yield Finding(held.origin.get(name, ENVIRONMENT), name, problem, f"Give it the value that {source} has.")


def control_findings(
    cluster: Cluster, secrets: Mapping[str, str], origin: Mapping[str, str], now: datetime
) -> list[Finding]:
    """
    What is wrong with what the control machine has for a cluster.

    + secrets: by name; those that were given or all of them; no finding shows one
    + origin: where each of them comes from
    """
    return [
        *secret_findings(cluster, secrets, origin),
        *_authority_findings(cluster),
        *_certificate_findings(cluster, now),
        *_store_findings(cluster),
        *_router_findings(cluster),
        *_mail_findings(cluster),
    ]


def secret_findings(cluster: Cluster, secrets: Mapping[str, str], origin: Mapping[str, str]) -> Iterator[Finding]:
    """Passwords that are weak, of some example, or used twice. + secrets: by name; + origin: of each"""
    hint = "Take `openssl rand -hex 24`, or unset it: a secret that is not given is generated."
    for name, value in secrets.items():
        reason = weak_password_reason(name, value, forbidden=[cluster.name, *(node.name for node in cluster)])
        if reason is not None:
            yield Finding(origin[name], name, reason.removeprefix(f"{name} "), hint)
    for first, *others in repeated_secrets(secrets):
        problem = f"has the same value as {' and '.join(others)}"
        yield Finding(
            origin[first], first, problem, "Give each a value of its own: who learns one would have the others."
        )


def _authority_findings(cluster: Cluster) -> Iterator[Finding]:
    certificate, key = cluster.settings.certificates_ca_certificate, cluster.settings.certificates_ca_key
    if certificate is not None and key is not None:
        read = _tried(lambda: Authority.from_user(Path(certificate), Path(key)))
        if isinstance(read, ConfigError):
            yield _finding("group_data/all.py", "certificates_ca_certificate", read)


def _certificate_findings(cluster: Cluster, now: datetime) -> Iterator[Finding]:
    if cluster.settings.certificates_directory is None:
        return
    supplied = SuppliedLeaves(Path(cluster.settings.certificates_directory))
    authority = _tried(lambda: supplied.trust_pem)
    if isinstance(authority, ConfigError):
        yield _finding("group_data/all.py", "certificates_directory", authority)
        return
    for node in cluster:
        for place in certificate_places(cluster, node):
            if place.issuer != "cluster":
                continue  # ours whatever the user supplies
            yield from _leaf_findings(cluster, node, place, supplied, authority, now)


def _leaf_findings(
    cluster: Cluster,
    node: Node,
    place: CertificatePlace,
    supplied: SuppliedLeaves,
    authority: str,
    now: datetime,
) -> Iterator[Finding]:
    def problems() -> list[str]:
        leaf = supplied.leaf(node, place)
        return check_user_leaf(leaf.certificate_pem, leaf.key_pem, leaf_request(cluster, node, place), authority, now)

    where = f"{node.name}/{place.component}.crt"
    found = _tried(problems)
    if isinstance(found, ConfigError):
        yield _finding(where, "certificates_directory", found)
        return
    for problem in found:
        hint = f"Have it reissued for {node.name} with the names and the usage that docs/certificates.md lists."
        yield Finding(where, "certificates_directory", problem, hint)


def _store_findings(cluster: Cluster) -> Iterator[Finding]:
    keys = _tried(lambda: store_of(cluster))
    if isinstance(keys, ConfigError):
        yield _finding("group_data/all.py", "pgbackrest_s3_credentials", keys)


def _router_findings(cluster: Cluster) -> Iterator[Finding]:
    """One for each file of a router's password that cannot be taken."""
    read = {node.settings.bgp_password_file: node for node in cluster.members if is_wanted(cluster, node)}
    for node in read.values():
        password = _tried(partial(password_of, node))
        if isinstance(password, ConfigError):
            yield _finding(f"the data of {node.name}", "bgp_password_file", password)


def _mail_findings(cluster: Cluster) -> Iterator[Finding]:
    """The file with the mail server's password, where it is needed and cannot be read."""
    if any(monitors(cluster, node) for node in cluster):
        password = _tried(partial(mail_password, cluster))
        if isinstance(password, ConfigError):
            yield _finding("group_data/all.py", "monitoring_mail_password_file", password)


def _tried(act: Callable[[], T]) -> T | ConfigError:
    try:
        return act()
    except ConfigError as error:
        return error


def _finding(where: str, what: str, error: ConfigError) -> Finding:
    problem, _, hint = str(error).partition("\nHINT: ")
    hint = hint or "See docs/certificates.md."
    return Finding(where, what, problem.removeprefix(f"{what}: "), hint[:1].upper() + hint[1:])
