"""What the local Patroni and PostgreSQL say that the rule for virtual IP addresses needs. Standard library only."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vip_rule import PRIMARY

ANSWER_SECONDS = 1.0
LISTENING = "0A"  # linux/tcp_states.h


@dataclass(frozen=True)
class Leading:
    """
    What Patroni says of itself.

    + contact: when it reached etcd last, in seconds since the epoch; None: it does not say
    + streaming: names of the standbys that get their WAL from this member
    """

    leads: bool
    failsafe: bool
    contact: int | None
    streaming: frozenset[str] = frozenset()


class Patroni:
    """
    The local Patroni's REST API. Asked only what it knows itself: for some of its answers it would ask etcd first.

    + address, port: where it listens; + authority: the file with its CA
    + read_path: what it is asked about readers; + lag_mib: how far a replica for them may lag
    """

    def __init__(self, address: str, port: int, authority: str, read_path: str, lag_mib: int) -> None:
        self.address, self.port = address, port
        self.read_path, self.lag_mib = read_path, lag_mib
        self.context = ssl.create_default_context(cafile=authority)

    def leading(self) -> Leading:
        """Whether it leads. Raises OSError and others when it does not answer in time, or not as Patroni does."""
        status, text = self._asked("/primary")
        said: dict[str, Any] = json.loads(text)
        runs = said.get("role") in PRIMARY and said.get("state") == "running"
        contact, listed = said.get("dcs_last_seen"), said.get("replication") or []
        return Leading(
            leads=status == http.client.OK and runs,
            failsafe=bool(said.get("failsafe_mode_is_active")),
            contact=int(contact) if contact else None,
            streaming=frozenset(one["application_name"] for one in listed if one.get("state") == "streaming"),
        )

    def timing(self) -> tuple[int, int]:
        """ttl and loop_wait, by which it goes now; its defaults where they are not set. Raises as ``leading`` does."""
        status, text = self._asked("/config")
        if status != http.client.OK:
            raise ValueError(f"no configuration: {status}")
        said: dict[str, Any] = json.loads(text)
        return int(said.get("ttl", 30)), int(said.get("loop_wait", 10))

    def fits_readers(self) -> bool:
        """Whether it is a replica for readers. Raises as ``leading`` does."""
        return self._asked(f"{self.read_path}?lag={self.lag_mib}MB")[0] == http.client.OK

    def _asked(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=ANSWER_SECONDS, context=self.context)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def listens(address: str, port: int) -> bool:
    """Whether a process of this host takes connections to an address, which need not be on the host at this moment."""
    wanted = ipaddress.ip_address(address)
    places = {wanted, ipaddress.ip_address("::" if wanted.version == 6 else "0.0.0.0")}
    return any(place in places and taken == port for place, taken in _listening(wanted.version))


def _listening(version: int) -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    table = Path("/proc/net/tcp6" if version == 6 else "/proc/net/tcp")
    found = []
    for line in table.read_text().splitlines()[1:]:
        _, local, _, state = line.split()[:4]
        if state == LISTENING:
            text, _, port = local.partition(":")
            found.append((_address(text), int(port, 16)))
    return found


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as the kernel prints it: words of four bytes, each in the machine's order."""
    raw = bytes.fromhex(text)
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    return ipaddress.ip_address(b"".join(word[::-1] for word in words))
