"""
Who has a virtual IP address, looked at many times a second from outside: by the kernel's own list in each host's
network, which is there for a frozen host, too.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from tests.lab.docker import DockerError, docker, run_in
from tests.lab.errors import LabError
from tests.lab.spec import Host
from tests.lab.vocabulary.load import Load

LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Look:
    """Who had which of the addresses. + at: by the monotonic clock; + holders: by address"""

    at: float
    holders: dict[str, frozenset[str]]


class AddressWatch:
    """
    Looks from ``with`` on until its end.

    + hosts: that may have the addresses; + addresses: to look for
    """

    def __init__(self, hosts: Iterable[Host], addresses: Iterable[str]) -> None:
        self.hosts, self.addresses = list(hosts), list(addresses)
        self.looks: list[Look] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        if self._thread.is_alive():
            raise LabError("the watch over addresses does not end")

    def double(self, address: str) -> list[Look]:
        """The looks at which more than one host had an address."""
        return [look for look in self.looks if len(look.holders[address]) > 1]

    def since(self, moment: float, address: str, holder: str) -> float | None:
        """Seconds from a moment until a host had an address. None: it never did."""
        times = [look.at - moment for look in self.looks if look.at >= moment and holder in look.holders[address]]
        return times[0] if times else None

    def without(self, address: str) -> float:
        """The longest time in seconds for which no host had an address."""
        longest, since = 0.0, None
        for look in self.looks:
            if look.holders[address]:
                since = None
                continue
            since = look.at if since is None else since
            longest = max(longest, look.at - since)
        return longest

    def now(self) -> dict[str, frozenset[str]]:
        """Who has what at this moment."""
        return looked(self.hosts, self.addresses).holders

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.looks.append(looked(self.hosts, self.addresses))


def looked(hosts: Iterable[Host], addresses: Iterable[str]) -> Look:
    """One look at all hosts. One that does not run has nothing."""
    at = time.monotonic()
    there = {host.container: _addresses(host) for host in hosts}
    return Look(at, {text: frozenset(name for name, own in there.items() if text in own) for text in addresses})


def _addresses(host: Host) -> set[str]:
    return _from_outside(host) if os.geteuid() == 0 else _from_within(host)


def _from_within(host: Host) -> set[str]:
    """The slower way, which cannot look into a frozen host."""
    try:
        return _shown(run_in(host.container, "ip -oneline address show"))
    except DockerError:
        return set()


def _from_outside(host: Host) -> set[str]:
    try:
        pid = docker("inspect", "--format", "{{.State.Pid}}", host.container).strip()
    except DockerError:
        return set()
    shown = subprocess.run(
        ["nsenter", "--target", pid, "--net", "ip", "-oneline", "address", "show"],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode and pid != "0" and "No such" not in shown.stderr:
        raise LabError(f"the addresses of {host.container} cannot be read: {shown.stderr.strip()}")
    return _shown(shown.stdout)


def _shown(text: str) -> set[str]:
    return {line.split()[3].partition("/")[0] for line in text.splitlines()}


def judge(what: str, watch: AddressWatch, load: Load) -> None:
    """Print what it cost. At no look did two hosts have an address, and no acknowledged write is lost."""
    verdict, seen, first = load.verdict(), load.report(), watch.addresses[0]
    print(
        f"\n{what}: gap {seen.longest_gap_seconds:.1f} s, {first} on no host {watch.without(first):.1f} s, "
        f"{len(watch.looks)} looks, acknowledged {seen.acknowledged}, lost {len(verdict.lost)}, {seen.reasons}"
    )
    for address in watch.addresses:
        assert any(look.holders[address] for look in watch.looks), f"nobody was ever seen with {address}"
        assert watch.double(address) == [], address
    assert not verdict.lost and not verdict.duplicated
