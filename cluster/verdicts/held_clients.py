"""How planned work treats the clients of PgBouncer: whether they wait for it, and what of their transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.declared.model import Cluster, Node
from cluster.declared.pgbouncer import pooling_hosts
from cluster.obstacles import Obstacle

ABORT, WAIT, TERMINATE = "abort", "wait", "terminate"
HELD = "held"
SHOWN = 10


@dataclass(frozen=True)
class Holding:
    """
    What a run was told.

    + wanted: clients wait; else their connections break, as those of clients without PgBouncer do
    + transactions: what becomes of the work when some last longer than ``pgbouncer_transaction_seconds``: ``abort`` it,
      ``wait`` for their end before clients are held, or ``terminate`` them
    + without: hosts whose clients are not held
    """

    wanted: bool = True
    transactions: str = ABORT
    without: tuple[str, ...] = ()


# Unless a run is told otherwise.
HOLD = Holding()


@dataclass(frozen=True)
class Transaction:
    """A transaction of a pool that is still under way. + host: of PgBouncer; + pid: of the server, on the primary"""

    host: str
    process: str
    database: str
    user: str
    pid: int


def held_hosts(cluster: Cluster, holding: Holding) -> list[Node]:
    """The hosts whose clients are to wait; none where the run does without, or no client writes."""
    if cluster.source is not None:
        return []
    return [node for node in pooling_hosts(cluster) if holding.wanted and node.name not in holding.without]


def transactions(host: str, lines: Iterable[str]) -> list[Transaction] | None:
    """
    What ``hold_command`` printed on a host: the transactions that are under way; none where the clients are held, and
    None where it is not known whether they are.
    """
    listed = [line for line in lines if line]
    if not listed:
        return None
    rows = [line.split("|") for line in listed if line != HELD]
    return [Transaction(host, process, database, user, int(pid)) for process, database, user, pid in rows]


def silent_obstacle(silent: Sequence[str]) -> Obstacle:
    """Why nothing is done while a PgBouncer cannot be told to wait. + silent: its hosts"""
    listed = ",".join(silent)
    return Obstacle(
        f"PgBouncer on {', '.join(silent)} does not hold its clients back",
        f"see `systemctl status 'pgbouncer@*'` there, or accept that the transactions of its clients fail: "
        f"--data without_pool={listed}",
    )


def busy_obstacle(cluster: Cluster, found: Sequence[Transaction]) -> Obstacle:
    """Why nothing is done while transactions go on."""
    listed = "; ".join(map(described_transaction, found[:SHOWN]))
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return Obstacle(
        f"{len(found)} transactions through PgBouncer last longer than {cluster.settings.pgbouncer_transaction_seconds}"
        f" s: {listed}{more}",
        "run again when they have ended, or let the run see to them: --data transactions=wait waits for their end, "
        "--data transactions=terminate ends them",
    )


def described_transaction(one: Transaction) -> str:
    """One of them in words."""
    return f"{one.user} in {one.database}, process {one.pid} (pool {one.process} on {one.host})"


def unheld(cluster: Cluster, holding: Holding) -> list[str]:
    """The hosts of PgBouncer whose clients do not wait, and so get errors."""
    held = held_hosts(cluster, holding)
    return [node.name for node in pooling_hosts(cluster) if node not in held and cluster.source is None]
