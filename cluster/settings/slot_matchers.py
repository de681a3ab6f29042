"""Which of Patroni's ``ignore_slots`` it takes, and takes for what is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping

# https://patroni.readthedocs.io/en/latest/dynamic_configuration.html: what a matcher may name.
MATCHED = ("name", "type", "database", "plugin")


def matcher_problem(matcher: Mapping[str, str]) -> str | None:
    """Why Patroni would not take one of ``ignore_slots``, or would take it for more than is meant; None: it is fine."""
    if unknown := set(matcher) - set(MATCHED):
        return f"{matcher} has {', '.join(sorted(unknown))}; a slot has a name, type, database and plugin"
    if not any(matcher.values()) or "" in matcher.values():
        return f"{matcher} names nothing, and so matches every slot"
    if matcher.get("type", "logical") not in ("physical", "logical"):
        return f"'{matcher['type']}' is no type of slots: physical or logical"
    if matcher.get("type") == "physical" and {"database", "plugin"} & set(matcher):
        return f"{matcher} matches nothing: a physical slot has no database and no plugin"
    if set(matcher) == {"type"} and matcher["type"] == "physical":
        return f"{matcher} matches the slots of members, too, which would then keep WAL for hosts that are gone"
    if not re.fullmatch("[a-z0-9_]{1,63}", matcher.get("name", "any")):
        return f"'{matcher['name']}' is no name for a slot: lower case letters, digits and underscores"
    return None
