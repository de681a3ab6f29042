"""The one place of the lab that sleeps: between two looks at a condition."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.lab.errors import LabError

T = TypeVar("T")

POLL_SECONDS = 0.2


def wait_until(
    what: str,
    condition: Callable[[], T],
    *,
    seconds: float,
    poll_seconds: float = POLL_SECONDS,
) -> T:
    """
    Look until the condition holds and return what it returned.

    + what: the awaited state, as it shall read in the refusal
    + condition: returns something true when it holds; its errors are not caught
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() >= deadline:
            raise LabError(f"waited {seconds:g} s in vain: {what}")
        time.sleep(poll_seconds)
    return answer
