"""What a host says of its files, units and certificates."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class SeenPath(TypedDict):
    """A file or directory. + sha256: of a file's content"""

    kind: str
    mode: str
    user: str
    group: str
    sha256: NotRequired[str]


class SeenUnit(TypedDict):
    """
    A systemd unit and the files that it loads.

    + started_at, files_changed_at: seconds since the epoch
    + files_digest: of the files as they are; loaded_digest: as they were at our last start or reload, empty if unknown
    """

    present: bool
    active: str
    sub: str
    enabled: str
    pid: int
    needs_daemon_reload: bool
    started_at: int
    files_changed_at: int
    files_digest: str
    loaded_digest: str


class SeenComponent(TypedDict):
    """Files and units of one component on a host; None stands for an absent path."""

    paths: dict[str, SeenPath | None]
    units: dict[str, SeenUnit]


class SeenAnswer(TypedDict):
    """What one of several commands printed. + error: the last line of its error output"""

    code: int
    lines: list[str]
    error: str


class SeenCertificate(TypedDict):
    """A certificate on a host. + key_digest: of the private key's public half; + key_owner: ``user:mode``"""

    pem: str | None
    key_digest: str
    key_owner: str
    authority: str | None


class SeenJudgement(TypedDict):
    """When a host last judged itself. + now, at: seconds by its clock, None: never; + result: as systemd has it"""

    now: int
    at: int | None
    result: str


class SeenResources(TypedDict):
    """What a member has. + patroni: the package's version, empty while it is not installed"""

    memory_mib: int
    cores: int
    disk_mib: int
    patroni: str
