"""The availability probe, for any run that is asked for one."""

from __future__ import annotations

from pyinfra.api import deploy

from cluster.declared.model import Cluster
from cluster.endpoints.probe_question import Probe, probe_question
from cluster.errors import ConfigError
from cluster.pki.issuers import authority_path
from deploys.parts.options import option
from deploys.parts.secrets import cluster_secrets, held_secrets, secrets_directory
from operations.runs import probe


def probe_of(cluster: Cluster) -> Probe | None:
    """What ``operations.probe.probing`` takes: how the probe connects when ``--data probe=true`` asks for one."""
    return _question(cluster) if option("probe") else None


@deploy("Probe")
def deploy_probe(cluster: Cluster) -> None:
    """Measure for as long as ``--data seconds=N`` says. + cluster: as declared"""
    probe.measure(name="Measure what clients see", cluster=cluster, probe=_question(cluster), seconds=option("seconds"))


def _question(cluster: Cluster) -> Probe:
    held = held_secrets(cluster)
    if not held.complete:
        raise ConfigError(
            f"the secrets or the CA of {cluster.name} are not on this machine\n"
            f"HINT: copy {held.place} from the machine that built the cluster, or leave the probe away."
        )
    authority = authority_path(cluster, secrets_directory(cluster)).resolve()
    question = probe_question(cluster, cluster_secrets(cluster)["PATRONI_ADMIN_PASSWORD"], str(authority))
    return Probe(question, cluster.name, option("picture"))
