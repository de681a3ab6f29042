"""Patroni and the PostgreSQL that it runs: each member, the cluster they form, and what they share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.component import Component
from cluster.errors import UnsafeError
from cluster.health import CLONING, has_begun, holdup
from cluster.model import Cluster
from cluster.observed import SeenPatroni
from cluster.plan_config import changed_names, config_patch, undeclared_parameters, without_absences
from cluster.render_patroni import UNIT, patroni_component
from cluster.render_patroni_dynamic import configuration_for
from cluster.secrets import Secret
from facts.etcd import EtcdCluster
from facts.patroni import ANSWER_SECONDS, DirectorySize, MemberResources, PatroniCluster
from facts.postgres import PostgresCatalog
from operations.patroni_bootstrap import begun_again
from operations.util.cause import POSTGRES_LOGS, show_last_lines
from operations.util.component import Commands, brought_up
from operations.util.remote import acts_for, coordinator, here, read, read_all
from operations.util.stage import planning, undecided

# initdb and the clones of an empty cluster take less; what is not settled by then is looked at.
BEGIN_SECONDS = 20
FORMING_SECONDS = 90
PROGRESS_SECONDS = 30
# A clone that has not got further after so many looks fails again and again.
CLONE_PATIENCE = 10
_PATCH = (Path(__file__).parent / "util" / "on_host" / "patroni_patch.py").read_text()


@operation()
def member(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Configure Patroni on this host and start it, or reload it when that is what a change needs; never restart it, for
    that would restart PostgreSQL.

    Only the first member of the inventory may begin a cluster, and only while etcd, asked now, knows of none: an empty
    host that comes later can then never make a second one.
    """
    node = cluster.node(host.name)
    if "postgres" not in node.roles:
        host.noop("no PostgreSQL on this host")
        return
    begins = node is cluster.members[0] and not _has_begun(cluster)
    component = _beginning(cluster, secrets) if begins else patroni_component(cluster, node, secrets)
    yield from brought_up(component)


def _beginning(cluster: Cluster, secrets: Mapping[str, Secret]) -> Component:
    """The first member's component with what it begins the cluster with."""
    return patroni_component(cluster, cluster.members[0], secrets, without_absences(_declared(cluster)))


def _has_begun(cluster: Cluster) -> bool:
    """Whether etcd knows the cluster. Not knowing is not an answer: then nothing may begin."""
    node = coordinator(cluster.etcd)
    question = {"endpoints": cluster.etcd_endpoints, "prefix": cluster.scope_key, "if_open": True}
    seen = read([node], EtcdCluster, **question)[node.name]
    if seen is None or seen["keys"] is None:
        if planning():
            return False
        raise UnsafeError(
            f"etcd does not say whether the cluster {cluster.name} exists\nHINT: look at 'journalctl -u etcd'; "
            "a new cluster is begun only when etcd answers that there is none."
        )
    return has_begun(cluster, seen["keys"])


def _declared(cluster: Cluster) -> dict[str, Any]:
    """The declared dynamic configuration, its derived part from what the members have now."""
    seen = read_all(cluster.members, MemberResources, directory=cluster.data_directory)
    return configuration_for(cluster, seen.values())


@operation()
def formed(cluster: Cluster, secrets: Mapping[str, Secret]) -> Commands:
    """
    Wait until the cluster has a leader and every standby streams on its timeline; then take the bootstrap section
    from the member that had it. Called on every host, so that nothing that needs the database comes before it.

    A member that is being cloned is waited for as long as its copy grows. Refuses, with the last lines of the member
    that holds it up, when the cluster does not settle.
    """
    if not acts_for(cluster.members):
        host.noop("another host waits for the cluster")
        return
    seen = _settled(cluster, wait_seconds=0 if planning() else BEGIN_SECONDS)
    if planning() and not seen["settled"]:
        yield from undecided("the cluster has to form, or to settle, first")
        return
    if not seen["settled"]:
        yield from begun_again(cluster, seen, _beginning(cluster, secrets))
        seen = _settled(cluster, wait_seconds=FORMING_SECONDS)
    _wait_for_clones(cluster, seen)
    first = cluster.members[0]
    if first.name == here():
        yield from brought_up(patroni_component(cluster, first, secrets))


def _settled(cluster: Cluster, wait_seconds: int) -> SeenPatroni:
    names = [node.name for node in cluster.members]
    return host.get_fact(PatroniCluster, expected=names, wait_seconds=wait_seconds)


def _wait_for_clones(cluster: Cluster, seen: SeenPatroni) -> None:
    copied, patience = 0, CLONE_PATIENCE
    while not seen["settled"]:
        now = _copied_mib(cluster, seen)
        copied, patience = max(copied, now), CLONE_PATIENCE if now > copied else patience - 1
        _refuse_unless_cloning(cluster, seen, patience)
        seen = _settled(cluster, wait_seconds=PROGRESS_SECONDS)


def _copied_mib(cluster: Cluster, seen: SeenPatroni) -> int:
    """How much a member that is being cloned has by now; 0 when none is."""
    node, reason = holdup(cluster, seen, here())
    if not reason.startswith(CLONING):
        return 0
    size = read_all([node], DirectorySize, directory=cluster.data_directory)[node.name]
    host.log(f"{node.name} is {reason}: {size} MiB so far")
    return size


def _refuse_unless_cloning(cluster: Cluster, seen: SeenPatroni, patience: int) -> None:
    """Name the member that holds the cluster up, and show its last lines; a clone that goes on is waited for."""
    node, reason = holdup(cluster, seen, here())
    if reason.startswith(CLONING) and patience > 0:
        return
    show_last_lines(node, UNIT, POSTGRES_LOGS)
    raise UnsafeError(
        f"the cluster did not settle: {node.name} {reason}\n"
        f"HINT: the last lines of {node.name} stand above; mend what they name and run again."
    )


@operation()
def configuration(cluster: Cluster) -> Commands:
    """
    Bring the dynamic configuration in etcd to what is declared, by Patroni's compare-and-set PATCH.

    A setting that needs a restart stays pending and is named; nothing is restarted here. Parameters that nobody
    declares are left alone and named.
    """
    if not acts_for(cluster.members):
        host.noop("another host looks after the configuration")
        return
    seen = host.get_fact(PatroniCluster, wait_seconds=0 if planning() else ANSWER_SECONDS)
    if seen["config"] is None:
        if planning():
            yield from undecided("the dynamic configuration")
            return
        raise UnsafeError(f"Patroni's configuration cannot be read: {seen['error']}\nHINT: run 'patronictl list'.")
    declared = _declared(cluster)
    patch = config_patch(declared, seen["config"])
    if patch:
        host.log(f"changes {', '.join(changed_names(patch))}")
        yield StringCommand(f"python3 -c {quote(_PATCH)}", _stdin=[json.dumps(patch)])
        _name_what_waits(cluster, patch)
    else:
        host.noop("the dynamic configuration is as declared")
    if left := undeclared_parameters(declared, seen["config"]):
        host.log(f"left alone, though nobody declares them: {', '.join(left)}")


def _name_what_waits(cluster: Cluster, patch: Mapping[str, Any]) -> None:
    names = list(patch.get("postgresql", {}).get("parameters", {}))
    catalog = host.get_fact(PostgresCatalog, port=cluster.settings.postgres_port) if names else {}
    if waiting := [name for name in names if name in catalog and catalog[name]["context"] == "postmaster"]:
        host.log(f"active only after a restart of PostgreSQL: {', '.join(waiting)}")
