"""postgres_exporter on the members: it asks its own PostgreSQL over the local socket, in a role that may look."""

from __future__ import annotations

from cluster.components.component import Component, Unit
from cluster.components.files import Directory, File
from cluster.components.monitoring.exporter import (
    DIRECTORY,
    PROGRAMS,
    WEB,
    exporter_type,
    load,
    own_directory,
    unit_file,
    unit_of,
    unit_path,
    web_file,
)
from cluster.components.rendering import rendered, template
from cluster.declared.model import Cluster, Node
from cluster.declared.monitoring import ROLE

NAME = "postgres_exporter"
PACKAGE = "prometheus-postgres-exporter"
PROGRAM = f"{PROGRAMS}/postgres-exporter"
# Asked of every exporter; and what those before 0.12 lack, under the names that later ones have for it.
QUERIES, OLD_QUERIES = f"{DIRECTORY}/queries.yml", f"{DIRECTORY}/queries-before-0.12.yml"
SOCKETS = "/var/run/postgresql"
STATEMENT_MS = 5000


def is_wanted(cluster: Cluster, node: Node) -> bool:
    """Whether a host has it."""
    return cluster.settings.monitoring and "postgres" in node.roles


def postgres_exporter_component(cluster: Cluster, node: Node) -> Component:
    """Its files and unit on one member."""
    if not is_wanted(cluster, node):
        return Component()
    words = [PROGRAM, f"--web.listen-address={node.address.endpoint(cluster.settings.monitoring_postgres_port)}"]
    environment = {"DATA_SOURCE_NAME": data_source(cluster)}
    own = template("monitoring/queries.yml")
    files = (
        File(
            PROGRAM, rendered("monitoring/postgres-exporter.j2", web=WEB, queries=QUERIES, old=OLD_QUERIES), mode="755"
        ),
        File(QUERIES, own),
        File(OLD_QUERIES, own + template("monitoring/queries-before-0.12.yml")),
        web_file(),
        unit_file(cluster, NAME, "Metrics of PostgreSQL", words, environment=environment),
    )
    loads = (unit_path(NAME), PROGRAM, QUERIES, OLD_QUERIES, WEB)
    unit = Unit(unit_of(NAME), loads, load=load(NAME))
    return Component((own_directory(), Directory(PROGRAMS)), files, (unit,))


def data_source(cluster: Cluster) -> str:
    """How it comes to PostgreSQL, in the words of its driver."""
    return (
        f"host={SOCKETS} port={cluster.settings.postgres_port} user={ROLE} dbname=postgres sslmode=disable "
        f"connect_timeout=5 statement_timeout={STATEMENT_MS} default_transaction_read_only=on"
    )


COMPONENT = exporter_type(
    NAME,
    "monitoring_postgres_port",
    is_wanted,
    lambda cluster, node, secrets: postgres_exporter_component(cluster, node),
    packages=(PACKAGE,),
    debian_units={PACKAGE: PACKAGE},
    owns=(PROGRAM, QUERIES, OLD_QUERIES),
)
