"""A restore drill now: the newest backup, or another one, is restored on the repository host and looked through."""

from __future__ import annotations

import time

from pyinfra import host
from pyinfra.api import StringCommand, operation

from cluster.components.files import File
from cluster.components.pgbackrest import USER
from cluster.components.pgbackrest_drill import DRILL_SERVICE, REQUEST, drill_directory
from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.observed.pgbackrest import SeenDatabases, SeenDrill, SeenPgbackrest, SeenProof
from cluster.plans.verify_backup import PASSED, UNDECIDED, drill_obstacle, drill_progress, drill_request, proof_lines
from facts.pgbackrest import PgbackrestInfo
from facts.pgbackrest_drill import PgbackrestDrill
from facts.postgres.databases import PostgresDatabases
from operations.acts.commands import write_file
from operations.acts.component import Commands
from operations.acts.last_lines import show_last_lines
from operations.util.console import print_lines
from operations.util.hosts import current_node
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read

PROGRESS_SECONDS = 10
LOOKS = 10

_START = f"systemctl daemon-reload; systemctl reset-failed {DRILL_SERVICE} 2>/dev/null; systemctl start --no-block "


@operation()
def drill(cluster: Cluster, label: str | None = None) -> Commands:
    """
    Prove that a backup can be restored, and return when it is proven. A drill that is under way already is waited for,
    whatever it was asked.

    + label: of the backup; None: the newest
    """
    node = cluster.repository
    if node is None or node.name != current_node():
        host.noop("the repository host runs this step")
        return
    before = _drill(cluster)
    if dry_run():
        # The newest may be one that this run takes first; one that is named has to be there already.
        if label is not None and not before["running"]:
            _refuse_unfit(cluster, before, label)
        yield from decide_later(f"a restore drill of {label or 'the newest backup'}")
        return
    if before["running"]:
        print_lines(["a restore drill is under way already: none is started, its end is waited for"])
    else:
        _refuse_unfit(cluster, before, label)
        yield write_file(File(REQUEST, drill_request(label, _living(cluster)), USER, USER, "600"))
        yield StringCommand(_START + DRILL_SERVICE)
    _judge(node, _proof(cluster, node, before["last"]))


def _refuse_unfit(cluster: Cluster, before: SeenDrill, label: str | None) -> None:
    seen: SeenPgbackrest = host.get_fact(PgbackrestInfo, stanza=cluster.name)
    if obstacle := drill_obstacle(seen, before, label):
        raise UnsafeError(obstacle)


def _drill(cluster: Cluster, wait_seconds: int = 0) -> SeenDrill:
    scratch = f"{drill_directory(cluster)}/scratch" if wait_seconds else None
    seen: SeenDrill = host.get_fact(PgbackrestDrill, scratch=scratch, wait_seconds=wait_seconds)
    return seen


def _living(cluster: Cluster) -> SeenDatabases | None:
    """The leader's databases, for comparison; None when no leader answers, which is no reason not to try a backup."""
    seen: dict[str, SeenDatabases | None] = read(
        cluster.members, PostgresDatabases, port=cluster.settings.postgres_port
    )
    found = next((one for one in seen.values() if one and not one["in_recovery"]), None)
    if found is None:
        print_lines(["no leader answers: the copy is not compared with the living cluster"])
    return found


def _proof(cluster: Cluster, node: Node, known: SeenProof | None) -> SeenProof:
    """The proof, when there is a new one; on the way a line now and then. + known: the newest one before"""
    began, looks = time.monotonic(), 0
    while True:
        seen = _drill(cluster, PROGRESS_SECONDS)
        if seen["running"]:
            print_lines([drill_progress(seen, time.monotonic() - began)])
        elif seen["last"] is not None and seen["last"] != known:
            return seen["last"]
        elif (looks := looks + 1) > LOOKS:  # systemd begins a moment after it was told to
            break
    show_last_lines(node, DRILL_SERVICE)
    raise UnsafeError("the restore drill left no proof\nHINT: see its last lines above; fix that, and run this again.")


def _judge(node: Node, proof: SeenProof) -> None:
    print_lines(proof_lines(proof))
    if proof["verdict"] == PASSED:
        return
    show_last_lines(node, DRILL_SERVICE)
    reasons = "; ".join(proof["reasons"])
    if proof["verdict"] == UNDECIDED:
        raise UnsafeError(f"the restore drill came to no verdict: {reasons}\nHINT: fix that, and run this again.")
    raise UnsafeError(
        f"backup {proof['label']} is not proven: {reasons}\n"
        "HINT: take another one with deploys/backup.py --data type=full; "
        "see docs/runs/verify-backup.md for each reason."
    )
