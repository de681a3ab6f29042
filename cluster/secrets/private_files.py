"""Files on the control machine that only their owner may read: the CA key and the generated secrets."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import ConfigError

OTHERS = 0o077
LOCK_POLL_SECONDS = 0.02


@contextmanager
def private_directory(directory: Path) -> Iterator[Path]:
    """
    Make the directory (0700) when it is absent and hold it alone: a second run waits here.

    The lock is on the directory itself and ends with the process, so a killed run leaves nothing behind to clean up.

    + directory: refused when others than the owner may enter it
    """
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unusable(directory, error) from error
    try:
        refuse_open_to_others(directory)
        _lock(descriptor)
        yield directory
        # overlayfs gives a lock back a moment after the file is closed, and whoever comes next would wait for it.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    # Never a blocking flock: pyinfra's hosts are greenlets of one thread, and the one that waits would keep the one
    # that holds the lock from ever going on. This sleep lets it.
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_POLL_SECONDS)


def refuse_open_to_others(path: Path) -> None:
    """Refuse a file or directory that group or others may use: what was in it may be known already."""
    mode = path.stat().st_mode & 0o777
    if mode & OTHERS:
        wanted = "700" if path.is_dir() else "600"
        raise ConfigError(
            f"{path} is open to other users: mode is {mode:04o}, not 0{wanted}\n"
            f"HINT: run 'chmod {wanted} {path}', and replace what is in it when other people use this machine."
        )


def read_text(path: Path) -> str:
    """Read a whole text file; what cannot be read is refused in one line."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, error) from error


def write_whole(path: Path, text: str, *, mode: int = 0o600, replace: bool = False) -> None:
    """
    Let a file appear under its name only when it is complete and on disk, so that a kill never leaves half of it.

    + replace: False fails with a refusal when the name exists, even when locks do not work (some network file systems)
    """
    temporary = None
    try:
        temporary = _finished_temporary(path, text, mode)
        (os.replace if replace else os.link)(temporary, path)
        _flush_directory(path.parent)
    except OSError as error:
        raise _unusable(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _finished_temporary(path: Path, text: str, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    return Path(name)


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(path: Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ConfigError(
        f"{path} cannot be used: {reason}\n"
        "HINT: it must exist or be possible to create, and belong to the user who runs pyinfra."
    )
