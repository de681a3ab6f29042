"""Which run has the lock of a cluster, as a host notes it."""

from __future__ import annotations

import base64
from shlex import quote

from cluster.observed.run_lock import SeenLocks, SeenRunLock, read_holder
from facts.answer import Answer

LOCK_DIRECTORY = "/run/pyinfra-patroni-lock"

# Of the kernel and of the first process: a container is started again without the kernel.
KERNEL = "echo $(cat /proc/sys/kernel/random/boot_id)/$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)"

# A lock of another boot, or one that was not renewed in time, is none. The kernel's clock only goes forward.
_LOOK = r"""
[ -e {file} ] || exit 0
read -r run boot renewed lasts note < {file} || exit 1
[ "$boot" = "$({kernel})" ] || exit 0
now=$(cut -d. -f1 /proc/uptime)
[ "$((renewed + lasts))" -lt "$now" ] || echo "host|other|$((now - renewed))||$note"
"""


class RunLock(Answer[SeenRunLock | None]):
    """
    The lock that a run has on this host; None: none has it.

    + cluster: its name
    """

    def command(self, cluster: str) -> str:
        """One file, which a run renews."""
        return _LOOK.format(kernel=KERNEL, file=quote(f"{LOCK_DIRECTORY}/{cluster}"))

    @staticmethod
    def default() -> None:
        """No run has it."""

    def parsed(self, output: list[str]) -> SeenRunLock | None:
        """The one line."""
        return _place(output[0])


def locks_in(lines: list[str]) -> SeenLocks:
    """
    What ``on_host/run_lock.sh`` said. Raises ``ValueError`` for lines that are not its own.

    + lines: its standard output
    """
    found = {line.partition("|")[0]: line for line in lines}
    if not {"host"} <= set(found):
        raise ValueError(f"no answer about the lock in {lines!r}")
    boot = found["boot"].split("|")[1] if "boot" in found else ""
    return {"boot": boot, "host": _place(found["host"]), "etcd": _place(found["etcd"]) if "etcd" in found else None}


def _place(line: str) -> SeenRunLock:
    _, word, seconds, lease, text = line.split("|")
    said = text
    if word in ("error", "silent"):
        said = base64.b64decode(text).decode(errors="replace").strip()
    holder = read_holder(text) if word == "other" else None
    return {"word": word, "holder": holder, "renewed_seconds": max(0, int(seconds)), "lease": lease, "text": said}
