"""The lines in which a host answers several questions at once."""

from __future__ import annotations

import base64
from collections.abc import Mapping


def encoded(text: str) -> str:
    """As etcd writes keys and values, and a host what it was asked."""
    return base64.b64encode(text.encode()).decode()


def line(name: str, text: str, code: int = 0) -> str:
    """One answer as a host gives it."""
    return f"{name}|{code}|{encoded(text)}"


def lines(said: Mapping[str, str | tuple[str, int]]) -> list[str]:
    """Several of them. + said: by name, the text, or the text and the exit code"""
    return [line(name, *(text if isinstance(text, tuple) else (text,))) for name, text in said.items()]
