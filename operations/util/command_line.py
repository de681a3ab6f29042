"""pyinfra's command line as a pipeline needs it: a sentence and an exit code for whatever was not done."""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any, NoReturn

import pyinfra
from pyinfra import logger, state
from pyinfra.api import Inventory, State, arguments
from pyinfra.api.exceptions import PyinfraError
from pyinfra.connectors import ssh, ssh_util, util

from cluster.declared.options import option_findings, renamed_words
from cluster.errors import ConfigError, refusal
from operations.util.console import COLOUR
from operations.util.ending import is_plugin, noting_failure, shown_failure, unknown
from operations.util.session import quiet_refusals
from operations.util.shell import hear_through_logins

INTERRUPTED = 130  # what a shell makes of a program that SIGINT ended

# What pyinfra offers and no cluster survives: the order of the steps over all hosts is what keeps it whole.
REFUSED = {
    "--serial": "takes all steps of one host before those of the next, and a step here is of all hosts",
    "--no-wait": "lets hosts run ahead of each other, and ends with 0 when some of them failed",
    "--fail-percent": "goes on without the hosts that failed, which leaves a half-changed cluster",
}
_NO_HOST = "No hosts remaining!"  # pyinfra's words
_AGAIN = "HINT: do the same once more: it continues with what is not done, and does nothing twice."


def mend_the_command_line() -> None:
    """For config.py, which pyinfra reads before the inventory; of use nowhere else."""
    _begin_quickly()
    quiet_refusals()
    hear_through_logins()
    if not pyinfra.is_cli:
        return
    cli: Any = importlib.import_module("pyinfra_cli.cli")  # absent where pyinfra is a library alone
    signal.signal(signal.SIGINT, _interrupted)
    for module in (util, ssh_util, cli):
        _replace(module, "getpass", _asked)
    _replace(ssh.SSHConnector, "make_paramiko_kwargs", _of_its_host)
    for name, instead in _INSTEAD.items():
        _replace(cli, name, instead)
    if is_plugin(sys.argv):
        for name in ("WrappedError", "UnexpectedInternalError"):
            _replace(cli, name, unknown)


def _begin_quickly() -> None:
    """What costs every run a tenth of a second of CPU for nothing."""
    # What is loaded by now stays to the end of the run, and is not to be looked through for garbage again and again.
    gc.freeze()
    # pyinfra asks it anew for the class of each fact, and the answer is always the same.
    setattr(arguments, "get_type_hints", cache(arguments.get_type_hints))  # noqa: B010 - mypy knows nothing of it


def _replace(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    """Let ``instead`` be called, with the original as its first argument."""
    original = getattr(owner, name)

    @wraps(original)
    def replaced(*words: Any, **named: Any) -> Any:
        return instead(original, *words, **named)

    setattr(owner, name, replaced)


def _interrupted(number: int, frame: object) -> NoReturn:
    begun = f" while a step was under way, which may continue where it was started\n{_AGAIN}"
    if state.pool is not None:
        state.pool.kill(block=False)  # else the way out would wait for the steps that are under way
    logger.warning("interrupted" + (begun if getattr(state, "is_executing", False) else ", nothing was changed"))
    sys.exit(INTERRUPTED)


def _asked(ask: Callable[[str], str], prompt: str) -> str:
    """A password from whoever sits there. + ask: Python's own getpass, which reads anything where nobody does"""
    if not _has_terminal():
        raise PermissionError(
            f"{COLOUR.sub('', prompt).strip(' :')} is asked for, and there is no terminal to give it at"
        )
    return ask(prompt)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True


def _of_its_host(read: Callable[[Any], dict[str, Any]], connector: Any) -> dict[str, Any]:
    """What the connection is made with. A key that this machine does not have is no host that is away."""
    try:
        return read(connector)
    except (PyinfraError, ValueError, PermissionError) as error:
        raise ConfigError(
            f"{connector.host.name}: no connection can be tried: {error}\n"
            "HINT: correct its ssh_key, ssh_key_password or ssh_port in the inventory; relative paths begin here."
        ) from error


def _override_data(read: Callable[..., dict[str, Any]], data: Sequence[str], *rest: Any) -> dict[str, Any]:
    """What --data says, as pyinfra reads it, which takes the last of two and stumbles over a word without a value."""
    if bare := [word for word in data if "=" not in word]:
        raise ConfigError(f"--data {bare[0]}: has no value\nHINT: write --data {bare[0]}=true, or what else is meant.")
    times = Counter(word.partition("=")[0] for word in data)
    if twice := [name for name, count in times.items() if count > 1]:
        raise ConfigError(
            f"--data {twice[0]}: is given {times[twice[0]]} times, and only the last one would count\n"
            f"HINT: give it once; where several are allowed they are separated by commas: --data {twice[0]}=A,B."
        )
    return read(data, *rest)


def _inventory(read: Callable[..., Inventory], inventory: str, **rest: Any) -> Inventory:
    """The inventory, as pyinfra reads it, to which a file that is not there is an empty one."""
    if Path(inventory).is_dir() or (inventory.endswith(".py") and not Path(inventory).is_file()):
        raise ConfigError(
            f"{inventory}: there is no such file in {Path.cwd()}\n"
            "HINT: the inventory comes first: pyinfra inventory.py deploys/cluster.py, from the repository root."
        )
    try:
        found = read(inventory, **rest)
    except PyinfraError:
        raise
    except Exception as error:  # whatever the user's own Python may raise
        cause = error.__context__ or error  # pyinfra wraps what it has executed, and what it wraps in says nothing
        raise ConfigError(
            f"{_place_of(cause) or inventory}: {type(cause).__name__}: {cause}\n"
            "HINT: the inventory, or a file of group_data, is Python that does not run; correct that line."
        ) from error
    if not list(found):
        raise ConfigError(f"{inventory}: declares no host\nHINT: docs/your-own-hosts.md shows what an inventory is.")
    return found


def _place_of(error: BaseException) -> str:
    """File and line of the user's where something was raised; "" where none is known."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def _matches(
    match: Callable[..., list[Any]], inventory: Inventory, patterns: Collection[str], switch: str
) -> list[Any]:
    """The hosts that --limit or --exclude names. pyinfra goes on without a name that it does not know."""
    for pattern in patterns:
        if not match(inventory, [pattern], switch):
            names = [*inventory.groups, *(target.name for target in inventory)]
            close = difflib.get_close_matches(pattern, names, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it knows {', '.join(names)}."
            raise ConfigError(f"{switch} {pattern}: is no host and no group of this inventory\nHINT: {hint}")
    return match(inventory, patterns, switch)


def _connected(connect: Callable[[State], None], run: State) -> None:
    """The hosts that the run is for: a run for none would do nothing and end well."""
    if not any(run.is_host_in_limit(target) for target in run.inventory):
        raise ConfigError("--exclude leaves no host\nHINT: omit it, or exclude fewer.")
    try:
        connect(run)
    except PyinfraError as error:
        if str(error) != _NO_HOST:
            raise
        raise ConfigError("no host can be reached\nHINT: look at the network from here: ssh HOST true.") from None


def _deploys(prepare: Callable[..., Any], run: State, config: Any, files: Sequence[str]) -> Any:
    """The deploy files, after the words beside them were judged."""
    if words := [word for word in REFUSED if is_given(word, sys.argv[1:])]:
        raise ConfigError(f"{words[0]} {REFUSED[words[0]]}\nHINT: leave {words[0]} away.")
    inventory: Any = run.inventory
    given = inventory.get_override_data()
    if findings := option_findings([Path(file).stem for file in files], given):
        raise refusal(findings)
    for line in renamed_words(given):
        print(line, file=sys.stderr)
    return prepare(run, config, files)


def is_given(word: str, argv: Collection[str]) -> bool:
    """Whether a switch is among the words of a command line. + word: with its dashes"""
    return any(given == word or given.startswith(f"{word}=") for given in argv)


def _confirmed(ask: Callable[[str], bool], message: str) -> bool:
    """Whether whoever sits there agrees. A pipeline has nobody, and takes 0 for done."""
    try:
        agreed = ask(message)
    except (EOFError, RuntimeError):
        raise ConfigError(
            "nothing was changed: no one is here to confirm the changes\n"
            "HINT: add -y to make them without a question, or --dry to look at them only."
        ) from None
    if not agreed:
        raise ConfigError("nothing was changed, as it was not confirmed\nHINT: press enter alone, or add -y.")
    return agreed


def _executed(run_ops: Callable[..., None], run: State, **how: Any) -> None:
    """All operations, by one run at a time."""
    from operations.util.one_run import acted  # after the inventory: config.py is read by runs that have none

    acted(noting_failure(run_ops), run, **how)


_INSTEAD: dict[str, Callable[..., Any]] = {
    "_set_override_data": _override_data,
    "make_inventory": _inventory,
    "_get_inventory_pattern_matches": _matches,
    "connect_all": _connected,
    "_prepare_deploy_operations": _deploys,
    "_do_confirm": _confirmed,
    "run_ops": _executed,
    "WrappedError": shown_failure,
}
