"""Where the lab keeps what is not in the engine: ``.lab/`` of the repository root."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def lab_directory() -> Path:
    """Return ``.lab/``, made on first use and closed to other users."""
    directory = ROOT / ".lab"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextmanager
def locked() -> Iterator[None]:
    """Keep other processes of this repository out while shared state changes."""
    with (lab_directory() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
