"""Commands on a host whose login talks: what they print is told from what is printed around them."""

from __future__ import annotations

from typing import Any

from pyinfra import logger
from pyinfra.api import Host, StringCommand
from pyinfra.connectors.util import CommandOutput, OutputLine

from operations.util.journal import Around, around_act

BEGIN, END = "--- pyinfra-patroni begins ---", "--- pyinfra-patroni ends ---"

# A login script may print before the command and after it, with or without the end of a line, and may leave a mask or
# a language of its own: files that others have to read and programs whose words are read are not its to decide.
_BEFORE = f"umask 022; export LC_ALL=C.UTF-8; printf '\\n%s\\n' '{BEGIN}'; echo '{BEGIN}' >&2; ("
# On a line of its own, for the command's last word may be a comment or the end of a document.
_AFTER = f"\n); code=$?; printf '\\n%s\\n' '{END}'; echo '{END}' >&2"

_PASSWORD_HINT = (
    "HINT: let sudo ask nothing there (NOPASSWD), or take the host's `_sudo_password` from the environment, in the "
    "inventory."
)
_ASKPASS_HINT = (
    "HINT: pyinfra hands a sudo password over with a program in /tmp, which may be mounted noexec there: give the host "
    "`_temp_dir`, a directory whose programs run, or let sudo ask nothing (NOPASSWD)."
)
# By a word that programs say in every language.
_HINTS = {
    "askpass": _ASKPASS_HINT,
    "usage: sudo": "HINT: this sudo takes no password from a program (-A): let it ask nothing there (NOPASSWD).",
    "not found": "HINT: install sudo there, or log in as root and give the host `_sudo` = False.",
}


def marked(command: Any, around: Around | None = None) -> StringCommand:
    """
    A shell command between marks, on both of its outputs; its exit code stays.

    + command: text, or pyinfra's own; + around: what an act has around it
    """
    act = around or Around()
    parts = (act.before, _BEFORE, act.look, "\n", command, _AFTER, act.after, "; exit $code")
    return StringCommand(*parts, _separator="")


def between(output: CommandOutput) -> tuple[bool, bool, CommandOutput]:
    """
    Whether a command began, whether it ended, and what it printed itself. Of one that did not begin all lines are left:
    they say why.

    + output: what came of a command that was ``marked``
    """
    parts = {name: _within([line for line in output if line.buffer_name == name]) for name in ("stdout", "stderr")}
    began, ended = (any(part[index] for part in parts.values()) for index in (0, 1))
    if not began:
        return False, False, output
    own = {id(line) for part in parts.values() for line in part[2]}
    return True, ended, CommandOutput([line for line in output if id(line) in own])


def _within(lines: list[OutputLine]) -> tuple[bool, bool, list[OutputLine]]:
    texts = [line.line.rstrip("\r") for line in lines]
    if BEGIN not in texts:
        return False, False, []
    begin = texts.index(BEGIN) + 1
    if END not in texts[begin:]:
        return True, False, lines[begin:]
    end = len(texts) - 1 - texts[::-1].index(END)
    if end > begin and texts[end - 1] == "" and lines[begin].buffer_name == "stdout":
        end -= 1  # the line end before the mark, for output that had none
    return True, True, lines[begin:end]


def hear_through_logins() -> None:
    """Let pyinfra run every command on every host so: those of its own facts and operations, too."""
    setattr(Host, "run_shell_command", _run_shell_command)  # noqa: B010 - mypy takes no assignment to a method


def _run_shell_command(self: Host, command: Any, *args: Any, **arguments: Any) -> tuple[bool, CommandOutput]:
    if arguments.get("_shell_executable", "sh") is None:
        return _raw(self, command, *args, **arguments)
    try:
        done, output = _raw(self, marked(command, around_act(self.name)), *args, **arguments)
    except PermissionError as error:  # of a password that nobody is there to give
        raise PermissionError(_once(self, f"{self.name}: {error}\n{_PASSWORD_HINT}")) from None
    began, ended, own = between(output)
    if not done and not ended and (began or _is_cut(self)):
        raise ConnectionError(_once(self, f"{self.name}: {_LOST}"))
    if not done and not began and not _is_of_another_user(arguments):
        raise PermissionError(_once(self, _refusal(self, own)))
    return done, own


def _is_cut(target: Host) -> bool:
    client = getattr(target.connector, "client", None)  # of ssh
    transport = client and client.get_transport()
    return client is not None and not (transport and transport.is_active())


_LOST = (
    "the connection was lost in the middle of a command, which may go on there\n"
    "HINT: when the host answers again, do the same once more: what is done is not done twice."
)


def _raw(target: Host, *args: Any, **arguments: Any) -> tuple[bool, CommandOutput]:
    done, output = target.connector.run_shell_command(*args, **arguments)
    return bool(done), output


def _is_of_another_user(arguments: dict[str, Any]) -> bool:
    # pyinfra itself makes the default of a fact of what a user says who is not there yet.
    return bool(arguments.get("_sudo_user") or arguments.get("_su_user"))


def _refusal(target: Host, output: CommandOutput) -> str:
    said = [line.strip() for line in output.stderr_lines if line.strip()] or ["nothing was said"]
    hint = next((hint for word, hint in _HINTS.items() if any(word in line for line in said)), _PASSWORD_HINT)
    return f"{target.name}: no command could be started there: {said[-1]}\n{hint}"


def _once(target: Host, sentence: str) -> str:
    """Say it under the host's name, the first time; pyinfra's own line of it has no room for a hint."""
    told = target.connector_data.setdefault("told", set())
    if sentence not in told:
        told.add(sentence)
        target.log_styled(sentence, fg="red", log_func=logger.error)
    return sentence.partition("\n")[0]
