"""What was seen of BGP on a host."""

from __future__ import annotations

from typing import TypedDict


class SeenSession(TypedDict):
    """
    One session with a router.

    + state: FRR's word; ``Established`` is up; + asn: of the router
    + announced: the addresses that it was told, each with its prefix length
    + bfd: FRR's word, ``up`` or another; "": there is no BFD with it
    + reason: of the last message that ended or refused the session, by either side; "": there was none
    + behaviour: of the router towards a connection without a password: ``accepts``, ``refuses``, ``silent``, or
      ``absent`` where no host answers at all; "": not tried, as while the session is up
    """

    state: str
    asn: int
    announced: list[str]
    bfd: str
    reason: str
    behaviour: str


class SeenBgp(TypedDict):
    """
    What FRR says.

    + answers: whether it does; + sessions: by address of the router
    + addresses: that were on the loopback interface all the while, each with its prefix length
    """

    answers: bool
    addresses: list[str]
    sessions: dict[str, SeenSession]
