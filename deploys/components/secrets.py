"""Where the control machine keeps what only it may know, and the secrets of a cluster."""

from functools import cache
from os import environ
from pathlib import Path

from pyinfra import host

from cluster.model import Cluster
from cluster.preflight_control import ENVIRONMENT, HeldSecrets
from cluster.secrets import NAMES, Secrets, known_secrets
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
    """The cluster's secrets: from the environment, else from its file, else made once. Read once in a run."""
    return _loaded(secrets_directory(cluster), tuple(environment_of(cluster).items()))


@cache
def _loaded(directory: Path, environment: tuple[tuple[str, str], ...]) -> Secrets:
    return Secrets.load(directory, dict(environment))


def held_secrets(cluster: Cluster) -> HeldSecrets:
    """What this machine holds of the cluster's secrets before a run makes any."""
    directory, given = secrets_directory(cluster), environment_of(cluster)
    own_ca = cluster.settings.certificates_directory is None and cluster.settings.certificates_ca_certificate is None
    stored = (directory / "secrets.json").exists()
    complete = (stored or set(given) == set(NAMES)) and (not own_ca or (directory / "ca.key").exists())
    values = known_secrets(directory, given)
    origin = {name: ENVIRONMENT if name in given else str(directory / "secrets.json") for name in values}
    return HeldSecrets(values, origin, complete, str(directory))
