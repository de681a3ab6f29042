"""Text without what is secret in it, so that it can be given away: known secrets anywhere, others by their form."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

REMOVED = "[removed]"

# Words that end the name of what holds a secret: restapi.password, PGBACKREST_CIPHER_PASS, s3-key-secret, auth_pass.
_NAMES = (
    r"pass(?:word|wd|phrase)?|secret|token|credentials?|(?:api|access|secret|private)[_-]?key|key[_-]secret|[_-]pass"
    r"|cipher[_-]?pass|s3-key(?:-secret)?|psk"
)
_QUOTED = r"\"(?:\\.|[^\"\\\n])*\"|'(?:''|\\.|[^'\\\n])*'"
_PEM = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# A block of YAML: what is indented deeper than its name.
_BLOCK = re.compile(
    rf"^(?P<indent>[ \t]*)(?P<name>[\w.\"'-]*(?:{_NAMES})[\"']?[ \t]*:[ \t]*)[|>][-+\d]*[ \t]*\n"
    r"(?:(?:(?P=indent)[ \t]+.*)?\n)*(?:(?P=indent)[ \t]+.*)?",
    re.IGNORECASE | re.MULTILINE,
)
# NAME = VALUE, NAME: VALUE, "NAME": "VALUE", also within a conninfo or a command line. A text in quotes ends with them,
# also with those that stand escaped in another one; any other value with a blank, or with what JSON and URLs end it by.
_VALUE = re.compile(
    rf"(?P<name>(?:{_NAMES})(?:\\?[\"'])?\s*(?:[:=]|=>)[ \t]*)(?P<value>{_QUOTED}|\\\".*?\\\"|\\'.*?\\'|[^\s,;&\"']+)",
    re.IGNORECASE,
)
# The same at the beginning of a line, as in YAML and ini files: there an unquoted value goes on to its end.
_LINE = re.compile(
    rf"^(?P<name>[ \t]*(?:- )?[\w.\"'-]*(?:{_NAMES})[\"']?[ \t]*[:=][ \t]*)(?P<value>[^\s\"'{{\[].*)$",
    re.IGNORECASE | re.MULTILINE,
)
# --repo1-cipher-pass VALUE, insecure-password VALUE, auth_pass VALUE, password 'VALUE', neighbor X password VALUE
_WORD = re.compile(
    rf"(?P<name>(?:--[\w-]*(?:{_NAMES})|insecure-password|\bauth_pass|(?:neighbor|user) +\S+ +password)[ \t]+)"
    rf"(?P<value>{_QUOTED}|\S+)",
    re.IGNORECASE,
)
_SQL = re.compile(r"(?P<name>\bpassword[ \t]+)(?P<value>'(?:''|[^'\n])*'?)", re.IGNORECASE)
_URL = re.compile(r"(?P<name>\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)(?P<value>[^\s/@\"']+)(?=@)", re.IGNORECASE)
_HEADER = re.compile(
    r"(?P<name>\b(?:Authorization\\?[\"']?[:=]\s*\\?[\"']?)?(?:Basic|Bearer)[ \t]+)(?P<value>[\w+/=.~-]{8,})"
)
_PAIR = re.compile(r"(?P<name>\bstats +auth +[^\s:]+:)(?P<value>\S+)", re.IGNORECASE)
# pgpass: host:port:database:user:password; PgBouncer's list: "user" "password"
_PGPASS = re.compile(r"^(?P<name>[^\s:]+:(?:\d+|\*):[^\s:]+:[^\s:]+:)(?P<value>\S+)$", re.MULTILINE)
_LOGINS = re.compile(r"^(?P<name>\"[^\"\n]+\"[ \t]+)(?P<value>\"[^\"\n]*\")", re.MULTILINE)
_VERIFIER = re.compile(r"SCRAM-SHA-256\$[\w$:+/=]+|\bmd5[0-9a-f]{32}\b")

_FORMS = (_LINE, _VALUE, _WORD, _SQL, _URL, _HEADER, _PAIR, _PGPASS, _LOGINS)
# Values that are no secrets: a path to one, a switch, nothing.
_HARMLESS = re.compile(r"[\"']?(?:/[\w./-]+|true|false|on|off|yes|no|null|none|~|\*+|)[\"']?[,}\])]*", re.IGNORECASE)


def redacted(text: str, secrets: Mapping[str, str]) -> str:
    """
    The text with ``[removed]`` for every secret.

    + secrets: those that are known, by name; they are found in any form, what else looks like one by its place
    """
    for value, name in sorted(_forms_of(secrets), key=lambda pair: -len(pair[0])):
        text = text.replace(value, f"[{name}-removed]")
    text = _PEM.sub("[private-key-removed]", text)
    text = _VERIFIER.sub(REMOVED, text)
    text = _BLOCK.sub(lambda found: f"{found['indent']}{found['name']}{REMOVED}\n", text)
    for form in _FORMS:
        text = form.sub(_without_value, text)
    return text


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    if _HARMLESS.fullmatch(value) or "removed]" in value or value in ("[", "{"):
        return found[0]
    mark = next((one for one in ('\\"', "\\'", '"', "'") if value.startswith(one) and value.endswith(one)), "")
    return f"{found['name']}{mark}{REMOVED}{mark}"


def _forms_of(secrets: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each secret as it may stand somewhere: as it is, in a URL, in JSON, in SQL, in base64."""
    for name, value in secrets.items():
        secret = str(value)
        if not secret:
            continue
        forms = {secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], secret.replace("'", "''")}
        forms.add(secret.encode("unicode_escape").decode())
        forms |= set(_base64_forms(secret))
        yield from ((form, name) for form in forms)


def _base64_forms(secret: str) -> Iterator[str]:
    """What base64 makes of it, wherever in a longer text it begins, as after "user:" in a header."""
    raw = secret.encode()
    if len(raw) < 6:  # what is left of it would be found anywhere
        return
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        # The first and the last figure are of the neighbours, too.
        yield text[(shift * 4 + 2) // 3 + (1 if shift else 0) : -1]
