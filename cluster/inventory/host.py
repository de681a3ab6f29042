"""A host as the inventory declares it, before anything of it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.declared.model import ROLES

INVENTORY = "inventory.py"


@dataclass(frozen=True)
class DeclaredHost:
    """
    A host as the inventory declares it.

    + data: all its data, merged as pyinfra merges it
    + origin: the file that each name of the data comes from
    """

    name: str
    groups: tuple[str, ...]
    data: Mapping[str, Any]
    origin: Mapping[str, str]

    @property
    def roles(self) -> frozenset[str]:
        """Those of its groups that mean something here."""
        return frozenset(self.groups) & frozenset(ROLES)
