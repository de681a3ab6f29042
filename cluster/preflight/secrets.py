"""Whether the control machine's secrets are those of the running cluster, before anything is written."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cluster.components.monitoring.prometheus import LOGIN as MONITOR_LOGIN
from cluster.components.patroni import REPLICATION_USER, REWIND_USER, SUPERUSER
from cluster.components.pgbackrest import CONFIGURATION as PGBACKREST_CONFIGURATION
from cluster.components.pgbouncer.component import LOGINS_FILE
from cluster.declared.model import Cluster
from cluster.errors import ConfigError
from cluster.findings import Finding
from cluster.preflight.control_machine import LATER, HeldSecrets
from cluster.secrets.secrets import NAMES
from cluster.verdicts.databases import password_is

CIPHER_PASS = "PGBACKREST_CIPHER_PASS"
# A run may change these on a living cluster, when it is told to. The other roles' passwords are set on the primary
# first, for members log in with them all the time; nothing can be read with another pass phrase.
ROTATABLE = (
    *("PATRONI_ADMIN_PASSWORD", "PGBOUNCER_PASSWORD", "PATRONI_RESTAPI_PASSWORD", "HAPROXY_STATS_PASSWORD"),
    "MONITORING_PASSWORD",
)

_PATRONI = "/etc/patroni/config.yml"
# Where each of them can be read on a host; the admin's is nowhere.
FILES = {
    "PATRONI_SUPERUSER_PASSWORD": (_PATRONI, "grep -A2 superuser:"),
    "PATRONI_REPLICATION_PASSWORD": (_PATRONI, "grep -A2 replication:"),
    "PATRONI_REWIND_PASSWORD": (_PATRONI, "grep -A2 rewind:"),
    "PGBOUNCER_PASSWORD": (LOGINS_FILE, "cat"),
    "PATRONI_RESTAPI_PASSWORD": (_PATRONI, "grep -A9 ^restapi:"),
    "HAPROXY_STATS_PASSWORD": ("/etc/haproxy/haproxy.cfg", "grep insecure-password"),
    "MONITORING_PASSWORD": (MONITOR_LOGIN, "cat"),
    CIPHER_PASS: (PGBACKREST_CONFIGURATION, "grep cipher-pass"),
}

# https://github.com/pgbackrest/pgbackrest/blob/main/src/common/crypto/cipherBlock.c
_MAGIC, _SALT_BYTES, _KEY_BYTES, _BLOCK_BYTES = b"Salted__", 8, 32, 16

Pictures = Mapping[str, Mapping[str, Any] | None]


def rotated(names: str) -> frozenset[str]:
    """The secrets that the command line lets a run change. Refuses others. + names: separated by commas"""
    asked = frozenset(name.strip() for name in names.split(",") if name.strip())
    if wrong := sorted(asked - set(ROTATABLE)):
        raise ConfigError(
            f"rotate: {', '.join(wrong)} is not changed by a run\nHINT: it changes {', '.join(ROTATABLE)}; see "
            "docs/secrets.md for the others."
        )
    return asked


def digest(nonce: str, value: str) -> str:
    """What a host says instead of a secret that it has. + nonce: of this run alone"""
    return hashlib.sha256(f"{nonce}{value}".encode()).hexdigest()


def foreign_findings(
    cluster: Cluster,
    held: HeldSecrets,
    pictures: Pictures,
    keys: Mapping[str, str] | None = None,
    rotates: Collection[str] = (),
    *,
    adopts: bool = False,
) -> Iterable[Finding]:
    """
    A control machine that would make new secrets or a new CA for a cluster that lives: they would lock everybody out.

    + pictures: ``HostPicture`` by host name
    + keys: what etcd holds below the cluster's prefix
    + rotates: names that this run may change
    + adopts: the data that members have are this cluster's
    """
    lives = _sign_of_life(cluster, pictures, keys, adopts=adopts)
    if lives is None or held.complete:
        return
    if not (held.values and held.missing and held.has_authority):
        problem = f"{lives}, whose secrets or CA are not on this machine"
        hint = f"Copy {held.place} from the machine that built the cluster, with its modes (0700, files 0600)."
        yield Finding(held.place, "secrets", problem, hint)
        return
    for name in held.missing:
        if name not in rotates and not (name in LATER and not _having(name, pictures)):
            yield Finding(
                f"{held.place}/secrets.json", name, f"is missing, and {lives}", _recovery(held, name, pictures)
            )


def _sign_of_life(
    cluster: Cluster, pictures: Pictures, keys: Mapping[str, str] | None, *, adopts: bool = False
) -> str | None:
    """How it is known that the cluster exists; None when it does not seem to."""
    seen = {name: picture for name, picture in pictures.items() if picture is not None}
    if runs := [name for name, picture in seen.items() if picture["scope"] == cluster.name]:
        return f"{runs[0]} already runs the cluster {cluster.name}"
    if known := [name for name, picture in seen.items() if picture["held"]["digests"]]:
        return f"{known[0]} has secrets of the cluster {cluster.name}"
    if adopts and (kept := [name for name, one in seen.items() if (one["data"] or {}).get("identifier")]):
        return f"{kept[0]} has the data of a cluster, whose roles have passwords"
    if (keys or {}).get(cluster.key("initialize")) is not None:
        return f"etcd already knows the cluster {cluster.name}"
    return None


def _recovery(held: HeldSecrets, name: str, pictures: Pictures) -> str:
    back = f"Restore {held.place}/secrets.json from your backup"
    has = _having(name, pictures)
    if has and name in FILES:
        path, words = FILES[name]
        back += f", or take it from {has[0]}: `sudo {words} {path}`"
    if name in ROTATABLE:
        back += f". A new one is made with `--data rotate={name}`"
    return f"{back}."


def _having(name: str, pictures: Pictures) -> list[str]:
    return [host for host, seen in pictures.items() if seen is not None and name in seen["held"]["digests"]]


def held_findings(
    cluster: Cluster, held: HeldSecrets, pictures: Pictures, nonce: str, rotates: Collection[str] = ()
) -> Iterator[Finding]:
    """
    Secrets, and a CA, that are not those of the hosts: of another cluster, of another day, or only in this shell.

    One that any host has is the cluster's: the run that changes one may have been cut off after the first host.

    + pictures: ``HostPicture`` by host name; + nonce: with which they were asked
    + rotates: names that this run may change
    """
    seen = {name: one for name, one in pictures.items() if one is not None and one["scope"] in (None, cluster.name)}
    for name in NAMES:
        if name in held.values and name not in rotates:
            value = str(held.values[name])
            known = {**_in_files(seen, name, digest(nonce, value)), **_in_roles(cluster, seen, name, value)}
            if known and not any(known.values()):
                yield Finding(held.origin[name], name, *_another(cluster, held, name, sorted(known)))
    if CIPHER_PASS in held.values or _sign_of_life(cluster, seen, None) is None:
        yield from _undecipherable(cluster, held, seen)
    yield from _another_authority(held, seen)


def _in_files(seen: Pictures, name: str, wanted: str) -> dict[str, bool]:
    """By host with such a secret in a file: whether it is this one."""
    found = {host: one["held"]["digests"].get(name, ()) for host, one in seen.items() if one is not None}
    return {host: wanted in digests for host, digests in found.items() if digests}


def _in_roles(cluster: Cluster, seen: Pictures, name: str, value: str) -> dict[str, bool]:
    """By what a running member says of the role with this password: whether it is this one."""
    role = roles(cluster).get(name)
    # Restored data bring the roles of another day, or of another cluster; what they get is that run's.
    known = {host: one["held"]["roles"].get(role) for host, one in seen.items() if one and not one["restoring"]}
    return {f"the role {role} on {host}": password_is(one, value) for host, one in known.items() if one is not None}


def roles(cluster: Cluster) -> dict[str, str]:
    """The roles whose passwords are secrets, by the secret's name."""
    return {
        "PATRONI_SUPERUSER_PASSWORD": SUPERUSER,
        "PATRONI_REPLICATION_PASSWORD": REPLICATION_USER,
        "PATRONI_REWIND_PASSWORD": REWIND_USER,
        "PATRONI_ADMIN_PASSWORD": cluster.settings.postgres_admin_user,
    }


def _another(cluster: Cluster, held: HeldSecrets, name: str, known: list[str]) -> tuple[str, str]:
    problem = f"is not the one that {', '.join(known)} of the living cluster {cluster.name} has"
    hint = f"Give the right one: {held.place}/secrets.json of the cluster, or the variable as it was."
    hosts = [one for one in known if " " not in one]
    if hosts and name in FILES:
        path, words = FILES[name]
        hint += f" On {hosts[0]} it stands in a file: `sudo {words} {path}`."
    if name in ROTATABLE:
        return problem, f"{hint} To change it on purpose: `--data rotate={name}`."
    if name == CIPHER_PASS:
        return problem, f"{hint} It never changes: nothing in the repository could be read with another."
    return problem, f"{hint} To change it on purpose, set it on the primary first: docs/secrets.md."


def _undecipherable(cluster: Cluster, held: HeldSecrets, seen: Pictures) -> Iterator[Finding]:
    """A repository that was encrypted with another pass phrase; its host may have lost its configuration."""
    value, where = held.values.get(CIPHER_PASS), f"{held.place}/secrets.json"
    for host, one in seen.items():
        stanza = one["stanza"] if one is not None else None
        if stanza and (value is None or not deciphers(str(value), b64decode(stanza["head"]))):
            said = "is missing, and opens" if value is None else "does not open"
            problem = f"{said} the repository of {cluster.name} on {host}"
            hint = (
                "Give the one with which it was written: without it these backups are lost. To begin without them "
                f"move them away: `mv {cluster.repository_directory} {cluster.repository_directory}.old`."
            )
            yield Finding(held.origin.get(CIPHER_PASS, where), CIPHER_PASS, problem, hint)


def deciphers(pass_phrase: str, head: bytes) -> bool:
    """
    Whether a file of pgBackRest's repository was encrypted with a pass phrase; True where that cannot be told.

    + head: its first bytes: of a file that begins as an ini file does
    """
    body = head[len(_MAGIC) + _SALT_BYTES :][:_BLOCK_BYTES]
    if not head.startswith(_MAGIC) or len(body) < _BLOCK_BYTES:
        return True
    made, last = b"", b""
    while len(made) < _KEY_BYTES + _BLOCK_BYTES:
        last = hashlib.sha1(last + pass_phrase.encode() + head[len(_MAGIC) :][:_SALT_BYTES]).digest()
        made += last
    key, vector = made[:_KEY_BYTES], made[_KEY_BYTES:][:_BLOCK_BYTES]
    opened = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor().update(body)
    return opened.startswith(b"[") and opened.isascii()


def _another_authority(held: HeldSecrets, seen: Pictures) -> Iterator[Finding]:
    if held.authority is None:
        return
    ours = hashlib.sha256(held.authority.encode()).hexdigest()
    known = {
        host: one["held"]["authority"] for host, one in seen.items() if one is not None and one["held"]["authority"]
    }
    if strange := [host for host, theirs in known.items() if theirs != ours]:
        problem = f"is another CA than the one that {', '.join(strange)} trusts"
        hint = f"Use {held.place} of the machine that built the cluster; a living cluster keeps its CA."
        yield Finding(held.place, "CA", problem, hint)
