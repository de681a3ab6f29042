"""The generated pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.manual import modules, pages


@pytest.mark.parametrize("path, text", pages.written(pages.ROOT).items(), ids=lambda value: str(value)[-12:])
def test_the_files_in_the_repository_are_what_the_code_makes(path: Path, text: str) -> None:
    assert path.read_text() == text, "run `make docs`"


def test_only_the_table_of_the_page_about_check_is_generated() -> None:
    text = "# before\n\n| Finding | old |\n|---|---|\n| `x` | y |\n\nafter\n"
    made = pages.with_table(text)
    assert made.startswith("# before\n\n| Finding |") and made.endswith("\n\nafter\n")
    assert "| `x` |" not in made and "| `host-silent` |" in made


def test_every_module_is_in_the_map() -> None:
    listed = modules.page(pages.ROOT)
    for layer in modules.LAYERS:
        for path in (pages.ROOT / layer).rglob("*.py"):
            assert path.name == "__init__.py" or f"(../{path.relative_to(pages.ROOT).as_posix()})" in listed


def test_a_module_is_described_by_the_first_paragraph_of_its_docstring() -> None:
    assert modules.sentence('"""One line\nand another.\n\nMore."""\n') == "One line and another."
    assert modules.sentence("x = 1\n") == ""
