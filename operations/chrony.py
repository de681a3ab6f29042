"""chrony, on hosts without another clock service."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import operation

from cluster.components.chrony import PACKAGE, UNIT, chrony_component, is_wanted, keeper_of
from cluster.declared.model import Cluster
from cluster.packages.files import source_uri
from cluster.packages.plan import PackagesPlan
from facts.chrony import HostClock
from operations.acts.component import Commands, apply_component
from operations.packages import install, update
from operations.util.first_look import looks_again
from operations.util.said import said


@operation()
@looks_again
def running(cluster: Cluster) -> Commands:
    """
    Install and start chrony on a host that may set its clock and on which no clock service runs. Another service that
    is installed is the administrator's, whether it runs or not.

    + cluster: as declared; called on every host
    """
    if cluster.settings.chrony_mode == "never":
        host.noop("chrony_mode is never")
        return
    seen = said(HostClock)
    if not is_wanted(seen):
        host.noop(keeper_of(seen))
        return
    if UNIT not in seen["services"]:
        yield update(source_uri(cluster) or "")
        yield install(PackagesPlan(install=(PACKAGE,)))
    yield from apply_component(chrony_component(cluster))
