"""What a systemd unit needs so that it runs with the files that lie on disk."""

from __future__ import annotations

from typing import Literal

from cluster.observed.host import SeenUnit

Step = Literal["none", "start", "load"]


def unit_step(unit: SeenUnit) -> Step:
    """
    What to do with a unit: start it, let it load its files (by reload or restart, as the unit can), or nothing.

    Decided by evidence alone. A run may have died between writing a file and reloading its unit; the next run sees an
    unchanged file and must still reload.

    + unit: what the fact ``HostComponent`` says of the unit
    """
    if unit["active"] not in ("active", "activating", "reloading"):
        return "start"
    return "none" if has_loaded_its_files(unit) else "load"


def has_loaded_its_files(unit: SeenUnit) -> bool:
    """
    Whether the running unit has read its files as they are now.

    Either the stamp that was written after its last start or reload has the files' digest, or it started after the
    newest of them was written: a reboot clears the stamp and loads the files anyway.
    """
    if unit["needs_daemon_reload"]:
        return False
    if unit["loaded_digest"]:
        return bool(unit["loaded_digest"] == unit["files_digest"]) or _started_after_its_files(unit)
    return _started_after_its_files(unit)


def _started_after_its_files(unit: SeenUnit) -> bool:
    # Both are whole seconds: a file of the same second may have come after the start.
    return bool(unit["started_at"] > unit["files_changed_at"])
