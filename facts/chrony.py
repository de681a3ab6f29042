"""The clock service of a host."""

from __future__ import annotations

from cluster.components.chrony import CONFIGURATION
from cluster.observed.chrony import SeenClock
from facts.answer import Answer

SERVICES = ("systemd-timesyncd", "chrony", "ntpsec", "ntp", "openntpd")

# CAP_SYS_TIME is bit 25 of what the first process may ever do: https://man7.org/linux/man-pages/man7/capabilities.7.html
_ASK = f"""
bounds=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status)
echo "may_set|$(( (0x$bounds >> 25) & 1 ))"
[ -e {CONFIGURATION} ] && echo "marked|1" || echo "marked|0"
systemctl show -p Id -p LoadState -p ActiveState {" ".join(f"{name}.service" for name in SERVICES)}
"""


class HostClock(Answer[SeenClock]):
    """Whether the host may set its clock, which clock services it has, and whether chrony is there because of us."""

    def command(self) -> str:
        """One shell script for all of it."""
        return _ASK

    def parsed(self, output: list[str]) -> SeenClock:
        """Two lines of ours, then systemd's blocks."""
        ours = dict(line.split("|") for line in output if "|" in line)
        units: list[dict[str, str]] = []
        for line in output:
            name, mark, value = line.partition("=")
            if name == "Id":
                units.append({})
            if mark and units:
                units[-1][name] = value
        services = {
            unit["Id"].removesuffix(".service"): unit["ActiveState"] for unit in units if unit["LoadState"] == "loaded"
        }
        return {"may_set": ours["may_set"] == "1", "services": services, "marked": ours["marked"] == "1"}
