"""What each module of a folder contributes, so that a new component needs no line in a list of modules."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any


def contributions(package: ModuleType, name: str) -> list[Any]:
    """
    What the modules of a folder, and of those in it, have under a name, those that have it, in the order of the
    modules' names; each once, wherever else it is imported.

    + package: the folder; + name: e.g. of a function that each of them defines
    """
    return list({id(one): one for one in _contributions(package, name)}.values())


def _contributions(package: ModuleType, name: str) -> Iterator[Any]:
    for one in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{one.name}")
        if hasattr(module, name):
            yield getattr(module, name)
        if one.ispkg:
            yield from _contributions(module, name)
