"""The shape of what a host says of its firewall."""

from __future__ import annotations

from typing import TypedDict


class SeenFirewall(TypedDict):
    """
    Our table on a host, whatever its files say.

    + installed: whether there is an nft
    + fails: what nft said when it could not list the tables; None: it could
    + loaded: the digest of the table's rules as nft lists them; None: there is no such table
    + recorded: the same just after our unit had loaded its file; None: it has not, since the boot
    + rules: what the file on disk opens, a line each; None: there is no file
    + on_trial: whether rules are loaded that the host takes back by itself unless a run proves them
    """

    installed: bool
    fails: str | None
    loaded: str | None
    recorded: str | None
    rules: list[str] | None
    on_trial: bool


class SeenAccess(TypedDict):
    """
    How the control machine gets to a host.

    + may_filter: whether the host may have a firewall of its own; a container may lack the capability
    + source, port: from which address ssh comes, and to which port of the host; None: this run does not come by ssh
    """

    may_filter: bool
    source: str | None
    port: int | None
