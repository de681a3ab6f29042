"""Builders of remote commands that several components use. Each is one remote execution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from shlex import quote

from pyinfra.api import StringCommand

from cluster.components.files import Directory, File
from cluster.secrets.secrets import Secret
from facts.host import STAMP_DIRECTORY

JOURNAL_LINES = 15


def make_directory(directory: Directory) -> StringCommand:
    """Make a directory, or give an existing one its owner and mode."""
    flags = f"-o {quote(directory.user)} -g {quote(directory.group)} -m {quote(directory.mode)}"
    return StringCommand(f"install -d {flags} {quote(directory.path)}")


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


def write_file(file: File) -> StringCommand:
    """
    Write a file whole or not at all: the new content goes, over stdin, to a private file beside the old one, is
    checked, gets its owner and mode, and only then takes the old one's place.
    """
    path, new = quote(file.path), quote(f"{file.path}.new")
    steps = [
        # What a run that died has left may be open to others.
        f"umask 077 && rm -f {new}",
        # pyinfra ends standard input with a line break, where the content does not, and where there is none at all.
        f"head -c {len(file.content.encode())} > {new} && cat > /dev/null",
        # To a remote command, a killed run looks like the end of its standard input.
        f'[ "$(wc -c < {new})" -eq {len(file.content.encode())} ]',
        f"chown {quote(f'{file.user}:{file.group}')} {new}",
        f"chmod {quote(file.mode)} {new}",
        *([file.check.replace("{}", new)] if file.check else []),
        f"mv -f {new} {path}",
    ]
    return StringCommand(" && ".join(steps), _stdin=[Secret(file.content)])


def write_pair(key: File, certificate: File) -> StringCommand:
    """
    Write a private key and its certificate, in one command: what reads both at any moment, as etcd does at every
    handshake, shall not find a pair that does not fit, least of all after a run that died between the two.
    """
    length = len(key.content.encode())
    both, new = quote(f"{certificate.path}.both"), {file: quote(f"{file.path}.new") for file in (key, certificate)}
    steps = [
        "umask 077",
        f"cat > {both}",
        f'[ "$(wc -c < {both})" -eq {length + len(certificate.content.encode())} ]',
        f"head -c {length} {both} > {new[key]}",
        f"tail -c +{length + 1} {both} > {new[certificate]}",
        f"rm {both}",
        *(f"chown {quote(f'{one.user}:{one.group}')} {new[one]} && chmod {quote(one.mode)} {new[one]}" for one in new),
        f"mv -f {new[key]} {quote(key.path)}",
        f"mv -f {new[certificate]} {quote(certificate.path)}",
    ]
    return StringCommand(" && ".join(steps), _stdin=[Secret(key.content + certificate.content)])


def start_unit(unit: str, files: Sequence[str], *, wait: bool = True) -> StringCommand:
    """
    Enable and start a unit that is down, and remember which files it has read.

    + wait: whether to return only when the unit says that it is up; its last lines are printed when it does not
    """
    begin = f"systemctl reset-failed {quote(unit)} 2>/dev/null; systemctl daemon-reload"
    enable = f"systemctl enable --quiet {quote(unit)}"
    start = f"systemctl start {'' if wait else '--no-block '}{quote(unit)}"
    return StringCommand(f"{begin}; {{ {enable} && {start}; }} {or_journal(unit)} && {stamp(unit, files)}")


def load_unit(unit: str, files: Sequence[str], how: str) -> StringCommand:
    """
    Let a running unit read its files again, and remember that it has.

    + how: the command that does it without harm, e.g. ``systemctl reload haproxy``
    """
    return StringCommand(f"systemctl daemon-reload && {{ {how}; }} {or_journal(unit)} && {stamp(unit, files)}")


def or_journal(unit: str) -> str:
    """What a failed step of a unit prints: its last lines, because "failed" is no cause."""
    return f"|| {{ journalctl -u {quote(unit)} -n {JOURNAL_LINES} --no-pager -o cat >&2; false; }}"


def stamp(unit: str, files: Iterable[str]) -> str:
    """Remember under /run, which a reboot clears, the digest of the files that a unit has read."""
    listed = " ".join(map(quote, files)) or "/dev/null"
    digest = f"cat {listed} 2>/dev/null | sha256sum | cut -d' ' -f1"
    return f"mkdir -p {STAMP_DIRECTORY} && {digest} > {quote(f'{STAMP_DIRECTORY}/{unit}')}"
