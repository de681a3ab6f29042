"""What may follow a method in a line of pg_hba: which options it takes, their values, and those it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

# https://www.postgresql.org/docs/current/auth-methods.html; a value that PostgreSQL would silently read as another one
# (ldaptls=yes is no) is refused too.
_FLAG = ("0", "1")
# A search attribute or a filter; PostgreSQL takes no URL with both.
_LDAP_URL = re.compile(
    r"ldaps?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?/[^?\s]+"
    r"(?:\?[A-Za-z0-9-]+(?:\?(?:base|one|sub)?)?|\?\?(?:base|one|sub)?(?:\?\([^?\s]+\))?)?"
)
# What a search uses, and what a bind without one does.
_SEARCH = ("ldapbasedn", "ldapbinddn", "ldapbindpasswd", "ldapsearchattribute", "ldapsearchfilter", "ldapurl")
_DIRECT = ("ldapprefix", "ldapsuffix")
_IN_URL = ("ldapserver", "ldapport", "ldapscheme", "ldapbasedn", "ldapsearchattribute", "ldapsearchfilter")

_CERTIFICATE = {"clientcert", "clientname"}
# By method: its options on a line with TLS.
OPTIONS: Mapping[str, frozenset[str]] = {
    "scram-sha-256": frozenset(_CERTIFICATE),
    "cert": frozenset({"map", *_CERTIFICATE}),
    "gss": frozenset({"map", "include_realm", "krb_realm", *_CERTIFICATE}),
    "ldap": frozenset({"ldapserver", "ldapport", "ldapscheme", "ldaptls", *_SEARCH, *_DIRECT, *_CERTIFICATE}),
    "peer": frozenset({"map"}),
    "reject": frozenset(),
}

_VALUES: Mapping[str, Callable[[str], bool]] = {
    "clientcert": ("verify-ca", "verify-full").__contains__,
    "clientname": ("CN", "DN").__contains__,
    "include_realm": _FLAG.__contains__,
    "ldaptls": _FLAG.__contains__,
    "ldapscheme": ("ldap", "ldaps").__contains__,
    "ldapport": lambda text: re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= 65535,
    "ldapurl": lambda text: _LDAP_URL.fullmatch(text) is not None,
    "ldapserver": lambda text: re.fullmatch(r"[A-Za-z0-9.:_/\[\] -]+", text) is not None,
}


def options_problem(kind: str, method: str, words: list[str]) -> str | None:
    """
    Why PostgreSQL would refuse the options of a line, or read them as something else.

    + kind, method: as the line has them
    + words: what follows the method, quotes taken off
    """
    given: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            return f"has '{name}' after the method, where options stand as name=value"
        if name not in {option for options in OPTIONS.values() for option in options}:
            return f"has the option {name!r}, which is none here"
        # The certificate of a client is there on a line with TLS only.
        if name not in OPTIONS[method] or (kind != "hostssl" and name in _CERTIFICATE):
            return f"has the option {name}, which does not go with {kind} and {method}"
        if name in given:
            return f"has the option {name} twice"
        if not value or not _VALUES.get(name, bool)(value):
            return f"has the option {name} with a value that it does not take"
        given[name] = value
    return _ldap_problem(given) if method == "ldap" else _certificate_problem(method, given)


def _certificate_problem(method: str, given: Mapping[str, str]) -> str | None:
    if method == "cert" and given.get("clientcert", "verify-full") != "verify-full":
        return "has clientcert=verify-ca, and the method cert is verify-full"
    return None


def _ldap_problem(given: Mapping[str, str]) -> str | None:
    if not given.keys() & {"ldapserver", "ldapurl"}:
        return "has the method ldap without ldapserver or ldapurl"
    if "ldapurl" in given and (rivals := sorted(given.keys() & set(_IN_URL))):
        return f"has ldapurl and {rivals[0]}, which say the same"
    if direct := sorted(given.keys() & set(_DIRECT)):
        if search := sorted(given.keys() & set(_SEARCH)):
            return f"has {direct[0]} and {search[0]}: it is either a direct bind or a search"
        return None
    if not given.keys() & {"ldapbasedn", "ldapurl"}:
        return "has the method ldap without ldapbasedn, ldapurl, ldapprefix or ldapsuffix"
    if {"ldapsearchattribute", "ldapsearchfilter"} <= given.keys():
        return "has ldapsearchattribute and ldapsearchfilter, which exclude each other"
    return None
