"""The mounts on which data lie: what keeps a unit from beginning anew below one that is missing, and names it."""

from __future__ import annotations

from shlex import quote

from cluster.components.files import File
from cluster.components.rendering import program

PROGRAM = "/usr/local/bin/data-mounts"
NOTES = "/etc/pyinfra-patroni"
_TEXT = program("data_mounts.py")

POSTGRES, ETCD, REPOSITORY = "postgres", "etcd", "repository"


def note_path(name: str) -> str:
    """The file in which a host has noted where some data lie. + name: ``POSTGRES`` ..."""
    return f"{NOTES}/data-mounts/{name}.json"


def data_mounts_program() -> File:
    """The program that notes it, and compares."""
    return File(PROGRAM, _TEXT, mode="755")


def noted(name: str, directory: str) -> str:
    """The command that notes where a directory's data lie; fails, and says why, where they are not any more."""
    return f"{PROGRAM} check {name} {quote(directory)}"


def refused_without(name: str, directory: str) -> str:
    """
    The lines of a script that end it where a directory's data are not any more. On a host that no run has prepared for
    this yet they do nothing.
    """
    return f"if [ -x {PROGRAM} ]; then {noted(name, directory)} || exit 1; fi\n"


def start_condition(name: str, directory: str) -> str:
    """
    The same before every start of a unit, as a line of it. As root, whoever the unit runs as: only root may note.

    systemd's own RequiresMountsFor= knows a mount by fstab alone, and does not try again when a late one has come.
    """
    return f"ExecCondition=+{PROGRAM} check {name} {directory}"
