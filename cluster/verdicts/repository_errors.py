"""Why pgBackRest cannot use a repository, in a line, and what to do about it."""

from __future__ import annotations

import re

# What an S3-compatible store says in its document about an error, and pgBackRest passes on whole.
_CODE, _MESSAGE = re.compile(r"<Code>([^<]*)</Code>"), re.compile(r"<Message>([^<]*)</Message>")

CERTIFICATE = "name the CA of the store in pgbackrest_s3_ca_file: a file on the repository host"
KEYS = (
    "the store knows other keys than those in the file that pgbackrest_s3_credentials names, or they may not read and "
    "write this bucket"
)
BUCKET = "create the bucket of pgbackrest_s3_bucket at the store: nothing here does"
WAY = (
    "see whether the repository host reaches its store, pgbackrest_s3_endpoint with :port where that is not 443, or "
    "whether its disk answers"
)
PHRASE = "with another passphrase than at its creation a repository cannot be read; see docs/runs/backup.md"
HOST = "see `journalctl -u pgbackrest` on its host"

# The first word that is found decides.
_WAYS_OUT = (
    (re.compile("NoSuchBucket"), BUCKET),
    (re.compile(r"SignatureDoesNotMatch|InvalidAccessKeyId|AccessDenied|\b403\b"), KEYS),
    (re.compile("certificate|CA location"), CERTIFICATE),
    (re.compile("HostConnectError|unable to connect|unable to get address|no answer in"), WAY),
    (re.compile("CryptoError|cipher"), PHRASE),
)


def cause(text: str) -> str:
    """The line that matters of what pgBackRest says. + text: its words, which for a store are many lines"""
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code and message:
        return f"the store answers {code[1]}: {message[1]}"
    return next((line.strip() for line in text.splitlines() if line.strip()), "no word")


def way_out(text: str) -> str:
    """What to do about it, as ``Obstacle`` has it. + text: pgBackRest's words"""
    return next((hint for word, hint in _WAYS_OUT if word.search(text)), HOST)
