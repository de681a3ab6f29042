"""The scraper's certificate for a Prometheus that is no host of the cluster."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.finding_types.finding_type import RUN
from cluster.pki.authority import Authority, Leaf
from cluster.pki.issuers import MONITORING_AUTHORITY
from cluster.pki.verdicts import LeafRequest, renewal_reason

NAME = "scraper"


def scraper_authority(cluster: Cluster, secrets_directory: Path) -> Authority:
    """
    The CA of the exporters. Refuses to make one: the hosts would not know it. + secrets_directory: of the cluster
    """
    if not (secrets_directory / f"{MONITORING_AUTHORITY}.crt").exists():
        raise ConfigError(
            f"{cluster.name} has no exporters yet: there is no {MONITORING_AUTHORITY}.crt in {secrets_directory}\n"
            f"HINT: set monitoring = True and run `{RUN}/cluster.py`, which makes it."
        )
    return Authority.load_or_create(secrets_directory, f"{cluster.name} monitoring", MONITORING_AUTHORITY)


def scraper_leaf(cluster: Cluster, authority: Authority, kept: Leaf | None, now: datetime) -> Leaf:
    """
    A certificate that opens the exporters of a cluster, and nothing else.

    + kept: the one that an earlier run has issued, which stays as long as it is good
    """
    request = LeafRequest(
        common_name=NAME,
        dns_names=(NAME,),
        addresses=(),
        server=False,
        client=True,
        days=cluster.settings.certificates_days,
    )
    good = kept is not None and renewal_reason(kept.certificate_pem, request, authority, now) is None
    return kept if kept is not None and good else authority.issue(request)
