"""What is wrong with a setting's value, in words for people who run databases rather than Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo

# What a pattern permits, for those who do not read patterns.
FORMS: Mapping[str, str] = {
    "cluster_name": "a letter a-z, then at most 30 of a-z, 0-9 and hyphen",
    "patroni_namespace": "a path that begins and ends with a slash, such as /service/",
    "patroni_standby_of": "the name of a cluster: a letter a-z, then at most 30 of a-z, 0-9 and hyphen",
    "haproxy_stats_user": "at most 63 letters, digits, dot, hyphen and underscore",
    "monitoring_user": "a letter a-z, then at most 31 of a-z, 0-9, hyphen and underscore",
    "haproxy_zone": "at most 63 letters, digits, dot, hyphen and underscore",
    "pgbackrest_drill_path": "an absolute path of letters, digits, dot, hyphen, underscore and slash",
    "pgbackrest_path": "an absolute path of letters, digits, dot, hyphen, underscore and slash",
    "pgbackrest_s3_bucket": "a bucket's name: at most 63 of a-z, 0-9, dot and hyphen",
    "pgbackrest_s3_ca_file": "an absolute path of letters, digits, dot, hyphen, underscore and slash",
    "pgbackrest_s3_endpoint": "a host's name, with :port where it is not 443, and without https://",
    "pgbackrest_s3_path": "an absolute path of letters, digits, dot, hyphen, underscore and slash",
    "pgbackrest_s3_region": "a word such as eu-central-1",
    "postgres_data_directory": "an absolute path of letters, digits, dot, hyphen, underscore and slash",
    "postgres_locale": "a locale such as C.UTF-8 or de_DE.UTF-8",
    "postgres_admin_user": "a letter a-z or underscore, then at most 62 of a-z, 0-9 and underscore",
    "vip_interface": "the name of a network interface, such as eth0",
}

_TYPES = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "True or False",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of names to values",
    "none_required": "None",
}


def problem_of(item: Mapping[str, Any]) -> str:
    """
    The problem with the value and the limit in it.

    + item: one of pydantic's ``ValidationError.errors()``, or what ``without_alternatives`` made of several
    """
    value, kind, context = _plain(item["input"]), item["type"], item.get("ctx", {})
    if kind == "greater_than_equal":
        return f"{value} is below the minimum of {_plain(context['ge'])}"
    if kind == "less_than_equal":
        return f"{value} is above the maximum of {_plain(context['le'])}"
    if kind == "greater_than":
        return f"{value} is not above {_plain(context['gt'])}"
    if kind == "literal_error":
        return f"{value} is not one of {context['expected'].replace(' or ', ', ')}"
    if kind == "string_pattern_mismatch":
        return f"{value} is not {FORMS.get(str(item['loc'][0]), 'of the form ' + context['pattern'])}"
    if kind == "int_parsing_size":
        return f"{value} is more than any number here may be"
    if kind in _TYPES:
        return f"{value} is {_kind(item['input'])}, it must be {item.get('wanted', _TYPES[kind])}"
    return _own_words(item, value)


def without_alternatives(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Where a value may have one of several types, pydantic complains once for each: make one complaint of them."""
    by_place: dict[Any, list[Mapping[str, Any]]] = {}
    for item in items:
        by_place.setdefault(item["loc"][:2] or item["msg"], []).append(item)
    return [_one_of(alternatives) for alternatives in by_place.values()]


def _one_of(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    if len(items) == 1 or any(item["type"] not in _TYPES for item in items):
        return items[0]
    *others, last = dict.fromkeys(_TYPES[item["type"]] for item in items)
    return {**items[0], "wanted": f"{', '.join(others)} or {last}" if others else last}


def _own_words(item: Mapping[str, Any], value: str) -> str:
    problem = str(item["msg"]).removeprefix("Value error, ")
    # The sentence of a rule between settings has the values in it; so have those about one entry of several, and
    # those of Python's own ipaddress module.
    if not item["loc"] or isinstance(item["input"], list | dict) or str(item["input"]) in problem:
        return problem
    return f"{value} {problem[:1].lower()}{problem[1:]}"


def _kind(value: object) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number with a fraction", str: "text"}
    names |= {list: "a list", tuple: "a list in parentheses", dict: "a mapping", type(None): "nothing"}
    return names.get(type(value), f"of the type {type(value).__name__}")


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def meaning_of(name: str, field: FieldInfo | None) -> str:
    """What a setting is, with its permitted range and its default: the hint of every finding about its value."""
    if field is None or not field.description:
        return "All settings stand in docs/settings.md."
    default = "none" if field.default is None else _plain(field.default)
    return f"{name}: {field.description}. {_range(field)}Default: {default}."


def _range(field: FieldInfo) -> str:
    limits = {
        word: _plain(getattr(item, word))
        for item in field.metadata
        for word in ("ge", "gt", "le")
        if hasattr(item, word)
    }
    if "ge" in limits and "le" in limits:
        return f"Permitted: {limits['ge']} to {limits['le']}. "
    if "ge" in limits:
        return f"Permitted: {limits['ge']} or more. "
    if "gt" in limits:
        return f"Permitted: more than {limits['gt']}. "
    return f"Permitted: at most {limits['le']}. " if "le" in limits else ""
