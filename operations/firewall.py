"""The firewall of the hosts: rules that are kept only when the host was reached anew with them."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api import operation

from cluster.components.all import COMPONENTS
from cluster.components.component import Component
from cluster.components.files import File
from cluster.components.firewall.rules import DIRECTORY, RULES, TRIAL, UNIT_FILE, firewall_component, is_wanted
from cluster.declared.model import Cluster
from cluster.verdicts.firewall import lacking, needs_trial, refuse_without_nft, rules_of, unreachable
from facts.host import HostComponent
from facts.preflight.firewall import HostFirewall
from operations.acts.component import Commands, apply_component, written
from operations.acts.firewall import TRIAL_SECONDS, end_trial, load_on_trial, remove_firewall
from operations.util.first_look import looks_again
from operations.util.fresh_connection import refused_anew
from operations.util.hosts import current_node, target_named
from operations.util.said import said

# Of those after which the host takes the rules back; what is left has to do for keeping them.
REACH_SECONDS = 20


@operation()
@looks_again
def opening(cluster: Cluster) -> Commands:
    """
    Open on this host what it will be asked for, and close nothing yet: who leaves, and ports of before, are served
    until the run is done. Nothing is to be opened where no firewall of ours is. One that is not declared is removed.

    + cluster: as declared; called on every host
    """
    if not is_wanted(cluster):
        yield from _without()
        return
    seen = said(HostFirewall)
    if seen["rules"] is None:
        host.noop("no firewall of ours closes anything here")
        return
    refuse_without_nft(current_node(), seen)
    if not lacking(_component(cluster), seen["rules"]):
        host.noop("all that is needed is open")
        return
    yield from apply_component(_component(cluster, seen["rules"]))


@operation()
@looks_again
def rules(cluster: Cluster) -> Commands:
    """
    Let this host accept exactly what the components of the cluster declare, or nothing of ours where no firewall is
    declared. Rules that differ from those in force are loaded on trial: the host takes them back by itself unless this
    run reaches it over a new connection. Refuses a host on which nft cannot work, and rules with which it cannot be
    reached.

    + cluster: as declared; called on every host
    """
    if not is_wanted(cluster):
        yield from _without()
        return
    name = current_node()
    component = _component(cluster)
    paths = said(HostComponent, **component.question)["paths"]
    seen = said(HostFirewall)
    refuse_without_nft(name, seen)
    trial = needs_trial(component, paths, seen)
    if trial:
        yield from _tried(component, name)
    yield from apply_component(component)
    if trial or seen["on_trial"]:
        yield end_trial()


def _component(cluster: Cluster, also: Sequence[str] = ()) -> Component:
    return firewall_component(COMPONENTS, cluster, cluster.node(current_node()), also)


def _tried(component: Component, name: str) -> Commands:
    new = rules_of(component)
    yield from written([*component.directories, File(TRIAL, new.content, check=new.check)])
    yield load_on_trial()
    if reason := refused_anew(target_named(name), REACH_SECONDS):
        raise unreachable(name, reason, TRIAL_SECONDS)


def _without() -> Commands:
    paths = [UNIT_FILE, RULES, TRIAL]
    there = said(HostComponent, paths=paths, units={})["paths"]
    if said(HostFirewall)["loaded"] is None and not any(there.values()):
        host.noop("no firewall is declared, and none of ours is there")
        return
    yield remove_firewall((DIRECTORY,))
