"""
One line of pg_hba read as PostgreSQL reads it, or the reason why it would not be read, or must not be.

With a line that it cannot read PostgreSQL keeps the old file while it runs, and does not start any more.
https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cluster.settings.hba_address import Where, address_of, mask_of
from cluster.settings.hba_options import options_problem

# Kinds of lines for connections over the network, and whether TLS is certain.
NETWORK = ("host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")
LOCAL_METHODS = ("peer", "scram-sha-256", "reject")
REMOTE_METHODS = ("scram-sha-256", "cert", "ldap", "gss", "reject")
INCLUDES = ("include", "include_if_exists", "include_dir")

LINE_BYTES = 4000
NAME_BYTES = 63  # of any name in PostgreSQL; a longer one is never that of a database or a role
REGEX_SINCE = 16
KEYWORDS = ("all", "sameuser", "samerole", "samegroup", "replication")
_KEYWORDS = {"database": KEYWORDS, "role": ("all",)}

_PASSWORD = re.compile(r"((?:ldapbindpasswd|radiussecrets)=).*", re.DOTALL)

# What Python's regular expressions and PostgreSQL's mean by the same.
_ATOM = r"[A-Za-z0-9_ @-]|\\[.d w$]|\.|\[\^?[A-Za-z0-9_.]+(?:-[A-Za-z0-9])?\]|\((?=[^?*+{|)])|\)|\|(?=[A-Za-z0-9_.\[(])"
_REGEX = re.compile(rf"\^?(?:(?:{_ATOM})(?:[*+?]|\{{[0-9]{{1,2}}(?:,(?:[0-9]{{1,2}})?)?\}})?)+\$?")


def shown(line: str) -> str:
    """A line as a table can show it: no character of a terminal's, no password."""
    return repr(_PASSWORD.sub(r"\1...", line))


@dataclass(frozen=True)
class Word:
    """A word of a line. + quoted: it began with a quote, so that it is no keyword"""

    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Rule:
    """
    A line that PostgreSQL reads.

    + text: as it was written
    + kind: ``local``, ``hostssl`` ...
    + where: None for ``local``
    + options: as ``name=value``
    """

    text: str
    kind: str
    databases: tuple[Word, ...]
    roles: tuple[Word, ...]
    where: Where | None
    method: str
    options: tuple[str, ...]


def hba_rule(line: str, version: int) -> Rule:
    """
    What a line means. Raises ValueError with the reason, which goes on after "line '...'".

    + version: PostgreSQL's major version
    """
    fields = _fields(line)
    kind = _single(fields.pop(0), "the kind of connection") if fields else ""
    if kind in INCLUDES:
        raise ValueError("includes a file of the host, which are not judged: write its lines here")
    if kind != "local" and kind not in NETWORK:
        raise ValueError("is no pg_hba line")
    databases, roles = (_names(fields, what, version) for what in ("database", "role"))
    where = _where(fields) if kind != "local" else None
    if not fields:
        raise ValueError("is too short for pg_hba")
    method = _single(fields.pop(0), "the method")
    _judge_method(kind, method)
    options = tuple(word.text for field in fields for word in field)
    if problem := options_problem(kind, method, list(options)):
        raise ValueError(problem)
    return Rule(line, kind, databases, roles, where, method, options)


def _judge_method(kind: str, method: str) -> None:
    """Accepted is what is encrypted and authenticated, or rejects."""
    if kind in NETWORK and kind != "hostssl" and method != "reject":
        raise ValueError(f"allows connections without TLS ({kind}): use hostssl")
    allowed = LOCAL_METHODS if kind == "local" else REMOTE_METHODS
    if method not in allowed:
        raise ValueError(f"has the method {method}; allowed here: {', '.join(allowed)}")


def _fields(line: str) -> list[list[Word]]:
    """The fields of a line, each with its words: next_field_expand() of src/backend/libpq/hba.c."""
    if strange := next((one for one in line if not one.isprintable() and one != "\t"), None):
        raise ValueError(f"holds the character {strange!r}; one entry is one line of plain text")
    if len(line.encode()) > LINE_BYTES:
        raise ValueError(f"has {len(line.encode())} bytes, the most is {LINE_BYTES}")
    if line.rstrip().endswith("\\"):
        raise ValueError("ends in a backslash, and so would swallow the next line")
    fields: list[list[Word]] = []
    place, goes_on = 0, False
    while (found := _next_word(line, place)) is not None:
        word, place, comma = found
        if goes_on:
            fields[-1].append(word)
        else:
            fields.append([word])
        goes_on = comma
    if goes_on:
        raise ValueError("ends in a comma")
    return fields


def _next_word(line: str, place: int) -> tuple[Word, int, bool] | None:
    """The next word, where it ends, and whether a comma says that its field goes on. None at the end of the line."""
    while place < len(line) and line[place] in " \t,":
        place += 1
    text, start, quotes = "", place, False
    while place < len(line) and (quotes or line[place] not in " \t,#"):
        if line[place] != '"':
            text += line[place]
        elif quotes and line[place + 1 : place + 2] == '"':
            text, place = text + '"', place + 1
        else:
            quotes = not quotes
        place += 1
    if quotes:
        raise ValueError("has a quote that is never closed")
    if place == start:
        return None
    comma = line[place : place + 1] == ","
    return Word(text, line[start] == '"'), place + comma, comma


def _single(field: list[Word], what: str) -> str:
    if len(field) > 1:
        raise ValueError(f"has {len(field)} words as {what}, where one stands")
    return field[0].text


def _names(fields: list[list[Word]], what: str, version: int) -> tuple[Word, ...]:
    if not fields:
        raise ValueError("is too short for pg_hba")
    words = tuple(fields.pop(0))
    for word in words:
        if problem := _name_problem(word, what, version):
            raise ValueError(problem)
    return words


def _name_problem(word: Word, what: str, version: int) -> str | None:
    if not word.quoted and word.text in _KEYWORDS[what]:
        return None
    if word.text.startswith("@"):
        return f"names the {what}s in a file of the host ({word.text}), which are not judged: write them here"
    if word.text.startswith("/"):
        return _regex_problem(word.text[1:], version)
    name = word.text.removeprefix("+") if what == "role" and not word.quoted else word.text
    if not name:
        return f"has a {what} without a name"
    if len(name.encode()) > NAME_BYTES:
        return f"has a {what} of {len(name.encode())} bytes, and no name has more than {NAME_BYTES}"
    return None


def _regex_problem(pattern: str, version: int) -> str | None:
    if version < REGEX_SINCE:
        return f"has a regular expression (/{pattern}), which PostgreSQL {version} takes for a name; 16 is the first"
    if not _REGEX.fullmatch(pattern):
        return f"has the regular expression /{pattern}; letters, digits, . [] () | * + ? {{}} ^ $ are permitted in one"
    try:
        re.compile(pattern)
    except re.error as error:
        return f"has the regular expression /{pattern}, which cannot be read: {error.msg}"
    return None


def _where(fields: list[list[Word]]) -> Where:
    if not fields:
        raise ValueError("is too short for pg_hba")
    word = fields.pop(0)
    text = _single(word, "the address")
    if '"' in text or word[0].quoted:
        raise ValueError("has the address in quotes, where all, samehost and samenet are names of hosts")
    where, bare = address_of(text)
    if not bare:
        return where
    if not fields:
        raise ValueError("is too short for pg_hba")
    return mask_of(text, _single(fields.pop(0), "the mask"))
