"""Files and directories as declared, and whether what lies on a host is that."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cluster.observed.host import SeenPath

SET_GROUP_ID = 0o2000  # of a directory: what is made in it belongs to its group


@dataclass(frozen=True)
class Directory:
    """A directory with its owner. + mode: octal, as ``stat -c %a`` prints it"""

    path: str
    user: str = "root"
    group: str = "root"
    mode: str = "755"

    def fits(self, seen: SeenPath | None) -> bool:
        """Whether the host has it like this. + seen: what ``HostComponent`` says of the path, None when it is absent"""
        if seen is None or seen["kind"] != "directory":
            return False
        # GNU's chmod keeps a set-group-ID bit that it is not told of, others drop it: either is left as it is found.
        mode = f"{int(seen['mode'], 8) & ~(SET_GROUP_ID & ~int(self.mode, 8)):o}"
        return _ownership_fits(self, {**seen, "mode": mode})


@dataclass(frozen=True)
class File:
    """
    A file with its content and owner.

    + content: text that ends in a newline; it never appears in a log or an argument list
    + mode: octal, as ``stat -c %a`` prints it
    + check: a command that must accept the new content before it takes the old one's place; ``{}`` stands for its path
    """

    path: str
    content: str
    user: str = "root"
    group: str = "root"
    mode: str = "644"
    check: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the content, as ``sha256sum`` prints it."""
        return hashlib.sha256(self.content.encode()).hexdigest()

    def fits(self, seen: SeenPath | None) -> bool:
        """Whether the host has it like this. + seen: what ``HostComponent`` says of the path, None when it is absent"""
        if seen is None or seen["kind"] != "file":
            return False
        return seen.get("sha256") == self.digest and _ownership_fits(self, seen)

    def __repr__(self) -> str:
        # pyinfra prints arguments of operations; a configuration file may hold a password.
        return f"File({self.path})"


def _ownership_fits(declared: File | Directory, seen: SeenPath) -> bool:
    return (seen["user"], seen["group"], seen["mode"]) == (declared.user, declared.group, declared.mode)
