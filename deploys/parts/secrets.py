"""The secrets of a cluster, and where the control machine stores them."""

from collections.abc import Mapping
from functools import cache
from os import environ
from pathlib import Path

from pyinfra import host
from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.pki.issuers import authority_path, leaf_source
from cluster.preflight.control_machine import ENVIRONMENT, HeldSecrets
from cluster.secrets.secrets import NAMES, OF_ROLES, Secrets, known_secrets
from operations.live.preflight import declared_clusters_of
from operations.secrets import kept

DIRECTORY = Path(".secrets")


def secrets_directory(cluster: Cluster) -> Path:
    """The cluster's directory below the repository root, from which every run is started."""
    return DIRECTORY / cluster.name


def environment_of(cluster: Cluster) -> dict[str, str]:
    """
    The secrets that the environment gives to this cluster, by their names.

    With several clusters in one inventory each has variables of its own, ``ORDERS_PATRONI_ADMIN_PASSWORD``, for no two
    of them may share a password.
    """
    alone = len(declared_clusters_of(host.inventory)) == 1
    prefix = "" if alone else f"{cluster.name.upper().replace('-', '_')}_"
    return {name: environ[prefix + name] for name in NAMES if prefix + name in environ}


def cluster_secrets(cluster: Cluster) -> Secrets:
    """
    The cluster's secrets: from the environment, else from its file, else made once. Read once in a run. A standby
    cluster is made those of its source for the roles, and keeps them after its promotion.
    """
    inherited: dict[str, str] = {}
    if cluster.source is not None:
        theirs = cluster_secrets(cluster.source)
        inherited = {name: str(theirs[name]) for name in OF_ROLES if name not in theirs.from_environment}
    return _loaded(secrets_directory(cluster), tuple(environment_of(cluster).items()), tuple(inherited.items()))


Pairs = tuple[tuple[str, str], ...]


@cache
def _loaded(directory: Path, environment: Pairs, inherited: Pairs) -> Secrets:
    return Secrets.plan(directory, dict(environment), dict(inherited))


@deploy("Secrets")
def deploy_secrets(cluster: Cluster) -> None:
    """Those that this run makes are written down before any host gets one. + cluster: as declared"""
    kept(name="Keep the generated secrets", cluster=cluster, secrets=cluster_secrets(cluster))


def held_secrets(cluster: Cluster) -> HeldSecrets:
    """What this machine holds of the cluster's secrets before a run makes any."""
    directory, given = secrets_directory(cluster), environment_of(cluster)
    own_ca = cluster.settings.certificates_directory is None and cluster.settings.certificates_ca_certificate is None
    values = known_secrets(directory, given)
    origin = {name: ENVIRONMENT if name in given else str(directory / "secrets.json") for name in values}
    has_ca = not own_ca or (directory / "ca.key").exists()
    missing = tuple(name for name in NAMES if name not in {**_inheritable(cluster), **values})
    return HeldSecrets(
        values,
        origin,
        complete=has_ca and not missing,
        place=str(directory),
        foreign=_foreign(cluster, values),
        missing=missing,
        has_authority=has_ca,
        authority=_trusted(cluster, directory),
        unknown=() if cluster.source is None else _lacking(held_secrets(cluster.source)),
    )


def _lacking(source: HeldSecrets) -> tuple[str, ...]:
    names = tuple(name for name in OF_ROLES if name not in source.values)
    return names if source.has_authority else (*names, "CA")


def _trusted(cluster: Cluster, directory: Path) -> str | None:
    """The CA's certificates as hosts have them; None where there are none, or none that can be used."""
    if not authority_path(cluster, directory).exists():
        return None
    try:
        return leaf_source(cluster, directory, plans=True).trust_pem
    except ConfigError:
        return None


def _inheritable(cluster: Cluster) -> Mapping[str, str]:
    """Those that a standby cluster takes over from its source."""
    theirs = {} if cluster.source is None else held_secrets(cluster.source).values
    return {name: theirs[name] for name in OF_ROLES if name in theirs}


def _foreign(cluster: Cluster, values: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the roles that are not the source's: another value, or none where the source's is not in a file."""
    if cluster.source is None:
        return ()
    theirs = held_secrets(cluster.source)
    known = [name for name in OF_ROLES if name in theirs.values]
    taken = {name: theirs.values[name] for name in known if theirs.origin[name] != ENVIRONMENT}
    return tuple(name for name in known if {**taken, **values}.get(name) != theirs.values[name])
