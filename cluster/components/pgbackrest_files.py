"""pgBackRest's scripts and units, which are text, from cluster/components/templates."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates" / "pgbackrest"


def rendered(template: str, **values: object) -> str:
    """The text of one file. Refuses a template with a name that nobody gave a value. + template: the file's name"""
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template(template).render(values)
