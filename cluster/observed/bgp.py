"""What was seen of BGP on a host."""

from __future__ import annotations

from typing import TypedDict


class SeenSession(TypedDict):
    """
    One session with a router.

    + state: FRR's word; ``Established`` is up; + asn: of the router; + announced: how many addresses it was told
    + behaviour: of the router towards a connection without a password: ``accepts``, ``refuses``, ``silent``, or
      ``absent`` where no host answers at all; "": not tried
    """

    state: str
    asn: int
    announced: int
    behaviour: str


class SeenBgp(TypedDict):
    """What FRR says. + answers: whether it does; + sessions: by address of the router"""

    answers: bool
    sessions: dict[str, SeenSession]
