"""What each module of a folder contributes, so that a new component needs no line in a list of modules."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any


def contributions(package: ModuleType, name: str) -> list[Any]:
    """
    What the modules of a folder have under a name, those that have it, in the order of the modules' names.

    + package: the folder; + name: e.g. of a function that each of them defines
    """
    found = (import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__))
    return [getattr(module, name) for module in found if hasattr(module, name)]
