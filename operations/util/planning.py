"""Whether a run only plans. In the plan nothing has been done yet, so what depends on it cannot be known."""

from __future__ import annotations

from pyinfra import host, state
from pyinfra.api import StringCommand

from operations.acts.component import Commands


def dry_run() -> bool:
    """True until the first operation is executed: for its plan, pyinfra runs every generator to its first command."""
    return not state.is_executing


def decide_later(what: str) -> Commands:
    """
    Say in the plan that something will be looked at when its turn comes, and mark it as a possible change.

    + what: the thing that is decided then
    """
    host.log(f"decided when its turn comes: {what}")
    yield StringCommand("true")  # never executed: pyinfra takes one command in the plan and throws it away
