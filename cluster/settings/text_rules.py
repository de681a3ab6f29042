"""One rule for each kind of text that a user declares: what is wrong with it, or None. A sentence goes on after it."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

LENGTH = 4000  # of any text; what has a kind of its own is shorter
COMMON_NAME_LENGTH = 64  # of a certificate: X.520, ub-common-name
NAME_BYTES = 63  # of a name in PostgreSQL, and of a label in DNS

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Underscores are no part of the standard, and in use.
_HOST_LABEL = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
_HOST_NAME = re.compile(rf"{_HOST_LABEL}(\.{_HOST_LABEL})*")
_ROLE_WORDS = ("public", "none", "current_user", "session_user", "current_role")
_CLUSTER_ROLES = ("replicator", "rewind", "pgbouncer_auth", "pgbouncer_lookup")
_DATABASE_WORDS = ("all", "sameuser", "samerole", "samegroup", "replication")

# Trees of the system, in which nobody else's data lies; and directories that hold the data of several.
_SYSTEM = ("/etc", "/usr", "/boot", "/proc", "/sys", "/dev", "/run", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
_VOLATILE = ("/tmp", "/var/tmp", "/var/run", "/var/lock", "/var/cache", "/var/spool", "/var/log")
_OTHERS = ("/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/var/lib/etcd", "/var/lib/haproxy", "/var/backups")
_SHARED = ("/", "/home", "/root", "/srv", "/opt", "/mnt", "/media", "/var", "/var/lib", "/var/lib/postgresql")


def text_problem(text: str, *, blanks: bool = False) -> str | None:
    """What no text of a user may hold, whatever it is for. + blanks: it may begin or end with one"""
    if strange := next((one for one in text if not one.isprintable()), None):
        return f"holds the character {strange!r}, which cannot be seen"
    if not blanks and text != text.strip():
        return "begins or ends with a blank"
    return f"has {len(text)} characters, the most is {LENGTH}" if len(text) > LENGTH else None


def first_problem(value: Any, *, blanks: bool = False) -> str | None:
    """``text_problem`` of the first text within a value that has one, with the text in front. + value: of a setting"""
    for text in _texts(value):
        if problem := text_problem(text, blanks=blanks):
            return f"{text[:60]!r} {problem}"
    return None


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _texts(list(pair))
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def listed_problem(values: Iterable[str], rule: Callable[[str], str | None]) -> str | None:
    """The first problem of several texts, with the text in front. + rule: of this module"""
    return next((f"{value!r} {problem}" for value in values if (problem := rule(value))), None)


def host_name_problem(name: str) -> str | None:
    """A host's own name: Patroni, etcd, HAProxy, certificates and the options of a run have it in their mouths."""
    if len(name) > COMMON_NAME_LENGTH:
        return f"has {len(name)} characters, a certificate takes {COMMON_NAME_LENGTH}"
    if not _HOST_NAME.fullmatch(name):
        return "is no host's name: letters, digits, hyphens, and dots between its parts of at most 63 characters"
    return f"reads as {_read(name)!r}, so that no option can name it" if _read(name) != name else None


def _read(word: str) -> Any:
    """What pyinfra makes of a word after ``--data name=``."""
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    for read in (int, json.loads):
        try:
            return read(word)
        except ValueError:
            pass
    return word


def endpoint_problem(text: str) -> str | None:
    """A DNS name, with a wildcard for its first part or without, or an address."""
    if address_problem(text) is None:
        return None
    last = text.rpartition(".")[2]
    is_name = len(text) <= 253 and _DNS_NAME.fullmatch(text) and not last.isdecimal()
    return None if is_name else "is neither a DNS name nor an address"


def address_problem(text: str) -> str | None:
    """An address, of whichever family, that means the same on every host."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "is no address"
    if getattr(address, "scope_id", None) is not None:
        return "names an interface, which is another one on each host"
    return None


def host_address_problem(text: str) -> str | None:
    """An address by which other hosts reach this one."""
    if problem := address_problem(text):
        return problem
    address = ipaddress.ip_address(text)
    local = address.is_loopback or address.is_unspecified or address.is_multicast
    scoped = address.version == 6 and (address.is_link_local or address.ipv4_mapped is not None)
    return "is no address that another host can reach" if local or scoped or address.is_reserved else None


def network_problem(text: str) -> str | None:
    """A network as CIDR, or one address."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "is no network such as 10.0.0.0/8 or fd00::/64"
    if "%" in text:
        return "names an interface, which is another one on each host"
    same = ipaddress.ip_address(text.partition("/")[0]) == network.network_address
    return None if same else f"has bits of a host after its prefix: the network is {network}"


def opening_problem(text: str) -> str | None:
    """A port with its protocol, and the network from which it is open where that is not everywhere."""
    port, _, network = text.partition(" ")
    number, slash, protocol = port.partition("/")
    if not slash or protocol not in ("tcp", "udp") or not re.fullmatch("[1-9][0-9]{0,4}", number):
        return "is no port with its protocol, such as 9100/tcp or '9100/tcp 10.0.0.0/8'"
    if int(number) > 65535:
        return "has a port above 65535"
    return network_problem(network) if network else None


def listen_problem(text: str) -> str | None:
    """What PostgreSQL may listen on: everything, an address, or a name that a host resolves to one of its own."""
    return None if text == "*" or (endpoint_problem(text) is None and "*" not in text) else "is nothing to listen on"


def role_problem(name: str) -> str | None:
    """A role that this tool makes, or gives a database to."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", name):
        return "is no name for a database or role"
    if name in _CLUSTER_ROLES or name.startswith("pg_"):
        return "is a role that the cluster itself uses"
    return "is a word of SQL, and no role can have it for a name" if name.lower() in _ROLE_WORDS else None


def admin_problem(name: str) -> str | None:
    """The role that people and tools log in with."""
    return "is a role that the cluster itself uses" if name == "postgres" else role_problem(name)


def database_problem(name: str) -> str | None:
    """A database that this tool makes."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}", name):
        return "is no name for a database or role"
    if name in ("template0", "template1", "postgres"):
        return "is a database that every cluster has"
    return "is a keyword of pg_hba, so that no line could name it" if name in _DATABASE_WORDS else None


def parameter_name_problem(name: str) -> str | None:
    """The name of one of PostgreSQL's parameters; an extension's has a dot in it."""
    word = "[A-Za-z_][A-Za-z0-9_$]{0,62}"
    return None if re.fullmatch(rf"{word}(\.{word})*", name) else "is no name of a parameter"


def mirror_problem(uri: str) -> str | None:
    """Where apt finds a repository."""
    problem = "is no URI of a repository, such as https://apt.example.net/postgresql"
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return problem
    named = endpoint_problem(host) is None and "*" not in host and port != 0
    plain = re.fullmatch(r"[A-Za-z0-9._~/+%=:@-]*", parts.path) and not (parts.query or parts.fragment or "?" in uri)
    if parts.username is not None:
        return "has a login in it, which every user on a host could read: /etc/apt/auth.conf.d is the place for that"
    return None if parts.scheme in ("http", "https") and named and plain and "#" not in uri else problem


def suite_problem(name: str) -> str | None:
    """A suite, or one of the components, of a repository."""
    form = r"[A-Za-z0-9]([A-Za-z0-9._+~-]*/?)*"
    return None if len(name) <= 255 and re.fullmatch(form, name) else "is no suite or component of a repository"


def package_problem(name: str) -> str | None:
    """A package. https://www.debian.org/doc/debian-policy/ch-controlfields.html"""
    return None if re.fullmatch(r"[a-z0-9][a-z0-9+.-]{1,127}", name) else "is no name of a package"


def version_problem(version: str) -> str | None:
    """An exact version of a package, from the same page."""
    form = r"([0-9]{1,9}:)?[0-9][A-Za-z0-9.+~-]{0,127}"
    return None if re.fullmatch(form, version) else "is no exact version of a package, such as 4.0.7-1"


def file_problem(path: str) -> str | None:
    """A file on a host, as configuration files can name it."""
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+/?", path) or len(path) > 1000:
        return "is no absolute path of letters, digits, dot, hyphen, underscore and slash"
    return "leads upwards" if {".", ".."} & set(path.split("/")) else None


def directory_problem(path: str) -> str | None:
    """A directory on a host that is to belong to this tool's data alone."""
    if problem := file_problem(path):
        return problem
    place = PurePosixPath(path)
    if str(place) in _SHARED:
        return "holds what belongs to others: give it a directory of its own in there"
    owner = next((one for one in (*_SYSTEM, *_VOLATILE, *_OTHERS, "/root") if place.is_relative_to(one)), None)
    return f"is in {owner}, where data is not safe from others" if owner else None


def locale_problem(name: str) -> str | None:
    """The locale of a cluster, whose databases are all in UTF8; other encodings need a host to be seen."""
    codeset = re.search(r"[.]([^@]*)", name)
    if codeset is None or re.sub("[^a-z0-9]", "", codeset[1].lower()) == "utf8":
        return None
    return f"has the encoding {codeset[1] or 'of nothing'}, and the databases have UTF8, as with de_DE.UTF-8"


def overlap(one: str, other: str) -> bool:
    """Whether one of two directories contains the other, or is the same."""
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)
