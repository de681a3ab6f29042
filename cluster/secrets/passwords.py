"""Verdicts on passwords: too weak or unusable, and whether a role has this one (PostgreSQL's SCRAM verifier)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

from cluster.errors import ConfigError

LENGTH_FLOOR = 16
DISTINCT_FLOOR = 6
# Words of well-known examples, of documentation, and of lists that attackers try first.
KNOWN_WORDS = (
    *("password", "passwort", "passwd", "pass", "changeme", "change", "secret", "default", "example", "sample", "test"),
    *("postgresql", "postgres", "patroni", "haproxy", "pgbackrest", "superuser", "replicator", "replication", "rewind"),
    *("admin", "administrator", "root", "user", "cluster", "welcome", "letmein", "qwertyuiop", "qwerty", "asdfghjkl"),
    *("zxcvbnm", "abcdefghijklmnopqrstuvwxyz", "abcdef", "abc", "0123456789", "1234567890", "12345", "123"),
)
LOOK_ALIKES = str.maketrans("@0$3", "aose")
UNSAFE_CHARACTERS = {
    "'": "a single quote, which ends a string in SQL and conninfo",
    '"': "a double quote, which ends a string in haproxy.cfg and YAML",
    "\\": "a backslash, which is an escape in conninfo, pgpass and haproxy.cfg",
    " ": "a space, which ends a word in haproxy.cfg and conninfo",
    "#": "a '#', which begins a comment in haproxy.cfg",
}
# PostgreSQL's default (scram_iterations); a client pays for each on every login.
SCRAM_ITERATIONS = 4096
SALT_BYTES = 16
VERIFIER = re.compile(r"SCRAM-SHA-256\$([1-9]\d{0,8}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")


def weak_password_reason(name: str, value: str, forbidden: Iterable[str] = ()) -> str | None:
    """
    Why a password must not be used, in one sentence without the password; None when it may.

    A well-known word counts only when such words make up most of the value: a random one may contain ``admin``.

    + name: what the sentence calls it
    + forbidden: more words to count as well-known, e.g. the cluster's and the role's name
    """
    if unusable := _unusable_character(value):
        return f"{name} contains {unusable}"
    if len(value) < LENGTH_FLOOR:
        return f"{name} has {len(value)} characters, {LENGTH_FLOOR} are the least"
    if (distinct := len(set(value))) < DISTINCT_FLOOR:
        return f"{name} has {distinct} different characters, {DISTINCT_FLOOR} are the least"
    if _mostly_known(value, [*KNOWN_WORDS, *forbidden]):
        return f"{name} is little more than well-known words"
    return None


def _unusable_character(value: str) -> str | None:
    for character in value:
        if character in UNSAFE_CHARACTERS:
            return UNSAFE_CHARACTERS[character]
        if ord(character) < 32 or ord(character) == 127:
            return "a control character, such as the end of a line, which no configuration file can hold"
        if ord(character) > 127:
            return "a character outside ASCII, which clients in another encoding send differently"
    return None


def _mostly_known(value: str, words: Iterable[str]) -> bool:
    by_length = sorted({word.lower() for word in words if word}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, by_length)))
    lowered = value.lower()
    return any(
        2 * sum(len(word) for word in pattern.findall(spelling)) > len(value)
        for spelling in (lowered, lowered.translate(LOOK_ALIKES))
    )


def scram_verifier(password: str, *, salt: bytes | None = None, iterations: int = SCRAM_ITERATIONS) -> str:
    """
    What PostgreSQL stores for a password, so that the password itself never reaches a statement or a log.

    + password: ASCII; SASLprep, which others would need, leaves ASCII as it is
    + salt: random when not given
    """
    salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    stored_key, server_key = _scram_keys(password, salt, iterations)
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}"


def scram_verifier_matches(verifier: str | None, password: str) -> bool:
    """
    Whether a role has this password already, so that a second run changes nothing.

    + verifier: ``pg_authid.rolpassword``; None (no password), md5 and anything else do not match
    """
    found = VERIFIER.fullmatch(verifier or "")
    if not found:
        return False
    try:
        salt, stored_key, server_key = (b64decode(part, validate=True) for part in found.groups()[1:])
    except ValueError:
        return False
    expected = _scram_keys(password, salt, int(found[1]))
    return hmac.compare_digest(expected[0], stored_key) and hmac.compare_digest(expected[1], server_key)


def _scram_keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey of RFC 5802, section 3."""
    if not password.isascii():
        raise ConfigError("a password has characters outside ASCII\nHINT: use letters and digits.")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def _text(value: bytes) -> str:
    return b64encode(value).decode("ascii")
