"""Builders of remote commands that several components use. Each is one remote execution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from pyinfra.api import StringCommand

from cluster.components.component import Step, Unit
from cluster.components.files import Directory, File
from cluster.secrets.secrets import Secret
from facts.host import STAMP_DIRECTORY
from operations.util.journal import described

JOURNAL_LINES = 15


def make_directory(directory: Directory) -> StringCommand:
    """Make a directory, or give an existing one its owner and mode."""
    return described(StringCommand(_directory_made(directory)), f"makes {directory.path}")


def _directory_made(directory: Directory) -> str:
    flags = f"-o {quote(directory.user)} -g {quote(directory.group)} -m {quote(directory.mode)}"
    return f"install -d {flags} {quote(directory.path)}"


def remove_paths(paths: Iterable[str], shells: Iterable[str]) -> str:
    """
    Remove files and directories, and forget the units among them.

    + shells: directories that go, too, when nothing is left in them
    """
    # A file system of its own cannot be removed, only emptied.
    remove = 'rm -rf -- "$p" 2>/dev/null || find "$p" -mindepth 1 -delete || exit 1'
    listed, hollow = (" ".join(map(quote, some)) for some in (paths, shells))
    return (
        f"for p in {listed}; do {remove}; done; rmdir {hollow} 2>/dev/null; systemctl daemon-reload; "
        "systemctl reset-failed"
    )


def remove_units(units: Sequence[str], paths: Sequence[str], shells: Sequence[str]) -> StringCommand:
    """
    Stop and disable units, then remove files, in this order.

    + paths: in their order; + shells: directories that go, too, when nothing is left in them
    """
    stop = f"systemctl disable --now --quiet {' '.join(map(quote, units))}"
    told = f"stops {', '.join(units)}, removes {', '.join(paths)}"
    return described(StringCommand(f"{stop} && {{ {remove_paths(paths, shells)}; }}"), told)


def write_file(file: File) -> StringCommand:
    """
    Write a file whole or not at all: the new content goes, over stdin, to a private file beside the old one, is
    checked, gets its owner and mode, and only then takes the old one's place.
    """
    return write_files((), [[file]])


# Standard input, without the line breaks at its end, is in the shell's memory alone. To a remote command, a killed run
# looks like the end of its standard input. What a run that died has left beside a file may be open to others.
_TAKE_ALL = """umask 077 && all="$(cat){end}" && [ "$(printf %s "$all" | wc -c)" -eq {size} ]"""
_PART = (
    """part() { rm -f "$1" && printf %s "$all" 2>/dev/null | tail -c "+$2" 2>/dev/null | head -c "$3" > "$1" """
    """&& chown "$4" "$1" && chmod "$5" "$1"; }"""
)


def write_files(directories: Iterable[Directory], groups: Iterable[Sequence[File]]) -> StringCommand:
    """
    Make directories and write files, in one command and in this order. Nothing is done before all contents have
    arrived, and each file is written whole or not at all.

    + groups: files that take their places together, when each of them is there and accepted, as a private key and its
      certificate: what reads both at any moment, as etcd does at every handshake, must not find a pair that does not
      fit, least of all after a run that died between the two
    """
    listed = list(groups)
    text = "".join(file.content for group in listed for file in group)
    ends = len(text) - len(text.rstrip("\n"))
    steps = [_TAKE_ALL.format(end="\n" * ends, size=len(text.encode())), *map(_directory_made, directories)]
    offset = 1
    for group in listed:
        for file in group:
            steps.append(_made_beside(file, offset))
            offset += len(file.content.encode())
        steps += [f"mv -f {quote(f'{file.path}.new')} {quote(file.path)}" for file in group]
    paths = ", ".join(file.path for group in listed for file in group)
    return described(StringCommand(f"{_PART}; {' && '.join(steps)}", _stdin=[Secret(text)]), f"writes {paths}")


def _made_beside(file: File, offset: int) -> str:
    """The step that makes a new file beside its place. + offset: of its first byte in standard input, counted from 1"""
    new, owner = quote(f"{file.path}.new"), quote(f"{file.user}:{file.group}")
    made = f"part {new} {offset} {len(file.content.encode())} {owner} {quote(file.mode)}"
    return f"{made} && {file.check.replace('{}', new)}" if file.check else made


def start_unit(unit: str, files: Sequence[str], *, wait: bool = True) -> StringCommand:
    """
    Enable and start a unit that is down, and remember which files it has read.

    + wait: whether to return only when the unit says that it is up; its last lines are printed when it does not
    """
    return act_on_units([(Unit(unit, tuple(files), wait=wait), "start")])


def load_unit(unit: str, files: Sequence[str], how: str) -> StringCommand:
    """
    Let a running unit read its files again, and remember that it has.

    + how: the command that does it without harm, e.g. ``systemctl reload haproxy``
    """
    return act_on_units([(Unit(unit, tuple(files), load=how), "load")])


def act_on_units(steps: Sequence[tuple[Unit, Step]]) -> StringCommand:
    """
    Enable and start units, or let running ones read their files again, in this order; the first failure ends it.

    + steps: what each of them needs; one that has to load has a command for that
    """
    down = [unit for unit, step in steps if step == "start"]
    acts = [(unit, _start(unit) if step == "start" else str(unit.load)) for unit, step in steps]
    each = [f"{{ {{ {act}; }} {or_journal(unit.name)}; }} && {stamp(unit.name, unit.loads)}" for unit, act in acts]
    told = ", ".join(f"{step}s {unit.name}" for unit, step in steps)
    return described(StringCommand(" && ".join([_enabled(down) if down else "systemctl daemon-reload", *each])), told)


def _enabled(units: Iterable[Unit]) -> str:
    """
    Enabling reads all units again, so a unit that is started after it has its newest files. The links of SysV, which
    systemd leaves alone where it has a unit, take as long again.
    """
    names = " ".join(quote(unit.name) for unit in units)
    return f"{{ systemctl reset-failed {names} 2>/dev/null; SYSTEMCTL_SKIP_SYSV=1 systemctl enable --quiet {names}; }}"


def _start(unit: Unit) -> str:
    return f"systemctl start {'' if unit.wait else '--no-block '}{quote(unit.name)}"


def or_journal(unit: str) -> str:
    """What a failed step of a unit prints: its last lines, because "failed" is no cause."""
    return f"|| {{ journalctl -u {quote(unit)} -n {JOURNAL_LINES} --no-pager -o cat >&2; false; }}"


def stamp(unit: str, files: Iterable[str]) -> str:
    """Remember under /run, which a reboot clears, the digest of the files that a unit has read."""
    listed = " ".join(map(quote, files)) or "/dev/null"
    digest = f"cat {listed} 2>/dev/null | sha256sum | cut -d' ' -f1"
    return f"mkdir -p {STAMP_DIRECTORY} && {digest} > {quote(f'{STAMP_DIRECTORY}/{unit}')}"
