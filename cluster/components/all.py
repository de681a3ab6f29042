"""
The components, each declared once as ``COMPONENT`` in a file of this folder; a new one is found by that.

What goes through all of them asks here: it is given no list of its own, so that nothing is forgotten in one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cluster import components
from cluster.components.component_type import PHASES, ComponentType, Listener, Phase
from cluster.components.findings.component import component_beside as findings_beside
from cluster.components.firewall.matrix import Passage, passages
from cluster.components.firewall.rules import component_beside
from cluster.declared.model import Cluster, Node
from cluster.discovery import contributions
from cluster.pki.certificates import CertificatePlace


def _in_start_order(found: Sequence[ComponentType]) -> tuple[ComponentType, ...]:
    # What has no service of its own goes with the component whose name its own begins with, as etcd_snapshot with etcd.
    phases = {one.name: one.phase for one in found}

    def place(one: ComponentType) -> tuple[int, str]:
        phase = one.phase or phases.get(one.name.partition("_")[0])
        return -(PHASES.index(phase) if phase else len(PHASES)), one.name

    return tuple(sorted(found, key=place))


_SERVING = _in_start_order(contributions(components, "COMPONENT"))
# The firewall's rules are what the others declare, so it is no module's own.
_JUDGED = (component_beside(_SERVING), *_SERVING)
# Each host judges all that it has, itself.
FINDINGS = findings_beside(_JUDGED)
COMPONENTS: tuple[ComponentType, ...] = (*_JUDGED, FINDINGS)

# What listens anywhere, as systemd calls it.
SERVICES: tuple[str, ...] = tuple(component.service for component in COMPONENTS if component.service)


def components_on(cluster: Cluster, node: Node) -> tuple[ComponentType, ...]:
    """The components that a host has, in the order of a start."""
    return tuple(component for component in COMPONENTS if component.on(cluster, node))


def certificate_places(cluster: Cluster, node: Node) -> tuple[CertificatePlace, ...]:
    """The certificates that the cluster issues for a host."""
    return tuple(place for one in components_on(cluster, node) for place in one.certificates(cluster, node))


def held_places(cluster: Cluster, node: Node) -> tuple[CertificatePlace, ...]:
    """The same, with those that another cluster's CA issues."""
    lent = (place for one in components_on(cluster, node) for place in one.lent(cluster, node))
    return (*certificate_places(cluster, node), *lent)


def listeners(cluster: Cluster, node: Node) -> tuple[Listener, ...]:
    """Every port that the cluster opens on a host, and on which addresses: nothing else of ours may answer there."""
    return tuple(listener for one in components_on(cluster, node) for listener in one.listens(cluster, node))


def port_matrix(cluster: Cluster) -> tuple[Passage, ...]:
    """Everything that may be reached on the hosts of a cluster from elsewhere, and by whom."""
    return passages(COMPONENTS, cluster)


def units_of(cluster: Cluster, node: Node, phase: Phase) -> list[str]:
    """The units of one host that stop and start together. + phase: see the order in docs/runs/stop.md"""
    return [unit for one in components_on(cluster, node) for unit in _units(one, cluster, node, phase)]


def _units(component: ComponentType, cluster: Cluster, node: Node, phase: Phase) -> Iterator[str]:
    yield from (unit for unit in component.units(cluster, node) if component.phase_of(unit) == phase)


def enabled_units(cluster: Cluster, node: Node) -> list[str]:
    """Every unit that this project enables on a host, or did when other settings were declared; in order of a stop."""
    there = components_on(cluster, node)
    units = {unit: one.phase_of(unit) for one in there for unit in (*one.units(cluster, node), *one.former_units)}
    return [unit for phase in (*PHASES, None) for unit, own in units.items() if own == phase]


def own_units(cluster: Cluster, node: Node, seen: Mapping[str, object]) -> list[str]:
    """The same without those of components that the host turned out not to need. + seen: by path; None is absent"""
    lacking = _lacking(cluster, node, seen)
    foreign = {unit for one in lacking for unit in (*one.units(cluster, node), *one.former_units)}
    return [unit for unit in enabled_units(cluster, node) if unit not in foreign]


def foreign_paths(cluster: Cluster, node: Node, seen: Mapping[str, object]) -> set[str]:
    """What would be ours if the host had the component, and so is somebody else's. + seen: as ``own_units`` takes it"""
    return {path for one in _lacking(cluster, node, seen) for path in one.owns(cluster, node)}


def _lacking(cluster: Cluster, node: Node, seen: Mapping[str, object]) -> list[ComponentType]:
    return [one for one in components_on(cluster, node) if one.mark and seen.get(one.mark) is None]


def owned_paths(cluster: Cluster, node: Node) -> list[str]:
    """Every file and directory on a host that goes with its components."""
    paths = (path for one in components_on(cluster, node) for path in one.owns(cluster, node))
    return list(dict.fromkeys(paths))


def unwanted(cluster: Cluster, node: Node) -> tuple[ComponentType, ...]:
    """What a host may have from an earlier run, and is not to have any more."""
    return tuple(one for one in components_on(cluster, node) if one.wanted and not one.wanted(cluster, node))


def emptied_directories() -> tuple[str, ...]:
    """Directories that Debian's packages, or nobody, own: they go when nothing is left in them."""
    return tuple(path for one in COMPONENTS for path in one.shells)
