"""A command between marks: what a login prints around it is not its own, and what did not begin or end is named."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import HiddenValue, QuoteString, StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from operations.util.shell import _run_shell_command, between, marked

LOUD = 'echo "{\\"a\\": 1}"; printf "no end"; echo loud >&2; umask 077; export LC_ALL=POSIX; '


def ran(command: str, login: str = "", logout: str = "") -> tuple[int, CommandOutput]:
    """What comes of a command in a shell that says something before and after it."""
    script = f"{login}sh -c {StringCommand(QuoteString(marked(command))).get_raw_value()}; code=$?; {logout}exit $code"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
    lines = [("stdout", line) for line in done.stdout.splitlines()] + [
        ("stderr", line) for line in done.stderr.splitlines()
    ]
    return done.returncode, CommandOutput([OutputLine(*line) for line in lines])


@pytest.mark.parametrize(
    ("command", "printed", "code"),
    [
        ("echo one; echo two", ["one", "two"], 0),
        ("printf 'no line end'", ["no line end"], 0),
        ("true", [], 0),
        ("echo", [""], 0),
        ("echo; echo", ["", ""], 0),
        ("echo gone; exit 3", ["gone"], 3),
        ("! false", [], 0),
        ("false", [], 1),
        ("set -e; echo a; false; echo b", ["a"], 1),
        ("trap 'echo bye' EXIT; echo a", ["a", "bye"], 0),
        ("cat <<E\nin a document\nE", ["in a document"], 0),
        ("echo a # with a comment", ["a"], 0),
        ("exec echo a", ["a"], 0),
        ("umask; echo $LC_ALL", ["0022", "C.UTF-8"], 0),
    ],
)
@pytest.mark.parametrize(("login", "logout"), [("", ""), (LOUD, "echo bye; printf x; ")])
def test_a_command_prints_what_it_prints_alone(
    command: str, printed: list[str], code: int, login: str, logout: str
) -> None:
    found, output = ran(command, login, logout)
    began, ended, own = between(output)
    assert (found, began, ended, own.stdout_lines, own.stderr_lines) == (code, True, True, printed, [])


@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs"), exclude_characters="\u2028\u2029\x85"))))
def test_whatever_is_printed_around_is_told_from_it(around: list[str]) -> None:
    _, output = cached("echo own")
    noise = [OutputLine("stdout", line) for line in around]
    assert between(CommandOutput([*noise, *output, *noise]))[2].stdout_lines == ["own"]


def cached(command: str, known: dict[str, Any] = {}) -> tuple[int, CommandOutput]:  # noqa: B006
    return known.setdefault(command, known.get(command) or ran(command))


def test_a_secret_in_a_command_stays_hidden() -> None:
    command = marked(StringCommand("login", HiddenValue("secret")))
    assert "secret" not in str(command)
    assert "secret" in command.get_raw_value()


class Target:
    """A host whose connector answers with this. + active: whether ssh still has its connection"""

    name = "pg2"

    def __init__(
        self, done: bool, *lines: tuple[str, str], active: bool = True, error: Exception | None = None
    ) -> None:
        self.connector_data: dict[str, Any] = {}
        self.said: list[str] = []
        self.done, self.lines, self.error = done, lines, error
        transport = SimpleNamespace(is_active=lambda: active)
        self.connector = SimpleNamespace(
            run_shell_command=self.run, client=SimpleNamespace(get_transport=lambda: transport)
        )

    def run(self, *_: Any, **__: Any) -> tuple[bool, CommandOutput]:
        if self.error:
            raise self.error
        return self.done, CommandOutput([OutputLine(*line) for line in self.lines])

    def log_styled(self, text: str, **_: Any) -> None:
        self.said.append(text)


BEGUN = ("stdout", "--- pyinfra-patroni begins ---")


@pytest.mark.parametrize(
    ("target", "kind", "sentence", "hint"),
    [
        (
            Target(False, ("stderr", "sudo: Ein Passwort ist notwendig")),
            PermissionError,
            "pg2: no command could be started there: sudo: Ein Passwort ist notwendig",
            "NOPASSWD",
        ),
        (
            Target(False, ("stderr", "sudo: unable to run /tmp/pyinfra-sudo-askpass-x: Permission denied")),
            PermissionError,
            "pg2: no command could be started there: sudo: unable to run /tmp/pyinfra-sudo-askpass-x",
            "_temp_dir",
        ),
        (
            Target(False, error=PermissionError("[pg2] sudo password is asked for, and there is no terminal")),
            PermissionError,
            "pg2: [pg2] sudo password is asked for, and there is no terminal",
            "_sudo_password",
        ),
        (Target(False, BEGUN), ConnectionError, "pg2: the connection was lost in the middle of a command", "once more"),
        (Target(False, active=False), ConnectionError, "pg2: the connection was lost in the middle", "once more"),
    ],
)
def test_what_did_not_begin_or_end_is_named_once(target: Any, kind: type[Exception], sentence: str, hint: str) -> None:
    for _ in range(2):
        with pytest.raises(kind) as refused:
            _run_shell_command(target, "true")
        assert str(refused.value).startswith(sentence)
    (said,) = target.said
    assert hint in said.partition("HINT: ")[2]


def test_a_user_who_is_not_there_yet_is_left_to_pyinfra() -> None:
    target: Any = Target(False, ("stderr", "sudo: unknown user postgres"))
    done, output = _run_shell_command(target, "true", _sudo_user="postgres")
    assert (done, output.stderr_lines) == (False, ["sudo: unknown user postgres"])
