"""How a run ends that failed: for Nagios as a plugin does, and for people with the place where to find out more."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pyinfra.api.exceptions import PyinfraError

from cluster.errors import ConfigError

_DOCTOR = "collects what is needed to find the cause, without secrets, and ranks what is wrong."

# Whether a step failed: not what was refused before the first of them.
_failed = False


def noting_failure(run_ops: Callable[..., None]) -> Callable[..., None]:
    """The function that executes all operations, and remembers that one of them failed. + run_ops: pyinfra's own"""

    def noting(*words: Any, **named: Any) -> None:
        global _failed
        try:
            run_ops(*words, **named)
        except ConfigError:
            raise
        except PyinfraError:
            _failed = True
            raise

    return noting


def shown_failure(wrap: Callable[[Exception], Any], error: Exception) -> Any:
    """What pyinfra shows of an error, and after a step that failed where to find out more. + wrap: pyinfra's own"""
    found = wrap(error)
    show = found.show

    def shown(file: Any = None) -> None:
        show(file)
        if _failed:
            inventory = next((word for word in sys.argv[1:] if word.endswith(".py")), "inventory.py")
            print(f"--> pyinfra {inventory} deploys/doctor.py {_DOCTOR}", file=sys.stderr)

    found.show = shown
    return found


def is_plugin(argv: Sequence[str]) -> bool:
    """Whether a command line is that of a check for Nagios."""
    checks = any(Path(word).name == "check.py" for word in argv)
    return checks and any(word in ("format=nagios", "--data=format=nagios") for word in argv)


def unknown(wrap: Callable[[Exception], Any], error: Exception) -> Any:
    """What ends a check for Nagios before it has looked: to Nagios, 1 would be a warning. + wrap: pyinfra's own"""
    from cluster.screens.nagios import UNKNOWN, unknown_line  # it loads what most runs need later, if at all

    print(unknown_line(f"the check could not run: {error}"), flush=True)
    found = wrap(error)
    found.exit_code = UNKNOWN
    return found
