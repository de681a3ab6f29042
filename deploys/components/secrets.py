"""Where the control machine keeps what only it may know, and the secrets of a cluster."""

from functools import cache
from os import environ
from pathlib import Path

from cluster.model import Cluster
from cluster.secrets import Secrets

DIRECTORY = Path(".secrets")


def secrets_directory(cluster: Cluster) -> Path:
    """The cluster's directory below the repository root, from which every run is started."""
    return DIRECTORY / cluster.name


def cluster_secrets(cluster: Cluster) -> Secrets:
    """The cluster's secrets: from the environment, else from its file, else made once. Read once in a run."""
    return _loaded(secrets_directory(cluster))


@cache
def _loaded(directory: Path) -> Secrets:
    return Secrets.load(directory, environ)
