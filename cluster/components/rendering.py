"""Files that are text rather than data: a component's templates, rendered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
PROGRAMS = Path(__file__).parent / "on_host"


def rendered(template: str, filters: Mapping[str, Callable[..., str]] | None = None, **values: object) -> str:
    """
    The text of one file. Refuses a template with a name that has no value.

    + template: component and file, ``haproxy/haproxy.cfg.j2``
    + filters: functions of the component's own that the template calls
    + values: by their names in the template
    """
    return _environment(tuple((filters or {}).items())).get_template(template).render(values)


@cache
def _environment(filters: tuple[tuple[str, Callable[..., str]], ...]) -> Environment:
    """One for all hosts: it compiles each template once. + filters: those beside jinja2's own"""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # hosts that judge themselves do without

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= dict(filters)
    return environment


def template(name: str) -> str:
    """The text of a template that has nothing to be filled in. + name: component and file, as for ``rendered``"""
    return (TEMPLATES / name).read_text()


def program(name: str) -> str:
    """The text of a program that is installed on hosts. + name: of its file"""
    text = (PROGRAMS / name).read_text()
    return text if text.startswith("#!") else f"#!/usr/bin/python3\n{text}"
