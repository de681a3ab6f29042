"""
Has this member's virtual IP addresses while the rule allows it: asks the local Patroni twice a second, and at once when
a callback of Patroni's says that something changed. Each address has a lifetime in the kernel, so whatever happens to
this program, its host or its Patroni, an address that is not renewed ends by itself.

    vip.py CONFIGURATION            run, as a service of systemd
    vip.py CONFIGURATION --clear    remove all addresses

Standard library only.
"""

from __future__ import annotations

import http.client
import json
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import vip_frames
import vip_kernel
from vip_patroni import Leading, Patroni, listens
from vip_pools import Pools
from vip_rule import BGP, LEADER, READ, WRITE, Contact, Rules, Seen, objection, patience
from vip_service import calls, tell_systemd, wait

POLL_SECONDS = 0.5
READING_SECONDS = 1.0
# A verdict that is older is not acted upon: this program, or its host, stood still meanwhile.
FRESH_SECONDS = 1.0
# After that many questions without an answer an address is removed before its lifetime ends.
MISSES = 2
ANNOUNCEMENTS = 4
# How often one that has the address for reading looks whether it is alone.
PROBE_AGAIN_SECONDS = 5.0
RUNTIME = Path("/run/vip")


@dataclass
class Held:
    """
    One address on this host.

    + allowed: since when nothing speaks against it
    + announcements: still to be made; + probed: when the network was asked last whether another host has it, too
    """

    use: str
    held: bool = False
    allowed: float | None = None
    announcements: int = 0
    probed: float = 0.0
    why: str = "not asked yet"


@dataclass
class Holder:
    """The addresses of this member, and what is known of its cluster. + given: the configuration"""

    given: dict[str, Any]
    addresses: dict[str, Held] = field(default_factory=dict)
    misses: int = 0
    read_at: float = 0.0
    fits: bool = False
    pooled: bool = True
    limits: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contact = Contact()
        self.written = ""
        self.interface = ""
        self.follow(self.given)

    def follow(self, given: dict[str, Any]) -> None:
        """Go by another configuration, and keep what it leaves. + given: the new one"""
        listed = {text: use for use in (WRITE, READ) for text in given[use]}
        former = {address: one for address, one in self.addresses.items() if listed.get(address) == one.use}
        moved = any(given.get(name) != self.given.get(name) for name in ("mode", "interface", "client_address"))
        for address, one in self.addresses.items():
            if one.held and (moved or address not in former):
                self._let_go(address, one)
        self.interface = "" if moved else self.interface
        self.given = given
        self.pools = Pools(given.get("pools", []))
        self.limits = []
        self.rules = Rules(given["mode"], given["rank"], given["fallback"])
        self.addresses = {address: former.get(address) or Held(use) for address, use in listed.items()}

    def clear(self) -> None:
        """Remove all addresses, wherever they are."""
        for address, one in self.addresses.items():
            one.held = False
            while (there := vip_kernel.interface_of(address)) is not None and vip_kernel.drop(address, there):
                print(f"{address}: removed from {there}", flush=True)

    def step(self, patroni: Patroni) -> None:
        """Ask, judge, act. + patroni: the local one"""
        asked, wall = time.monotonic(), time.time()
        said = self._said(patroni, asked)
        self.misses = self.misses + 1 if said is None else 0
        age = self.contact.age(said.contact, asked, wall) if said is not None else 0.0
        for address, one in self.addresses.items():
            seen = None if said is None else self._seen(said, age, address)
            try:
                self._act(address, one, seen, asked)
            except OSError:  # of the network: what was not renewed ends, and an interface may come back by another name
                self.interface = ""
        self._note()

    def _said(self, patroni: Patroni, now: float) -> Leading | None:
        try:
            said = patroni.leading()
            if said.contact != self.contact.value or not self.limits:
                ttl, loop_wait = patroni.timing()
                # The one before counts, too: a key may still end by it.
                self.limits = [*self.limits[-1:], ttl - loop_wait - self.given["margin_seconds"]]
            if self.given[READ] and now - self.read_at >= READING_SECONDS:
                self.fits, self.pooled, self.read_at = patroni.fits_readers(), self.pools.answer(), now
            return said
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def _seen(self, said: Leading, age: float, address: str) -> Seen:
        heard = listens(address, self.given["port"])
        replicas = not said.streaming.isdisjoint(self.given["readers"])
        return Seen(said.leads, self.fits, replicas, age, min(self.limits), said.failsafe, heard, self.pooled)

    def _act(self, address: str, one: Held, seen: Seen | None, asked: float) -> None:
        one.why = objection(one.use, self.rules, seen)
        if seen is None and self.misses < MISSES:
            return  # not renewed, and perhaps answered for at the next question
        if seen is None or one.why:
            one.allowed = None
            if one.held:
                self._let_go(address, one)
            return
        one.allowed = asked if one.allowed is None else one.allowed
        if one.held or (asked - one.allowed >= patience(one.use, self.rules) and self._is_free(address, one)):
            self._renew(address, one, asked)

    def _is_free(self, address: str, one: Held) -> bool:
        if self.rules.mode != LEADER:
            return True
        other = vip_frames.answered(address, self._interface())
        one.why = f"{other} answers for it" if other else ""
        return other is None

    def _renew(self, address: str, one: Held, asked: float) -> None:
        if time.monotonic() - asked > FRESH_SECONDS:
            return
        vip_kernel.renew(address, self._interface(), self.given["lease_seconds"])
        if time.monotonic() - asked > FRESH_SECONDS:  # it stood still between the question and the deed
            self._let_go(address, one)
            return
        if not one.held:
            one.held, one.announcements = True, ANNOUNCEMENTS
            print(f"{address}: taken", flush=True)
        if one.use == READ and asked - one.probed >= PROBE_AGAIN_SECONDS:
            self._yield(address, one, asked)
        if one.held and one.announcements and self.rules.mode == LEADER:
            one.announcements -= 1
            vip_frames.announce(address, self._interface())

    def _yield(self, address: str, one: Held, asked: float) -> None:
        # Two replicas that could not hear each other may both have it; the leader alone has the one for writing.
        one.probed = asked
        other = vip_frames.answered(address, self._interface()) if self.rules.mode == LEADER else None
        if other is not None and other < vip_frames.hardware_address(self._interface()).hex(":"):
            one.why, one.allowed = f"{other} has it, too", None
            self._let_go(address, one)

    def _let_go(self, address: str, one: Held) -> None:
        one.held = False
        vip_kernel.drop(address, self._interface())
        print(f"{address}: let go: {one.why}", flush=True)

    def _interface(self) -> str:
        if self.rules.mode == BGP:
            return "lo"
        own = self.given.get("client_address", self.given["own"])
        self.interface = self.given["interface"] or self.interface or vip_kernel.interface_of(own) or ""
        return self.interface

    def _note(self) -> None:
        """For status.py and check.py: who has what here, and why not."""
        text = json.dumps({address: {"held": one.held, "why": one.why} for address, one in self.addresses.items()})
        if text != self.written:
            draft = RUNTIME / "state.new"
            draft.write_text(text + "\n")
            draft.replace(RUNTIME / "state.json")
            self.written = text


def patroni_of(given: dict[str, Any]) -> Patroni:
    """The local one. + given: the configuration"""
    return Patroni(given["own"], given["rest_port"], given["authority"], given["read_path"], given["lag_mib"])


def main(path: str, *options: str) -> None:
    """See the module."""
    holder = Holder(json.loads(Path(path).read_text()))
    holder.clear()
    if options:
        return
    patroni, changed = patroni_of(holder.given), []
    signal.signal(signal.SIGHUP, lambda *_: changed.append(True))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the unit clears behind it
    called = calls()
    tell_systemd("READY=1")
    while True:
        if changed:
            changed.clear()
            holder.follow(json.loads(Path(path).read_text()))
            patroni = patroni_of(holder.given)
        holder.step(patroni)
        tell_systemd("WATCHDOG=1")
        wait(called, POLL_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
