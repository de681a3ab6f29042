"""PostgreSQL's parameters that are not the user's to set, or only with a word that says what they put at stake."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from cluster.ciphers import OPENSSL

# As postgresql.conf takes them; what Patroni would write there for any other is read as something else, or not at all.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", re.ASCII)

ACCEPTED = "postgres_accepted_dangers"


@dataclass(frozen=True)
class Owned:
    """
    Why a parameter is set by nobody else.

    + reason: whose it is, after "NAME is not declared here: "
    + way: a sentence with what is set instead
    + archive: that is so only where there is an archive of ours to write to, or to read from
    + absent: the cluster does not do what it shall while it is set at all
    """

    reason: str
    way: str
    archive: bool = False
    absent: bool = False


@dataclass(frozen=True)
class Danger:
    """
    What one may want and should know. + safe: the values that put nothing at stake, as PostgreSQL shows them

    + loss: what any other value may do, as the end of a sentence
    """

    safe: Collection[str]
    loss: str


_ARCHIVE_WAY = "Take it out: pgBackRest archives. To archive in your own way, take the host out of the group backup."
_PATRONI_WAY = "Take it out; what Patroni sets stands in docs/tuning.md."
_TLS_WAY = "Take it out; for certificates of your own see certificates_ca_certificate in docs/settings.md."
_MOMENT = Owned(
    "it would end the replay of every standby", "Take it out; deploys/restore.py --data time=...", absent=True
)
_SOCKET = "every run, Patroni and pgBackRest reach PostgreSQL by its socket in /var/run/postgresql"

# A name that ends with * stands for all that begin with what is before it.
OWNED: Mapping[str, Owned] = {
    "archive_mode": Owned("a repository host is declared, and without it nothing is archived", _ARCHIVE_WAY, True),
    "archive_command": Owned("all WAL goes to the declared repository host", _ARCHIVE_WAY, True),
    "archive_library": Owned(
        "PostgreSQL refuses it beside archive_command, which is pgBackRest's", _ARCHIVE_WAY, True, True
    ),
    "archive_timeout": Owned(
        "what a lost cluster may lose has a setting of its own", "Set pgbackrest_archive_seconds instead.", True
    ),
    "restore_command": Owned("standbys read the archive of the declared repository host", _ARCHIVE_WAY, True),
    "archive_cleanup_command": Owned(
        "what is kept is pgBackRest's to decide", "Set pgbackrest_retention_full instead.", True, True
    ),
    "recovery_end_command": Owned(
        "Patroni would forget the archive that standbys read for it", "Take it out.", True, True
    ),
    "recovery_min_apply_delay": Owned(
        "every standby would be late, and none could take over in time", "Take it out.", absent=True
    ),
    **dict.fromkeys(
        ("transaction_isolation", "transaction_read_only", "transaction_deferrable"),
        Owned("it is of one transaction, and no file may set it", "Declare the one of that name with default_ before."),
    ),
    "recovery_target*": _MOMENT,
    "recovery_target_timeline": Owned("a standby follows its leader to every timeline", _PATRONI_WAY),
    "recovery_target_action": Owned("deploys/restore.py says what follows a recovery", _PATRONI_WAY),
    "recovery_target_inclusive": Owned("deploys/restore.py has a word for it", "Use its --data exclusive=true."),
    "promote_trigger_file": Owned("who is promoted decides Patroni alone", "Use deploys/switchover.py.", absent=True),
    "primary_conninfo": Owned("Patroni says whom a standby follows", _PATRONI_WAY),
    "primary_slot_name": Owned("Patroni says whom a standby follows", _PATRONI_WAY),
    "synchronous_standby_names": Owned(
        "Patroni sets it, and promotes no other member", "Set patroni_synchronous_mode instead."
    ),
    "hot_standby": Owned("standbys serve readers, and Patroni looks at them", _PATRONI_WAY),
    "default_transaction_read_only": Owned(
        "no client could write, Patroni and the proof of a run included",
        "Set it for one role or database: `alter role NAME set default_transaction_read_only = on`.",
        absent=True,
    ),
    "listen_addresses": Owned("it is made of another setting", "Set postgres_listen instead."),
    "port": Owned("it is made of another setting", "Set postgres_port instead, before the cluster is built."),
    "cluster_name": Owned("it is made of another setting", "Set cluster_name of the inventory, before it is built."),
    "unix_socket_directories": Owned(_SOCKET, "Take it out."),
    "data_directory": Owned("it is made of another setting", "Set postgres_data_directory instead."),
    "config_file": Owned("Patroni writes that file", _PATRONI_WAY),
    "hba_file": Owned("Patroni writes that file", "Set postgres_hba instead."),
    "ident_file": Owned("Patroni writes that file", _PATRONI_WAY),
    "external_pid_file": Owned("Patroni alone starts and stops PostgreSQL", "Take it out."),
    "include*": Owned("a file that it names would set what is not declared", "Declare what stands in that file."),
    "ssl*": Owned("every connection is encrypted with certificates that this tool renews", _TLS_WAY),
    "password_encryption": Owned("pg_hba accepts no other kind of password", "Take it out."),
    "logging_collector": Owned("runs and checks show the last lines of /var/log/postgresql", "Take it out."),
    "log_directory": Owned("runs and checks show the last lines of /var/log/postgresql", "Link to it from elsewhere."),
}

_CRASH = "a crash of a host may damage its data beyond repair"
_HIDE = "damaged data are passed on as if they were whole"
_SHUT_OUT = "clients that do not know it are shut out, Patroni and the replicas included"

DANGERS: Mapping[str, Danger] = {
    "fsync": Danger({"on"}, _CRASH),
    "full_page_writes": Danger({"on"}, _CRASH),
    "data_sync_retry": Danger({"off"}, "writes that a disk has lost are taken for stored"),
    "wal_log_hints": Danger(
        {"on"}, "a former leader whose data have no checksums cannot be rewound, and is copied again"
    ),
    "zero_damaged_pages": Danger({"off"}, "damaged pages are emptied, and their rows gone"),
    "ignore_checksum_failure": Danger({"off"}, _HIDE),
    "ignore_invalid_pages": Danger({"off"}, _HIDE),
    "ignore_system_indexes": Danger({"off"}, "catalogs are read without their indexes, and may be damaged"),
    "allow_system_table_mods": Danger({"off"}, "a superuser may destroy the catalogs"),
    "ssl_min_protocol_version": Danger({"tlsv1.2", "tlsv1.3"}, "connections can be read that an old protocol protects"),
    "ssl_max_protocol_version": Danger({""}, _SHUT_OUT),
    "ssl_ciphers": Danger((OPENSSL.lower(),), _SHUT_OUT),
    "ssl_tls13_ciphers": Danger((), _SHUT_OUT),
    "ssl_ecdh_curve": Danger((), _SHUT_OUT),
    "ssl_groups": Danger((), _SHUT_OUT),
}


def owned(name: str, *, archives: bool) -> Owned | None:
    """
    Why a parameter is not the user's; None when it is.

    + name: in any case, as PostgreSQL takes it
    + archives: whether the cluster has an archive of its own, or reads its source's
    """
    name = name.lower()
    families = (found for known, found in OWNED.items() if known[-1] == "*" and name.startswith(known[:-1]))
    found = None if name in DANGERS else OWNED.get(name) or next(families, None)
    return None if found is None or (found.archive and not archives) else found


def is_dangerous(name: str, value: object) -> bool:
    """Whether a value puts something at stake; one that cannot be read does. + value: None takes the parameter away"""
    danger = DANGERS.get(name.lower())
    return danger is not None and value is not None and _shown(value) not in danger.safe


_ON, _OFF = ("true", "yes", "1", "t", "y", "on"), ("false", "no", "0", "f", "n", "off")


def _shown(value: object) -> str:
    """As PostgreSQL shows it, as far as a safe value can look otherwise."""
    text = str(value).strip().lower()
    if re.fullmatch(r"0+\s*[a-z]*", text):
        return "0" if text not in _OFF else "off"
    return "on" if text in _ON else "off" if text in _OFF else text


def absent_names(*, archives: bool) -> list[str]:
    """What must not be in the configuration at all, whoever put it there. + archives: as ``owned`` has it"""
    moments = ("recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_time")
    listed = [*OWNED, *moments, "recovery_target_xid"]
    return [
        name
        for name in listed
        if name[-1] != "*" and (found := owned(name, archives=archives)) is not None and found.absent
    ]


def name_problems(parameters: Mapping[str, object]) -> Iterator[str]:
    """Names and values that would be read as something else. + parameters: as they are declared"""
    seen: set[str] = set()
    for name, value in parameters.items():
        if not NAME.fullmatch(name):
            yield f"{name!r} is no name of a parameter"
        elif name.lower() in seen:
            yield f"{name.lower()} stands there twice: PostgreSQL does not mind upper and lower case"
        elif re.search(r"[\x00-\x1f\x7f]", str(value)):
            yield f"{name} has a line break or another control character in its value"
        seen.add(name.lower())
