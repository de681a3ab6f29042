"""Where the control machine keeps what only it may know, and the secrets of a cluster."""

from collections.abc import Mapping
from functools import cache
from os import environ
from pathlib import Path

from pyinfra import host

from cluster.model import Cluster
from cluster.preflight_control import ENVIRONMENT, HeldSecrets
from cluster.secrets import NAMES, OF_ROLES, Secrets, known_secrets
from operations.preflight import declared_clusters_of

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
    return Secrets.load(directory, dict(environment), dict(inherited))


def held_secrets(cluster: Cluster) -> HeldSecrets:
    """What this machine holds of the cluster's secrets before a run makes any."""
    directory, given = secrets_directory(cluster), environment_of(cluster)
    own_ca = cluster.settings.certificates_directory is None and cluster.settings.certificates_ca_certificate is None
    stored = (directory / "secrets.json").exists()
    complete = (stored or set(given) == set(NAMES)) and (not own_ca or (directory / "ca.key").exists())
    values = known_secrets(directory, given)
    origin = {name: ENVIRONMENT if name in given else str(directory / "secrets.json") for name in values}
    return HeldSecrets(values, origin, complete, str(directory), _foreign(cluster, values))


def _foreign(cluster: Cluster, values: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the roles that are not the source's: another value, or none where the source's is not in a file."""
    if cluster.source is None:
        return ()
    theirs = held_secrets(cluster.source)
    known = [name for name in OF_ROLES if name in theirs.values]
    taken = {name: theirs.values[name] for name in known if theirs.origin[name] != ENVIRONMENT}
    return tuple(name for name in known if {**taken, **values}.get(name) != theirs.values[name])
