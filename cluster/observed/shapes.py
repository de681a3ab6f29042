"""The shapes that facts return: plain dictionaries, for pyinfra prints facts as JSON, but typed ones."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


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


class SeenEtcdMember(TypedDict):
    """A member as etcd lists it. + started: false for one that was added and never came"""

    id: str
    name: str
    peer_urls: list[str]
    learner: bool
    started: bool


class SeenEtcd(TypedDict):
    """etcd as one client sees it; None stands for "it did not say". + unhealthy: endpoint to reason"""

    unhealthy: dict[str, str]
    members: list[SeenEtcdMember] | None
    alarms: list[str] | None
    keys: dict[str, str] | None
    errors: dict[str, str]


class SeenEtcdStatus(TypedDict):
    """What one member of etcd says of itself. + errors: its own words, e.g. an alarm"""

    id: str
    version: str
    leads: bool
    learner: bool
    database_mib: int
    raft_index: int
    errors: list[str]


class SeenMember(TypedDict):
    """A member as Patroni lists it. + running: PostgreSQL is up; + pending_reason: setting to old and new value"""

    role: str
    synchronous: bool
    state: str
    running: bool
    streaming: bool
    timeline: int | None
    lag_mib: int | None
    pending_restart: bool
    pending_reason: dict[str, Any]
    tags: dict[str, Any]
    scheduled_restart: bool
    host: str
    port: int
    api_url: str


class SeenPatroni(TypedDict):
    """
    The cluster as one member's Patroni sees it.

    + answers: false when Patroni does not answer here, which says nothing about the cluster; error says why
    + settled: every expected member runs, and every standby streams on the leader's timeline
    """

    answers: bool
    error: str
    version: str
    leader: str | None
    members: dict[str, SeenMember]
    config: dict[str, Any] | None
    paused: bool
    scheduled_switchover: dict[str, Any] | None
    settled: bool


class SeenTurn(TypedDict):
    """A timeline that ended, and where and why. + lsn: bytes; + at, leader: of what came next, empty if unknown"""

    timeline: int
    lsn: int
    reason: str
    at: str
    leader: str


class SeenResources(TypedDict):
    """What a member has. + patroni: the package's version, empty while it is not installed"""

    memory_mib: int
    cores: int
    disk_mib: int
    patroni: str


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
    """Roles by name, databases with their owners, and slots, on one member."""

    in_recovery: bool
    slots: list[dict[str, Any]]
    roles: dict[str, SeenRole]
    databases: dict[str, str]


class SeenEndpoint(TypedDict):
    """One endpoint that was tried. + wants: ``write`` or ``read``; + refused: a write was, as on a standby"""

    address: str
    port: int
    wants: str
    connected: bool
    in_recovery: bool | None
    wrote: bool
    refused: bool
    version: str
    error: str


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


class SeenParameter(TypedDict):
    """What PostgreSQL knows of one of its parameters. + least, most: in ``unit``, None where there is no limit"""

    context: str
    type: str
    unit: str | None
    setting: str
    least: float | None
    most: float | None
    words: list[str]
