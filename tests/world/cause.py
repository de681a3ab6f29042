"""What a simulated host answers when it is asked why its PostgreSQL does not start."""

from __future__ import annotations

from tests.world.answers import lines

NOW = 1795673900
STAMP = "2026-11-26 06:16:58.101 UTC [999]"
# Patroni starts it again in every loop.
EVERY_SECONDS = 10


def why(words: str, *, running: bool = False, times: int = 4, logged: str = "FATAL") -> list[str]:
    """The answer of a host whose PostgreSQL ended so often in the last minute. + words: empty: it did not end"""
    ages = [age * EVERY_SECONDS for age in reversed(range(times))] if words else []
    journal = "\n".join(f"{NOW - age}.5 h1 patroni[7]: {STAMP} {logged}:  {words}" for age in ages)
    return lines({"runs": ("", 0 if running else 1), "journal": journal, "log": "", "last": "", "now": str(NOW)})
