"""The restore drill on the repository host: its paths, its pgBackRest configuration, and its options."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import PurePosixPath

from cluster.components.files import Directory, File
from cluster.components.pgbackrest import CONFIGURATION, SERVER_SECRETS, USER, Store, option_lines, repository_options
from cluster.declared.model import Cluster
from cluster.declared.repositories import Repository, repositories_of
from cluster.pki.certificates import ETCD, HAPROXY, PATRONI, PGBACKREST, PGBACKREST_SERVER, POSTGRES
from cluster.settings.pgbackrest import S3

PROGRAMS = "/usr/local/lib/pgbackrest-drill"
DRILL = f"{PROGRAMS}/pgbackrest_drill.py"
DRILL_SETTINGS = f"{PROGRAMS}/postgresql.conf"
DRILL_HBA = f"{PROGRAMS}/pg_hba.conf"
DRILL_SERVICE = "pgbackrest-drill.service"
DRILL_TIMER = "pgbackrest-drill.timer"
DRILL_UNIT = f"/etc/systemd/system/{DRILL_SERVICE}"
DRILL_TIMER_PATH = f"/etc/systemd/system/{DRILL_TIMER}"
DRILL_CONFIGURATION = "/etc/pgbackrest/drill.conf"
DRILL_PLACE = "/etc/pgbackrest/drill.json"

# Proofs outlive every copy, and the directory of systemd's that goes with the unit has the socket and the locks.
PROOFS = "/var/lib/pgbackrest-drill"
REQUEST = f"{PROOFS}/request.json"
RUNTIME = "/run/pgbackrest-drill"

_SYSTEM = ("/etc", "/usr", "/bin", "/sbin", "/lib", "-/lib64")
# What /etc/resolv.conf leads to.
_NAMES = ("-/run/systemd/resolve", "-/run/resolvconf", "-/run/NetworkManager")

# Where backups lie in a store alone; Debian's package makes it.
_HOME = "/var/lib/pgbackrest"


def drill_directory(cluster: Cluster) -> str:
    """Where the copies are made, in a directory that belongs to the drill alone."""
    settings = cluster.settings
    own = cluster.repository_directory or _HOME
    return str(PurePosixPath(settings.pgbackrest_drill_path or own) / "restore-drill")


def proven_repository(cluster: Cluster) -> Repository:
    """The one that drills read: the first, with which restores and new replicas begin."""
    return repositories_of(cluster.settings)[0]


def drill_directories(cluster: Cluster) -> list[Directory]:
    """For PostgreSQL's user alone: what lies there is the data."""
    return [Directory(path, USER, USER, "700") for path in (PROOFS, drill_directory(cluster))]


def drill_writable(cluster: Cluster) -> list[str]:
    """All that its unit can write: the copy, the proofs, and the socket's directory."""
    return [drill_directory(cluster), PROOFS, RUNTIME]


def drill_readable(cluster: Cluster) -> list[str]:
    """All else that its unit sees: programs, configuration, the repository. ``-``: where there is such a path."""
    settings, repository = cluster.settings, proven_repository(cluster)
    if repository.kind == S3:
        authority = [settings.pgbackrest_s3_ca_file] if settings.pgbackrest_s3_ca_file else []
        return [*_SYSTEM, *(path for path in authority if not _is_within(path, _SYSTEM)), *_NAMES]
    return [*_SYSTEM, settings.pgbackrest_path]


def drill_hidden() -> list[str]:
    """
    What of that its unit does not see: keys and passwords. Members can write a backup that runs what they like in the
    drill, as the user who may read these.
    """
    services = (ETCD, PATRONI, POSTGRES, HAPROXY)
    own = (PGBACKREST.directory, PGBACKREST_SERVER.directory, CONFIGURATION, SERVER_SECRETS)
    return [f"-{path}" for path in (*(str(PurePosixPath(one.directory).parent) for one in services), *own)]


def drill_free_paths(cluster: Cluster) -> list[str]:
    """
    Directories in which its unit finds nothing of the host's, and can make any other one: those above all that it sees,
    and that of shared memory.
    """
    seen = [path.removeprefix("-") for path in (*drill_readable(cluster), *drill_writable(cluster))]
    above = {str(parent) for path in seen for parent in PurePosixPath(path).parents}
    return sorted({*(path for path in above if not _is_within(path, [*seen, "/run"])), "/dev/shm"})


def _is_within(path: str, directories: Iterable[str]) -> bool:
    return any(PurePosixPath(path).is_relative_to(one) for one in directories)


def drill_configuration(cluster: Cluster, cipher_pass: str, store: Store | None) -> File:
    """
    pgBackRest's configuration for a drill. It knows the repository, and of all clusters the scratch instance alone: not
    even by mistake can a restore reach a member's data. Locks and queues are its own, too.

    + cipher_pass, store: as ``configuration`` has them
    """
    scratch = f"{drill_directory(cluster)}/scratch"
    lines = [
        *("# Managed by pyinfra-patroni.", "[global]"),
        *option_lines(repository_options(cluster, proven_repository(cluster), cipher_pass, store)),
        *option_lines({"spool-path": f"{scratch}/spool", "lock-path": RUNTIME}.items()),
        *("log-level-file=off", "log-level-console=info", "log-timestamp=n"),
        *("", f"[{cluster.name}]", f"pg1-path={scratch}/data"),
    ]
    return File(DRILL_CONFIGURATION, "\n".join(lines) + "\n", USER, USER, "600")


def drill_place(cluster: Cluster) -> File:
    """What the program has to know, as one JSON object."""
    node = cluster.repository
    place = {
        "stanza": cluster.name,
        "configuration": DRILL_CONFIGURATION,
        "programs": cluster.bin_directory,
        "scratch": f"{drill_directory(cluster)}/scratch",
        "proofs": PROOFS,
        "request": REQUEST,
        "runtime": RUNTIME,
        "settings": DRILL_SETTINGS,
        "process_max": cluster.settings.pgbackrest_process_max,
        "core_part": 4 if node is not None and "postgres" in node.roles else 2,
    }
    return File(DRILL_PLACE, json.dumps(place, indent=2) + "\n")
