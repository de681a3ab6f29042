"""A component of one host as declared: directories, files and the systemd unit that runs with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cluster.components.files import Directory, File
from cluster.observed.host import SeenPath, SeenUnit

Step = Literal["none", "start", "load"]


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


def unit_step(unit: SeenUnit) -> Step:
    """
    What to do with a unit: start it, let it load its files (by reload or restart, as the unit can), or nothing.

    Decided by evidence alone. A run may have died between writing a file and reloading its unit; the next run sees an
    unchanged file and must still reload.

    + unit: what the fact ``HostComponent`` says of the unit
    """
    if unit["active"] not in ("active", "activating", "reloading"):
        return "start"
    return "none" if has_loaded_its_files(unit) else "load"


def has_loaded_its_files(unit: SeenUnit) -> bool:
    """
    Whether the running unit has read its files as they are now.

    Either the stamp that was written after its last start or reload has the files' digest, or it started after the
    newest of them was written: a reboot clears the stamp and loads the files anyway.
    """
    if unit["needs_daemon_reload"]:
        return False
    if unit["loaded_digest"]:
        return bool(unit["loaded_digest"] == unit["files_digest"]) or _started_after_its_files(unit)
    return _started_after_its_files(unit)


def _started_after_its_files(unit: SeenUnit) -> bool:
    # Both are whole seconds: a file of the same second may have come after the start.
    return bool(unit["started_at"] > unit["files_changed_at"])
