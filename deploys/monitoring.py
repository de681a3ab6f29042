"""Show where the metrics of the cluster are, or write the files for a Prometheus of your own.

    pyinfra inventory.py deploys/monitoring.py [--data export=DIR]

Without an option it asks every host whether what serves metrics there answers, and says where Prometheus and
Alertmanager are. With ``export`` it writes into a directory on this machine: scrape configuration, targets, rules,
dashboards, and the certificate with which a scraper is let in. Changes nothing on hosts and waits for no other run.
Refuses errors in the inventory, a cluster without exporters, and a Grafana that is named and does not answer.
"""

from pathlib import Path

from cluster.declared.model import Cluster
from cluster.pki.issuers import authority_path
from deploys.parts.begin import look_alone
from deploys.parts.options import option
from deploys.parts.secrets import secrets_directory
from operations.live.monitoring import print_monitoring, write_export

directory = option("export")


def places(cluster: Cluster) -> dict[str, Path]:
    """Where this machine has what is the cluster's."""
    own = secrets_directory(cluster)
    return {"secrets": own, "ca": authority_path(cluster, own)}


look_alone(
    "monitoring.py",
    lambda clusters: write_export(clusters, directory, places) if directory else print_monitoring(clusters),
)
