"""What is wrong with the hosts of a cluster: silence, units, files, disks, clocks, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cluster.checks.check_finding import CheckFinding, check_finding
from cluster.checks.disks import space_findings
from cluster.checks.overview import Overview
from cluster.components.component import Component, Unit, has_loaded_its_files
from cluster.components.data_mounts import note_path
from cluster.components.etcd import UNIT as ETCD
from cluster.declared.model import ROLES, Node
from cluster.packages.findings import mixed_version_findings, pgbackrest_findings
from cluster.plans.etcd_reinit import reinit_command
from cluster.preflight.hosts import clock_findings


def findings(overview: Overview) -> Iterable[CheckFinding]:
    """Everything about the hosts themselves."""
    for node in overview.cluster:
        if overview.is_reached(node):
            yield from _silences(overview, node)
            yield from _mounts(overview, node)
            yield from _components(overview, node)
            yield from space_findings(overview, node)
            yield from _restore(overview, node)
        else:
            roles = ", ".join(role for role in ROLES if role in node.roles)
            yield check_finding(
                "host-silent", node.name, f"cannot be reached or does not answer; it has the roles {roles}"
            )
    pictures = {node.name: overview.answer(node, "picture") for node in overview.cluster}
    for finding in clock_findings(overview.cluster, pictures):
        yield check_finding("clock", finding.where, finding.problem)
    packages = {node.name: seen for node in overview.cluster if (seen := overview.answer(node, "packages"))}
    differing = (*mixed_version_findings(overview.cluster, packages), *pgbackrest_findings(overview.cluster, packages))
    for finding in differing:
        yield check_finding("versions-differ", finding.where, f"{finding.what} {finding.problem}")


def _silences(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    for question, reason in overview.silences.get(node.name, {}).items():
        yield check_finding("answer-missing", node.name, f"the question about {question} got no answer: {reason}")


def _mounts(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    picture = overview.answer(node, "picture")
    for one in picture["unmounted"] if picture is not None else ():
        yield check_finding("mount-missing", node.name, one["problem"], path=note_path(one["name"]))


def _components(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    seen = overview.answer(node, "component")
    if seen is None:
        return
    for component in (one for one in overview.components.get(node.name, ()) if one.is_on(seen["paths"])):
        if differing := [item.path for item in component.missing(seen["paths"])]:
            yield check_finding("file-differs", node.name, f"not as declared: {', '.join(differing)}")
        yield from _units(overview, node, component, seen["units"])


def _units(overview: Overview, node: Node, component: Component, seen: Mapping[str, Any]) -> Iterable[CheckFinding]:
    for unit in component.units:
        found = seen[unit.name]
        if overview.is_stopped(node, unit.name):
            problem = f"{unit.name} is {found['active']} ({found['sub']})"
            yield check_finding("unit-down", node.name, problem, unit=unit.name, more=_more(node, unit))
        elif not has_loaded_its_files(found):
            yield check_finding("unit-stale", node.name, f"{unit.name} has not loaded its files as they are now")
        if found["enabled"] != "enabled":
            problem = f"{unit.name} is {found['enabled'] or 'not installed'}"
            yield check_finding("unit-disabled", node.name, problem, unit=unit.name)


def _more(node: Node, unit: Unit) -> str:
    """The way out that journalctl does not name."""
    return f"Where it complains of its data: {reinit_command(node.name)}. " if unit.name == ETCD else ""


def _restore(overview: Overview, node: Node) -> Iterable[CheckFinding]:
    picture = overview.answer(node, "picture")
    if picture is not None and picture["restoring"]:
        yield check_finding(
            "restore-unfinished", node.name, "a restore was started here, and Patroni may be kept down for it"
        )
    if picture is not None and picture["rebuilding"]:
        yield check_finding("etcd-restore-unfinished", node.name, "etcd is being rebuilt, and Patroni may be kept down")
