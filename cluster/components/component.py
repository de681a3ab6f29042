"""A component of one host as declared: directories, files and the systemd unit that runs with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.components.files import Directory, File
from cluster.observed.host import SeenPath


@dataclass(frozen=True)
class Unit:
    """
    A systemd unit that shall be up and run with the files on disk.

    + loads: the files that it reads at its start or reload, in any order
    + load: the command that lets the running unit read them again; None when an ordered procedure does that
    + wait: whether a start returns only when the unit says that it is up
    """

    name: str
    loads: tuple[str, ...]
    load: str | None = None
    wait: bool = True


@dataclass(frozen=True)
class Component:
    """
    What one component needs on one host.

    + units: in the order in which they are to be started
    + mark: the file without which the host does not have the component; "": it has it as declared
    """

    directories: tuple[Directory, ...] = ()
    files: tuple[File, ...] = ()
    units: tuple[Unit, ...] = ()
    mark: str = ""

    def __add__(self, other: Component) -> Component:
        """Both as one. + other: comes after this one"""
        return Component(
            (*self.directories, *other.directories), (*self.files, *other.files), (*self.units, *other.units)
        )

    @property
    def items(self) -> list[Directory | File]:
        """All that lies on disk, directories first."""
        return [*self.directories, *self.files]

    @property
    def question(self) -> dict[str, Any]:
        """The arguments of the fact that tells all about it."""
        paths = [item.path for item in self.items]
        return {"paths": paths, "units": {unit.name: list(unit.loads) for unit in self.units}}

    def question_with(self, *paths: str) -> dict[str, Any]:
        """The same, about further paths, too."""
        return {**self.question, "paths": [*self.question["paths"], *paths]}

    def is_on(self, seen: Mapping[str, SeenPath | None]) -> bool:
        """Whether the host has it. + seen: paths of ``HostComponent``"""
        return not self.mark or seen[self.mark] is not None

    def missing(self, seen: Mapping[str, SeenPath | None]) -> list[Directory | File]:
        """Directories, then files, that the host does not have as declared. + seen: paths of ``HostComponent``"""
        return [item for item in self.items if not item.fits(seen[item.path])]
