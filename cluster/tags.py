"""The tags of a member: what may be declared, from which Patroni on, and what they say about the member."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

# https://patroni.readthedocs.io/en/latest/yaml_configuration.html#tags
KINDS: Mapping[str, type] = {
    "nofailover": bool,
    "noloadbalance": bool,
    "nosync": bool,
    "clonefrom": bool,
    "replicatefrom": str,
    "failover_priority": int,
    "sync_priority": int,
}

# Before, Patroni takes them for tags of the user's own, and does nothing about them.
SINCE: Mapping[str, tuple[int, int]] = {"failover_priority": (3, 2), "sync_priority": (4, 1)}

# Each of these says what the other one says, too.
RIVALS = (("nofailover", "failover_priority"), ("nosync", "sync_priority"))

_WORDS: Mapping[type, str] = {bool: "True or False", str: "a member's name", int: "a whole number, 0 or more"}


def tag_problems(tags: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the declared tags of one member, whatever the others have."""
    for name, value in tags.items():
        if name not in KINDS:
            close = difflib.get_close_matches(name, KINDS, n=1)
            yield f"'{name}' is no tag; {f'did you mean {close[0]}' if close else 'there are ' + ', '.join(KINDS)}"
        elif type(value) is not KINDS[name] or (type(value) is int and value < 0) or value == "":
            yield f"{name} is {value!r}, it must be {_WORDS[KINDS[name]]}"
    for one, other in RIVALS:
        if one in tags and other in tags:
            yield f"{one} and {other} contradict each other; declare one of them"


def may_lead(tags: Mapping[str, Any]) -> bool:
    """Whether Patroni would let a member take over. + tags: declared ones, or those of a live member"""
    return _allows(tags, *RIVALS[0])


def may_be_synchronous(tags: Mapping[str, Any]) -> bool:
    """Whether commits of the leader could wait for a member: it has to stream from the leader itself."""
    return _allows(tags, *RIVALS[1]) and "replicatefrom" not in tags


def _allows(tags: Mapping[str, Any], barring: str, priority: str) -> bool:
    # As Patroni does, whatever a person has written there: what bars wins over a priority.
    number = tags.get(priority)
    if tags.get(barring) is not None:
        return not tags[barring]
    try:
        return number is None or int(str(number)) > 0
    except ValueError:  # "²" is a digit as well, and no number
        return True
