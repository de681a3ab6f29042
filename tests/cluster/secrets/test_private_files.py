"""The directory of the secrets on the control machine: one at a time, and nobody waits for who is done."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cluster.secrets import private_files
from cluster.secrets.private_files import private_directory


def test_the_lock_ends_with_its_block_also_where_the_closed_file_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on overlayfs, which gives it back a moment after the file is closed."""
    living: list[int] = []
    opened = os.open

    def kept_open(*words: Any) -> int:
        descriptor = opened(*words)
        living.append(os.dup(descriptor))
        return descriptor

    def waits(_: float) -> None:
        raise AssertionError("it waits for a lock that nobody needs any more")

    monkeypatch.setattr(private_files.os, "open", kept_open)
    monkeypatch.setattr(private_files.time, "sleep", waits)
    try:
        for _ in range(2):
            with private_directory(tmp_path / "main"):
                pass
    finally:
        for descriptor in living:
            os.close(descriptor)
    assert len(living) == 2
