"""Which Pythons the fast tests are run with."""

import sys
from pathlib import Path

import pytest

from tests import pythons

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_oldest_is_the_one_that_is_required() -> None:
    assert f'requires-python = ">={pythons.VERSIONS[0]}"' in pythons.PROJECT.read_text()


def test_a_name_in_the_path_that_leads_nowhere_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version manager has one for every version, and most of them only say where another is."""
    shim = tmp_path / f"python{HERE}"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    place = tmp_path / "versions" / f"{HERE}.99" / "bin"
    place.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert pythons.interpreter(HERE) is None
    (place / "python").symlink_to(sys.executable)
    assert pythons.interpreter(HERE) == str(place / "python")
    assert pythons.interpreter("3.0") is None
