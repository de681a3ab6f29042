"""What PostgreSQL says of itself: roles, databases, settings, and how it is reached."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class SeenRole(TypedDict):
    """A role. + salt: iterations and salt of its scram verifier; + verifier_sha256: a digest of the verifier"""

    login: bool
    createdb: bool
    createrole: bool
    superuser: bool
    monitor: bool
    salt: str | None
    verifier_sha256: str | None


class SeenObjects(TypedDict):
    """
    Roles by name, databases with their owners, and slots, on one member.

    + lookup: the function with which PgBouncer looks up roles, and who may do what with it; None: there is none
    + measuring: the role of the exporters, or another one of its name; None: there is none
    """

    in_recovery: bool
    slots: list[dict[str, Any]]
    roles: dict[str, SeenRole]
    databases: dict[str, str]
    lookup: dict[str, Any] | None
    measuring: NotRequired[dict[str, Any] | None]


class SeenEndpoint(TypedDict):
    """
    One endpoint that was tried.

    + wants: what it is for: ``write``, ``read``, ``synchronous``, ``asynchronous`` or ``any``
    + primaries, standbys: the addresses of the members that may answer there as one
    + server: the address of the member that answered; empty where it was reached over a socket
    + refused: a write was, as on a standby
    + left_out: the host has no route to it, or does not have it itself, so that it could not be tried there
    + heard: whether PostgreSQL on that host would take connections to it all the same
    """

    address: str
    port: int
    wants: str
    primaries: list[str]
    standbys: list[str]
    server: str
    connected: bool
    in_recovery: bool | None
    wrote: bool
    refused: bool
    version: str
    error: str
    left_out: NotRequired[bool]
    heard: NotRequired[bool]


class SeenSetting(TypedDict):
    """
    A setting of PostgreSQL as it runs.

    + setting: in ``unit``; shown: as SHOW prints it; default: with which it is built
    + source: from where it is, a file by its path; + pending: the file has another value, which waits for a restart
    """

    setting: str
    unit: str | None
    type: str
    shown: str
    default: str | None
    source: str
    pending: bool


class SeenPostgres(TypedDict):
    """
    One member's PostgreSQL. None where it does not answer or the thing is not there. Sizes and positions in bytes.

    + answers: false when psql got no answer; error says why
    + written: what a primary has written, a standby received; + replay: ``paused``, ...; None on a primary
    + settings: those that take a restart, or wait for one; + configured: all that a file set, or the command line
    + altered: what ALTER SYSTEM has set; it wins over Patroni's configuration; + file_errors: ``FileErrors``
    + backup_seconds: of pgBackRest's session; + transactions: older than a minute; + control: the control file's
    + restoring: a restore is not finished here
    """

    answers: bool
    error: str
    version: int
    in_recovery: bool | None
    started_at: float
    timeline: int | None
    written: int | None
    replayed: int | None
    receiving: bool
    replay: str | None
    apply_delay_ms: int
    settings: dict[str, SeenSetting]
    configured: dict[str, SeenSetting]
    altered: dict[str, str]
    file_errors: list[dict[str, Any]]
    replication: list[dict[str, Any]]
    slots: list[dict[str, Any]]
    archiver: dict[str, Any] | None
    prepared: dict[str, Any] | None
    backup_seconds: float | None
    connections: int | None
    transactions: list[dict[str, Any]]
    collations: NotRequired[list[dict[str, Any]]]  # databases with the versions of their locales
    locales: NotRequired[list[str]]  # of the host
    control: dict[str, Any] | None
    restoring: bool


class SeenParameter(TypedDict):
    """What PostgreSQL knows of one of its parameters. + least, most: in ``unit``, None where there is no limit"""

    context: str
    type: str
    unit: str | None
    setting: str
    least: float | None
    most: float | None
    words: list[str]
