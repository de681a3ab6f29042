"""Delete what Patroni keeps of a removed member: its key in etcd, and its replication slots on the others."""

from __future__ import annotations

from collections.abc import Generator
from shlex import quote

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand

from cluster.declared.model import Cluster, Node
from cluster.errors import UnsafeError
from cluster.inventory.clusters import slot_name
from cluster.measures import version_of
from cluster.plans.remove_node import traces_of
from cluster.verdicts.live import Live
from cluster.verdicts.removal_notes import remaining, removals
from facts.postgres.sessions import SlotLeft
from operations.acts.act import Act
from operations.acts.component import Commands
from operations.acts.etcdctl import change_etcd
from operations.live.members import look
from operations.patroni_configuration import patch_command
from operations.util.hosts import acts_here, in_this_run
from operations.util.planning import decide_later, dry_run
from operations.util.reading import read

# wal_sender_timeout is 60 s: for so long a primary believes that a standby which died without a word is there.
SLOT_SECONDS = 90

# From here on a member's slot outlives it: https://patroni.readthedocs.io/en/latest/dynamic_configuration.html
SLOTS_LAST_FROM = (4, 0, 0)


@operation()
def deregister(cluster: Cluster, leaving: str) -> Commands:
    """
    Let the others forget a member whose Patroni is stopped or dead: its key in etcd, its slots, and a permanent slot
    of its name. Refuses while its Patroni runs where this run does not reach it.

    + leaving: the node's name
    """
    node, rest = cluster.node(leaving), remaining(cluster, {leaving})
    if not acts_here(rest.members):
        return
    live = look(rest)
    if live.etcd is None or live.etcd["keys"] is None or not live.patroni["answers"]:
        raise UnsafeError("etcd or Patroni does not answer\nHINT: fix that, and run again; nothing is left half done.")
    key = cluster.key("members", leaving)
    if dry_run() and traces_of(cluster, live, node).any:
        yield from decide_later(f"what the others know of {leaving}")
        return
    if key in live.etcd["keys"]:
        _refuse_if_out_of_reach(node)
        yield change_etcd(rest, f"del {quote(key)}")
    acted = yield from _slots_dropped(cluster, rest, live, node)
    if key not in live.etcd["keys"] and not acted:
        host.noop(f"{leaving} has no keys and no slots")


def _refuse_if_out_of_reach(node: Node) -> None:
    if not in_this_run((node,)):
        raise UnsafeError(
            f"Patroni of {node.name} is known to etcd again, and this run does not reach the host\n"
            "HINT: it came back: run again and let the run have it."
        )


def _slots_dropped(cluster: Cluster, rest: Cluster, live: Live, node: Node) -> Generator[PyinfraCommand, None, bool]:
    """
    Patroni keeps an absent member's slot for half an hour, and makes it again when somebody else drops it; with a
    ``member_slots_ttl`` of 0 it drops it itself. What was set before stands in the note of the removal. Returns whether
    there was anything to do.
    """
    slot, config = slot_name(node.name), live.patroni["config"] or {}
    keeping, permanent = traces_of(cluster, live, node).slots, slot in (config.get("slots") or {})
    lasting = version_of(live.patroni["version"]) >= SLOTS_LAST_FROM
    patch = {
        **({"slots": {slot: None}} if permanent else {}),
        **({"member_slots_ttl": 0} if keeping and lasting and config.get("member_slots_ttl") != 0 else {}),
    }
    speaker = _speaker(rest, live)
    if patch:
        yield Act(speaker, patch_command(patch))
    if keeping or permanent:
        _await_their_end(rest, live, slot)
    before, lowered = _ttl_before(cluster, live, node), {**config, **patch}.get("member_slots_ttl") == 0
    if lowered and before != 0:
        yield Act(speaker, patch_command({"member_slots_ttl": before}))
    return bool(patch) or bool(keeping) or (lowered and before != 0)


def _ttl_before(cluster: Cluster, live: Live, node: Node) -> int | str | None:
    note = removals(cluster, live.keys).get(node.name)
    return note.slots_ttl if note is not None else None


def _speaker(rest: Cluster, live: Live) -> Node:
    """A member whose Patroni can be told something: of this run, and not silent."""
    return next(node for node in in_this_run(rest.members) if node.name not in live.silent)


def _await_their_end(rest: Cluster, live: Live, slot: str) -> None:
    # A member whose PostgreSQL is down cannot be asked; Patroni drops its slot when it is up again.
    asked = [node for node in in_this_run(rest.members) if (seen := live.postgres[node.name]) and seen["answers"]]
    question = {"port": rest.settings.postgres_port, "slot": slot, "wait_seconds": SLOT_SECONDS}
    left = [name for name, there in read(asked, SlotLeft, **question).items() if there is not False]
    if left:
        raise UnsafeError(
            f"the slot {slot} is still there on {', '.join(left)} after {SLOT_SECONDS} s\n"
            "HINT: run again; if it is active, see who reads it: 'select * from pg_replication_slots'."
        )
