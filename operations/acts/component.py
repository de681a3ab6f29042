"""Bring the files and units of a component to what is declared: one remote command when nothing is to be done."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence

from pyinfra import host
from pyinfra.api.command import PyinfraCommand

from cluster.components.component import Component, Unit, unit_step
from cluster.components.component_type import ComponentType
from cluster.components.files import Directory, File
from cluster.declared.model import Cluster, Node
from cluster.observed.host import SeenComponent, SeenUnit
from facts.host import HostComponent
from operations.acts.commands import act_on_units, make_directory, remove_units, write_files
from operations.util.said import said

Commands = Generator[PyinfraCommand, None, None]


def apply_component(component: Component, seen: SeenComponent | None = None) -> Commands:
    """
    Write what differs, then start or reload the units that need it, by what they run with and not by what was written.

    + component: as declared for the host at hand
    + seen: what ``HostComponent`` said of all of it just now; None: nobody has asked yet
    """
    if seen is None:
        seen = said(HostComponent, **component.question)
    missing = component.missing(seen["paths"])
    if changed := [item.path for item in missing if seen["paths"][item.path] is not None]:
        host.log(f"changes {', '.join(changed)}")
    yield from written(missing)
    if missing and component.units:
        seen = host.get_fact(HostComponent, **component.question)
    acted = yield from _units(component.units, seen["units"])
    if not missing and not acted:
        host.noop("files and units are as declared")


def remove_components(former: Sequence[ComponentType], cluster: Cluster, node: Node) -> Commands:
    """
    Stop and remove what a host has from us of components that are not declared for it any more; their packages stay.
    Where a mark is missing, nothing of that one is ours.

    + former: their declarations, with marks; in the order in which they go
    """
    paths = {one.name: list(one.owns(cluster, node)) for one in former}
    listed = list(dict.fromkeys(path for some in paths.values() for path in some))
    seen = said(HostComponent, paths=listed, units={})["paths"] if listed else {}
    ours = [one for one in former if seen[one.mark] is not None]
    if not ours:
        alone = f"no {former[0].name} of ours on this host" if len(former) == 1 else None
        host.noop(alone or "nothing of ours is on this host that is not declared")
    for one in ours:
        # The mark goes last: a run that was cut off before is gone on with.
        there = sorted((path for path in paths[one.name] if seen[path] is not None), key=one.mark.__eq__)
        yield remove_units(one.former_units, there, one.shells)


def remove_component(former: ComponentType, cluster: Cluster, node: Node) -> Commands:
    """The same for one. + former: its declaration, with a mark"""
    yield from remove_components((former,), cluster, node)


def written(missing: Iterable[Directory | File]) -> Commands:
    """The one command that makes all of them, directories first; none where nothing is missing."""
    listed = list(missing)
    directories = [item for item in listed if isinstance(item, Directory)]
    files = [[item] for item in listed if isinstance(item, File)]
    if files:
        yield write_files(directories, files)
    else:
        yield from map(make_directory, directories)


def _units(units: Iterable[Unit], seen: Mapping[str, SeenUnit]) -> Generator[PyinfraCommand, None, bool]:
    judged = [(unit, unit_step(seen[unit.name])) for unit in units]
    steps = [(unit, step) for unit, step in judged if step == "start" or (step == "load" and unit.load is not None)]
    if steps:
        yield act_on_units(steps)
    return bool(steps)
