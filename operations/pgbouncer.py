"""PgBouncer: pools of connections for clients."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.pgbouncer.component import (
    is_wanted,
    pgbouncer_component,
    pool_files,
)
from cluster.declared.model import Cluster
from cluster.declared.pgbouncer import processes, unit_of
from cluster.secrets.secrets import Secret
from facts.host import HostComponent
from facts.pgbouncer import PgbouncerFiles
from operations.acts.commands import remove_units
from operations.acts.component import Commands, apply_component
from operations.util.first_look import looks_again
from operations.util.said import said


@operation()
@looks_again
def service(cluster: Cluster, password: Secret) -> Commands:
    """
    Run the declared pools, each process with its own unit. A changed setting is loaded without dropping a client,
    except where PgBouncer reads it at its start alone. A process that is not declared any more is stopped first: it
    listens on the same port.

    + cluster: as declared; hosts that are to have no PgBouncer are left alone
    + password: of the role that looks up the roles of clients
    """
    node = cluster.node(host.name)
    if not is_wanted(cluster, node):
        host.noop("no PgBouncer is declared for this host")
        return
    declared = {process.name for process in processes(cluster, node)}
    if surplus := [name for name in said(PgbouncerFiles) if name not in declared]:
        yield remove_units(list(map(unit_of, surplus)), [path for name in surplus for path in pool_files(name)], ())
    yield from apply_component(pgbouncer_component(cluster, node, password))


@operation()
def follow(cluster: Cluster, password: Secret) -> Commands:
    """
    Let pools that run already follow what has just been configured: their sizes, and whom they let in. A host that has
    none yet gets them from a build.

    + cluster, password: as ``service`` has them
    """
    component = pgbouncer_component(cluster, cluster.node(host.name), password)
    if not component.files:
        host.noop("no PgBouncer is declared for this host")
        return
    seen = said(HostComponent, **component.question)
    if any(seen["paths"][file.path] is None for file in component.files):
        host.noop("deploys/cluster.py installs PgBouncer here")
        return
    yield from apply_component(component, seen)
